// What an agent sees of the floor: calls parked by anybody, with "fetch"; and colleagues, whose ringing call can be
// picked up. Both only where their places are in the page.
import { get } from "./api.js";
import { secondsSince } from "./clock.js";
import { readable } from "./card.js";
import { command, complain, errorPlace } from "./controls.js";
import { announce, everySecond, h, icon, setText, show } from "./dom.js";
import { socket } from "./shell.js";
import { STATES, duration, language, t } from "./words.js";

const REFRESH = 3000;
const names = new Intl.Collator(language);
const me = document.body.dataset.user;

function parkedCalls(place) {
  const calls = {};
  const draw = () => {
    const entries = Object.entries(calls).sort(([, a], [, b]) => Date.parse(a.since) - Date.parse(b.since));
    place.hidden = entries.length === 0;
    show(place, entries, () => entries.map(([id, call]) => parked(id, call)));
  };
  const take = (now) => {
    for (const id of Object.keys(now)) if (!calls[id]) announce(t("A call is parked on {space}.", { space: now[id].space }));
    for (const id of Object.keys(calls)) delete calls[id];
    Object.assign(calls, now);
    draw();
  };
  socket.addEventListener("snapshot", ({ detail }) => detail.topic === "parked" && take(detail.state.calls));
  socket.addEventListener("delta", ({ detail }) => detail.type === "parked" && take(detail.calls));
  socket.subscribe("parked");
}

function parked(id, call) {
  const error = errorPlace();
  const clock = h("span", { class: "parked-clock" });
  everySecond(clock, () => setText(clock, duration(secondsSince(call.since))));
  const number = call.number.kind === "withheld" ? t("Number withheld") : readable(call.number);
  const name = call.contact?.name || call.caller_name || number;
  return h("div", { class: "parked-call", data: { testid: "parked-call", callId: id } },
    h("span", { class: "parked-space", title: t("Parking space") }, icon("parking"), call.space),
    h("span", { class: "parked-who" }, h("strong", {}, name), h("small", {}, [name !== number && number, call.by && t("parked by {name}", { name: call.by })].filter(Boolean).join(" · "))),
    clock,
    h("button", { type: "button", class: "btn btn-sm btn-primary control", title: t("Your phone rings; take it and you are connected."), data: { testid: "fetch" }, onclick: (event) => command(event.currentTarget, error, `/live/${encodeURIComponent(id)}/fetch`) }, icon("phone-incoming"), t("Fetch")),
    error);
}

function colleagueList(place) {
  const list = place.querySelector("ul");
  const error = errorPlace();
  place.append(error);
  const look = async () => {
    if (!place.open || document.visibilityState !== "visible") return;
    let people;
    try {
      people = (await get("/agents?limit=500")).items.filter(({ id, extensions }) => id !== me && extensions.length > 0);
    } catch (problem) {
      complain(error, problem.message);
      return;
    }
    const ranks = ["ringing", "available"];
    const rank = ({ state }) => (ranks.includes(state) ? ranks.indexOf(state) : ranks.length);
    people.sort((a, b) => rank(a) - rank(b) || names.compare(a.display_name, b.display_name));
    show(list, people.map(({ id, display_name: name, state, call_id: call, extensions, paused_reason: why }) => [id, name, state, call, extensions, why]), () => people.map((one) => colleague(one, error)));
  };
  place.addEventListener("toggle", look);
  setInterval(look, REFRESH);
  look();
}

function colleague(one, error) {
  const ringing = one.state === "ringing" && one.call_id;
  const [extension] = one.extensions;
  return h("li", { class: "colleague", data: { testid: "colleague", user: one.id, state: one.state } },
    h("span", { class: "colleague-name" }, h("strong", {}, one.display_name), h("small", {}, extension)),
    h("span", { class: `agent-state state-${one.state}` }, h("i", { class: "state-dot" }), STATES[one.state]),
    ringing
      ? h("button", { type: "button", class: "btn btn-sm btn-primary control", title: t("Your phone rings; take it and the call is yours."), data: { testid: "pickup" }, onclick: (event) => command(event.currentTarget, error, `/live/${encodeURIComponent(one.call_id)}/pickup`) }, icon("phone-incoming"), t("Pick up"))
      : h("button", { type: "button", class: "btn btn-sm btn-icon btn-ghost-secondary", title: t("Call {number}", { number: one.display_name }), "aria-label": t("Call {number}", { number: one.display_name }), data: { dial: extension } }, icon("phone")));
}

const strip = document.getElementById("parked");
if (strip) parkedCalls(strip);
const people = document.getElementById("colleagues");
if (people) colleagueList(people);
