// The live board: each row is kept by its key and only changed where something changed; times tick here, not on the server.
import { secondsSince } from "./clock.js";
import { readable } from "./card.js";
import { h, icon, setText, show } from "./dom.js";
import { drawStrip, tellLinks, tickStrip } from "./links.js";
import { banner, socket } from "./shell.js";
import { menuButton, showListening, supervise } from "./supervise.js";
import { DIRECTIONS, STATES, duration, language, t } from "./words.js";

const LATE = 20;
const BAD = 60;
const ORDER = ["ringing", "on_call", "on_hold", "wrap_up", "available", "paused", "unreachable", "offline"];
const PHASES = { ringing: t("Ringing"), queued: t("In queue"), talking: t("Talking"), held: t("On hold"), voicemail: t("Voicemail") };
const LEVELS = { good: t("in time"), late: t("late"), bad: t("too long") };

const names = new Intl.Collator(language);
const state = { calls: {}, queues: {}, agents: {}, links: {} };
const ticking = new Map();
let due = false;

socket.addEventListener("snapshot", ({ detail }) => {
  if (detail.topic !== "board") return;
  for (const part of Object.keys(state)) state[part] = detail.state[part] || {};
  draw();
});
socket.addEventListener("delta", ({ detail }) => {
  if (detail.type !== "board.delta") return;
  for (const part of Object.keys(state)) {
    Object.assign(state[part], detail[part]?.set);
    for (const key of detail[part]?.gone || []) delete state[part][key];
  }
  drawLinks();
  if (Object.keys(state).some((part) => part !== "links" && touched(detail[part]))) later();
});
socket.subscribe("board");
supervise(state, (call) => (call.user ? state.agents[call.user]?.display_name || call.user : call.extension) || "").then(later);
setInterval(tick, 1000);
for (const id of ["waiting", "queues", "agents", "calls"]) document.getElementById(id).addEventListener("pointerleave", later);

/** Many frames may come between two paints; the board is drawn once for all of them. */
function later() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

function draw() {
  const waiting = callersWaiting();
  const agents = Object.entries(state.agents).sort(byState);
  const calls = Object.entries(state.calls).sort(([, a], [, b]) => Date.parse(a.started_at) - Date.parse(b.started_at));
  const queues = Object.entries(state.queues).sort(([, a], [, b]) => b.waiting.length - a.waiting.length || names.compare(a.name, b.name));
  list("waiting", waiting.map((one) => [one.key, one]), waitingRow);
  list("queues", queues, queueRow);
  list("agents", agents, agentRow);
  list("calls", calls, callRow);
  figures(waiting, agents, calls, queues);
  drawLinks();
  showListening(document.getElementById("listening"));
  tick();
}

/** Which telephone system it is, where there are several. */
const site = (pbx) => (Object.keys(state.links).length > 1 ? pbx : null);

const touched = (part) => Boolean(part && (Object.keys(part.set || {}).length || part.gone?.length));

/** Figures of the links come every second; nothing else is drawn for them. */
function drawLinks() {
  tellLinks(banner, state.links, false);
  drawStrip(document.getElementById("links"), state.links);
  // What a telephone system that is away told last is old; the others' goes on.
  for (const id of ["waiting", "queues", "calls"]) {
    for (const row of document.getElementById(id).rows?.values() ?? []) row.classList.toggle("is-away", state.links[row.shownValue?.pbx]?.up === false);
  }
}

function callersWaiting() {
  const all = Object.values(state.queues).flatMap((queue) => queue.waiting.map((one) => ({ ...one, queue: queue.name, pbx: queue.pbx, key: one.call_id || `${queue.name} ${one.position} ${one.since}` })));
  return all.sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
}

const byState = ([, a], [, b]) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || names.compare(a.display_name, b.display_name);

/** A delta brings whole new values, so what is the same object has not changed; only new objects are looked into. */
const same = (before, after) => before === after || (before !== undefined && JSON.stringify(before) === JSON.stringify(after));

/** Bring a list to the wanted rows in the wanted order; a row whose value did not change is not touched. */
function list(id, entries, build) {
  const place = document.getElementById(id);
  const kept = (place.rows ??= new Map());
  const wanted = new Set(entries.map(([key]) => key));
  for (const [key, row] of kept) {
    if (wanted.has(key)) continue;
    row.remove();
    ticking.delete(row);
    kept.delete(key);
  }
  // While the pointer is on a list its rows stay where they are: a button must not move away under it.
  const still = place.matches(":hover");
  const rows = entries.map(([key, value]) => {
    let row = kept.get(key);
    if (!row) {
      row = h("li", { class: "board-row", data: { key } });
      kept.set(key, row);
    }
    if (!same(row.shownValue, value)) {
      row.shownValue = value;
      ticking.delete(row);
      row.replaceChildren();
      build(row, key, value);
      // Only a changed row can have a new place: taken out first, it does not make the others move.
      if (!still && !row.contains(document.activeElement)) row.remove();
    }
    return row;
  });
  let before = place.firstElementChild;
  for (const row of rows) {
    if (still && row.parentNode) continue;
    if (still) place.append(row);
    else if (row === before) before = before.nextElementSibling;
    else place.insertBefore(row, before);
  }
  document.getElementById(`no-${id}`).hidden = entries.length > 0;
  const count = document.getElementById(`${id}-count`);
  if (count) setText(count, String(entries.length));
}

function clock(row, since, level = null) {
  const element = h("span", { class: "board-clock" });
  if (since) ticking.set(row, { element, since, level });
  return element;
}

function tick() {
  for (const [row, { element, since, level }] of ticking) {
    const seconds = secondsSince(since);
    setText(element, duration(seconds));
    level?.(row, seconds);
  }
  tickStrip(document.getElementById("links"));
}

const caller = (number, name, contact) => contact?.name || name || (number ? readable({ e164: number.startsWith("+") ? number : null, raw: number }) : t("Number withheld"));

function waitingRow(row, key, one) {
  row.classList.add("waiting-row");
  row.dataset.testid = "board-waiting-row";
  const word = h("span", { class: "level-word" });
  const level = (target, seconds) => {
    const name = seconds >= BAD ? "bad" : seconds >= LATE ? "late" : "good";
    if (target.dataset.level !== name) target.dataset.level = name;
    setText(word, LEVELS[name]);
  };
  const name = caller(one.number, one.name, one.contact);
  row.append(h("div", {}, h("strong", {}, one.contact ? h("a", { class: "text-reset", href: `/contacts/${one.contact.id}` }, name) : name), h("small", {}, [`${one.position}.`, one.queue, site(one.pbx), one.contact && one.number].filter(Boolean).join(" · "))),
    h("div", {}, clock(row, one.since, level), word), one.call_id ? menuButton("waiting", one.call_id, name) : "");
}

function queueRow(row, key, queue) {
  row.classList.add("queue-row");
  row.dataset.testid = "board-queue-row";
  const calls = (outcome) => `/calls?queue=${encodeURIComponent(queue.name)}&from=${day()}${outcome ? `&outcome=${outcome}` : ""}`;
  const cell = (label, value) => h("span", { title: label, "aria-label": `${label}: ${value}` }, String(value));
  row.append(h("div", {}, h("strong", {}, queue.name), site(queue.pbx) && h("small", {}, queue.pbx)), cell(t("waiting"), queue.waiting.length), cell(t("free"), queue.available),
    h("a", { class: "text-reset", href: calls("answered"), title: t("taken") }, String(queue.completed)), h("a", { class: queue.abandoned ? "text-red" : "text-reset", href: calls("abandoned"), title: t("lost") }, String(queue.abandoned)));
}

function agentRow(row, key, agent) {
  row.classList.add("agent-row");
  row.dataset.testid = "board-agent-row";
  row.dataset.state = agent.state;
  const call = agent.call_id && state.calls[agent.call_id];
  const name = agent.user ? h("a", { class: "text-reset", href: `/calls?agent=${encodeURIComponent(agent.user)}&from=${day()}`, title: t("Calls of today") }, agent.display_name) : h("span", { class: "text-secondary" }, agent.display_name || agent.extension);
  const words = agent.state === "paused" && agent.paused_reason ? `${STATES.paused}: ${agent.paused_reason}` : STATES[agent.state];
  row.append(h("div", {}, h("strong", {}, name), h("small", {}, [agent.extension, agent.queues.join(", "), call && caller(call.number.e164 || call.number.raw, call.caller_name, call.contact)].filter(Boolean).join(" · "))),
    h("span", { class: `agent-state state-${agent.state}` }, h("i", { class: "state-dot" }), words),
    clock(row, agent.since), agent.user ? menuButton("agent", key, agent.display_name) : "");
}

function callRow(row, key, call) {
  row.classList.add("call-row");
  row.dataset.testid = "board-call-row";
  row.dataset.phase = call.phase;
  const symbol = { inbound: "phone-incoming", outbound: "phone-outgoing", internal: "arrows-exchange" }[call.direction];
  const agent = call.user ? state.agents[call.user]?.display_name || call.user : call.extension;
  const ringing = call.phase === "ringing" && call.ringing.length ? `→ ${call.ringing.slice(0, 4).join(", ")}${call.ringing.length > 4 ? "…" : ""}` : null;
  row.append(h("span", { class: "past-icon", title: DIRECTIONS[call.direction] }, icon(symbol)),
    h("div", {}, h("strong", {}, h("a", { class: "text-reset", href: `/calls/${encodeURIComponent(key)}` }, caller(call.number.e164 || call.number.raw, call.caller_name, call.contact))),
      h("small", {}, [site(call.pbx), agent, ringing, call.queue, call.direction === "outbound" ? null : call.did].filter(Boolean).join(" · "))),
    h("div", { class: "text-end" }, clock(row, call.since), h("small", {}, call.parked ? t("Parked on {space}", { space: call.parked }) : PHASES[call.phase] || call.phase)),
    menuButton("call", key, caller(call.number.e164 || call.number.raw, call.caller_name, call.contact)));
}

function day() {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
}

function figures(waiting, agents, calls, queues) {
  const people = agents.filter(([, { user }]) => user);
  const count = (...states) => people.filter(([, { state: now }]) => states.includes(now)).length;
  const sum = (field) => queues.reduce((total, [, queue]) => total + queue[field], 0);
  const values = [
    [waiting.length, t("callers waiting"), "#waiting-title", waiting.length > 0], [calls.length, t("live calls"), "#calls-title"], [count("available"), t("agents free"), "#agents-title", waiting.length > 0 && count("available") === 0],
    [count("on_call", "on_hold", "ringing"), t("agents busy"), "#agents-title"], [count("paused", "wrap_up"), t("paused, wrap-up"), "#agents-title"],
    [sum("completed"), t("taken from queues"), `/calls?from=${day()}&direction=inbound&outcome=answered`], [sum("abandoned"), t("abandoned in queues"), `/calls?from=${day()}&outcome=abandoned`, sum("abandoned") > 0],
  ];
  show(document.getElementById("board-figures"), values, () => values.map(([value, label, href, bad]) => h("a", { class: `board-figure ${bad ? "is-bad" : ""}`, href }, h("strong", {}, String(value)), h("span", {}, label))));
}
