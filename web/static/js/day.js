// The agent's own day: one line of states, the time in each, calls and talk.
import { get } from "./api.js";
import { h, show } from "./dom.js";
import { STATES, duration, t, timeOfDay, tn } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const EVERY = 60000;
const ORDER = ["on_call", "on_hold", "ringing", "wrap_up", "available", "paused", "unreachable"];
const me = document.body.dataset.user;

function bars(day) {
  const shown = day.intervals.filter(({ state }) => state !== "offline");
  if (!shown.length) return null;
  const start = Date.parse(shown[0].started_at);
  const end = Math.max(Date.parse(day.to), start + 1);
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ class: "day-bars", viewBox: `0 0 ${end - start} 20`, preserveAspectRatio: "none", role: "img", "aria-label": t("My day") })) svg.setAttribute(name, value);
  for (const one of shown) {
    const bar = svg.appendChild(document.createElementNS(SVG, "rect"));
    const [from, to] = [Date.parse(one.started_at), Date.parse(one.ended_at || day.to)];
    for (const [name, value] of Object.entries({ x: from - start, width: Math.max(to - from, (end - start) / 400), y: 0, height: 20, class: one.observed ? `day-${one.state}` : "day-unobserved" })) bar.setAttribute(name, value);
    bar.appendChild(document.createElementNS(SVG, "title")).textContent = `${one.observed ? STATES[one.state] : t("Nobody watched")}${one.reason ? `: ${one.reason}` : ""} · ${duration((to - from) / 1000)}`;
  }
  return [svg, h("div", { class: "day-ends" }, h("span", {}, timeOfDay(start)), h("span", {}, timeOfDay(end)))];
}

function sums(day) {
  const rows = ORDER.filter((state) => day.seconds[state] >= 1).map((state) => h("div", {}, h("dt", {}, h("i", { class: `day-mark day-${state}` }), STATES[state]), h("dd", { class: "numeric" }, duration(day.seconds[state]))));
  return h("dl", { class: "day-sums" }, rows);
}

async function look(place) {
  const midnight = new Date(new Date().setHours(0, 0, 0, 0)).toISOString();
  let day;
  try {
    day = await get(`/agents/${encodeURIComponent(me)}/day?from=${encodeURIComponent(midnight)}`);
  } catch {
    return;
  }
  show(place, day, () => [
    h("p", { class: "mb-2", data: { testid: "my-day-calls" } }, h("strong", {}, String(day.calls)), " ", tn("call", "calls", day.calls), " · ", h("strong", {}, duration(day.talk_seconds)), " ", t("of talk")),
    bars(day) || h("p", { class: "text-secondary mb-0" }, t("Your day begins with your first state.")), sums(day),
  ]);
}

export function myDay(pops) {
  const place = document.getElementById("my-day");
  if (!place) return;
  let due = null;
  const soon = () => {
    clearTimeout(due);
    due = setTimeout(() => look(place), 3000);
  };
  look(place);
  setInterval(() => document.visibilityState === "visible" && look(place), EVERY);
  pops?.addEventListener("closed", soon);
}
