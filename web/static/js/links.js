// The links to the telephone systems: the line that says that one is late or away, and the strip of figures on the board.
import { h, setText } from "./dom.js";
import { secondsSince } from "./clock.js";
import { duration, language, t, timeOfDay } from "./words.js";

const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const milliseconds = (value) => (value === null ? "–" : number.format(value < 10 ? value : Math.round(value)));

/** Say in the banner how the links do; `quiet` for those who cannot do anything about it. */
export function tellLinks(banner, links, quiet) {
  const away = Object.values(links).every(({ up }) => !up) ? "down" : "part";
  for (const [name, link] of Object.entries(links)) tell(banner, name, link, `${link.up ? "late" : away}${quiet ? " quiet" : ""}`);
}

function tell(banner, name, link, kind) {
  const key = `pbx ${name}`;
  const quiet = kind.includes("quiet");
  if (link.up && !link.late_since) return banner.set(key, null);
  const text = link.up
    ? quiet ? t("The telephone system ({name}) is late: cards may come late.", { name }) : t("The telephone system ({name}) is late: what you see happened some seconds ago.", { name })
    : quiet ? t("The telephone system ({name}) is away: cards do not come until it is back.", { name }) : t("The telephone system ({name}) is not connected. Calls are not shown until it is back.", { name });
  return banner.set(key, text, Date.parse(link.up ? link.late_since : link.since), kind);
}

/** One cell per telephone system; a cell stays, only texts that changed are written. */
export function drawStrip(place, links) {
  const cells = (place.cells ??= new Map());
  const names = Object.keys(links).sort();
  for (const [name, cell] of cells) {
    if (links[name]) continue;
    cell.remove();
    cells.delete(name);
  }
  for (const name of names) {
    if (!cells.has(name)) cells.set(name, place.appendChild(build(name)));
    paint(cells.get(name), links[name]);
  }
  place.hidden = names.length === 0;
}

/** The clocks of what is wrong run here; called once a second. */
export function tickStrip(place) {
  for (const cell of place.cells?.values() ?? []) tellState(cell);
}

function build(name) {
  const part = (key, label) => h("span", { class: "strip-figure", data: { figure: key } }, h("b", {}), " ", label);
  return h("li", { class: "strip-cell", data: { testid: "board-link", key: name } }, h("i", { class: "state-dot" }), h("strong", { title: name }, name), h("span", { class: "strip-state" }),
    h("div", { class: "strip-figures" }, part("lag", t("delay")), part("rate", t("events/s")), part("bad", t("unreadable")), part("pops", t("ms to the card"))));
}

function paint(cell, link) {
  cell.shown = link;
  const state = link.up ? (link.late_since ? "late" : "up") : "down";
  if (cell.dataset.state !== state) cell.dataset.state = state;
  const figure = (key, value, title) => {
    const place = cell.querySelector(`[data-figure=${key}]`);
    setText(place.firstChild, value);
    if (place.title !== title) place.title = title;
  };
  const { count, p50_ms: half, p95_ms: most, p99_ms: nearly } = link.pops;
  figure("lag", link.up ? (link.lag_seconds < 1 ? `${Math.round(link.lag_seconds * 1000)} ms` : `${number.format(link.lag_seconds)} s`) : "–", t("How late what happens there is known here"));
  figure("rate", link.up ? number.format(link.events_per_second) : "–", t("Events of calls and queues in a second"));
  figure("bad", number.format(link.bad), t("Messages that could not be read, since the start"));
  figure("pops", [half, most, nearly].map(milliseconds).join(" / "), t("Until half, 95 % and 99 % of the cards of the last 5 minutes were sent ({n} cards)", { n: count }));
  tellState(cell);
}

function tellState(cell) {
  const { up, since, late_since: late, reason } = cell.shown;
  const words = !up
    ? t("away for {time}", { time: duration(secondsSince(since)) }) + (reason ? `: ${reason}` : "")
    : late ? t("late for {time}", { time: duration(secondsSince(late)) }) : t("connected since {time}", { time: timeOfDay(since) });
  const place = cell.querySelector(".strip-state");
  setText(place, words);
  if (place.title !== (reason || "")) place.title = reason || "";
}
