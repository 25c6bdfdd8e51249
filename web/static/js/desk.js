// The desktop between calls: which phone, dial, my last calls with the missed ones on top.
import { get, post } from "./api.js";
import { readable } from "./card.js";
import { myDay } from "./day.js";
import { h, icon, setText, show, toast } from "./dom.js";
import { colleagues } from "./controls.js";
import { picker } from "./picker.js";
import { search } from "./identity.js";
import { resultName } from "./results.js";
import { askNotifications, canAskNotifications } from "./ring.js";
import { dial, pops } from "./shell.js";
import { OUTCOMES, duration, exactMoment, moment, t, tn } from "./words.js";

const me = document.body.dataset.user;
const today = () => new Date().toDateString();
const SEAT_ASKED = `callcard.seat.${me}`;

async function seat() {
  const place = document.getElementById("seat");
  let now;
  try {
    now = await get("/me/seat");
  } catch {
    return;
  }
  const ask = () => {
    const field = h("input", { class: "form-control", id: "seat-extension", value: now.extension || now.last || "", size: 8, maxlength: 73, inputmode: (now.extension || now.last || "").includes("@") ? "text" : "numeric", autocomplete: "off", required: true, data: { testid: "seat-extension" } });
    const form = h("form", { class: "seat-bar", data: { testid: "seat-prompt" }, onsubmit: async (event) => {
      event.preventDefault();
      try {
        const taken = await post("/me/seat", { extension: field.value.trim() });
        remember(taken.extension);
        if (taken.taken_from && taken.taken_from !== me) toast(t("You took phone {extension} over from {name}.", { extension: taken.extension, name: taken.taken_from }));
        now = await get("/me/seat");
        document.dispatchEvent(new CustomEvent("callcard:seat"));
        settled();
      } catch (error) {
        toast(error.message, { kind: "error" });
      }
    } }, icon("device-landline-phone"), h("label", { for: "seat-extension" }, t("Which phone are you at today?")), field, h("button", { class: "btn btn-primary", data: { testid: "seat-submit" } }, t("Sit here")),
    now.extension && h("button", { type: "button", class: "btn btn-ghost-secondary", onclick: () => { remember(now.extension); settled(); } }, t("Keep {extension}", { extension: now.extension })));
    place.replaceChildren(form);
  };
  const settled = () => {
    place.replaceChildren();
    const button = document.getElementById("change-phone");
    if (!button) return;
    button.hidden = false;
    button.onclick = ask;
  };
  const remember = (extension) => {
    try {
      localStorage.setItem(SEAT_ASKED, `${today()} ${extension}`);
    } catch {
      // Asked again then: no harm.
    }
  };
  let asked = null;
  try {
    asked = localStorage.getItem(SEAT_ASKED);
  } catch {
    asked = null;
  }
  if (now.extension && asked === `${today()} ${now.extension}`) settled();
  else ask();
}

function dialBox() {
  const form = document.getElementById("dial");
  const call = async () => {
    const number = field.value();
    if (number && (await dial(number))) field.clear();
  };
  const field = picker({ label: t("Name, number or extension"), testid: "dial-to", colleagues, clients: true, onenter: call });
  field.box.dataset.key = "dial";
  form.querySelector("[data-picker]").replaceWith(field.element);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call();
  });
  document.getElementById("find").append(...search(t("Find a client by name or number"), "desk-search", (contact) => location.assign(`/contacts/${contact.id}`)).flat());
  document.querySelector("#find input").dataset.key = "search";
}

function notifications() {
  const place = document.getElementById("notifications");
  if (!canAskNotifications()) return;
  place.replaceChildren(h("button", { type: "button", class: "btn w-100", onclick: async () => { await askNotifications(); place.replaceChildren(); } }, icon("bell"), t("Show calls as desktop notifications")));
}

const isLost = (call) => call.direction === "inbound" && call.ended_at && !call.participants.some(({ user, result }) => user === me && result === "answered") && call.outcome !== "answered";

function myCall(call) {
  const lost = isLost(call);
  const name = call.contact?.name || call.caller_name || (call.number.kind === "withheld" ? t("Number withheld") : call.number.kind === "internal" ? t("Colleague") : t("Unknown caller"));
  const number = call.number.kind === "withheld" ? null : call.number.e164 || call.number.raw;
  const colleague = call.direction === "internal";
  const symbol = lost ? "phone-x" : call.direction === "outbound" ? "phone-outgoing" : colleague ? "arrows-exchange" : "phone-incoming";
  const mine = call.notes.find(({ author, text }) => author === me && text);
  return h("li", { class: `my-call ${lost ? "is-lost" : ""}`, data: { testid: "my-call", callId: call.id } },
    h("a", { class: `past-icon ${lost ? "is-lost" : ""}`, href: `/calls/${encodeURIComponent(call.id)}`, "aria-label": t("Open this call") }, icon(symbol)),
    h("div", { class: "my-call-who" }, call.contact ? h("a", { href: `/contacts/${call.contact.id}` }, name) : h("span", {}, name),
      h("small", {}, [number && (call.number.e164 ? readable(call.number) : number), call.queue].filter(Boolean).join(" · "))),
    h("div", { class: "my-call-what" }, h("span", {}, call.outcome ? OUTCOMES[call.outcome] : t("Running"), call.talk_seconds > 0 && ` · ${duration(call.talk_seconds)}`),
      h("small", {}, lost && call.called_back && h("span", { class: "outcome-answered", data: { testid: "called-back" } }, call.called_back.by_us ? t("called back {time}", { time: moment(call.called_back.at) }) : t("got through {time}", { time: moment(call.called_back.at) })), call.disposition ? h("span", { class: "badge bg-green-lt" }, resultName(call.disposition)) : null, mine ? h("span", { class: "my-call-note", title: mine.text }, mine.text) : null)),
    h("time", { datetime: call.started_at, title: exactMoment(call.started_at) }, moment(call.started_at)),
    h("div", { class: "my-call-actions" },
      number && h("button", { type: "button", class: lost ? "btn btn-sm btn-primary" : "btn btn-sm btn-icon btn-ghost-secondary", title: t("Call {number}", { number }), "aria-label": lost ? null : t("Call {number}", { number }), data: { dial: number, testid: "call-back" } }, icon("phone"), lost && t("Call back")),
      call.ended_at && h("button", { type: "button", class: "btn btn-sm btn-icon btn-ghost-secondary", title: t("Open the card again"), "aria-label": t("Open the card again"), data: { testid: "reopen" }, onclick: () => reopen(call.id) }, icon("pencil"))));
}

async function reopen(id) {
  try {
    await post(`/pops/${encodeURIComponent(id)}/reopen`);
    scrollTo({ top: 0, behavior: "smooth" });
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
}

function figures(calls) {
  const mine = calls.filter(({ started_at: at }) => new Date(at).toDateString() === today());
  const answered = mine.filter(({ answered_at: at }) => at);
  const talk = answered.reduce((sum, { talk_seconds: seconds }) => sum + seconds, 0);
  const box = (value, label) => h("div", { class: "figure" }, h("strong", {}, value), h("span", {}, label));
  const place = document.getElementById("figures");
  show(place, [mine.length, answered.length, Math.round(talk)], () => [box(String(answered.length), tn("call answered", "calls answered", answered.length)), box(String(mine.filter(isLost).length), t("missed")), box(duration(answered.length ? talk / answered.length : 0), t("average talk"))]);
}

async function myCalls() {
  const place = document.getElementById("my-calls");
  let calls;
  try {
    calls = (await get("/me/calls")).items;
  } catch {
    return;
  }
  figures(calls);
  document.getElementById("no-calls").hidden = calls.length > 0;
  const missed = calls.filter(isLost).length;
  const badge = document.getElementById("missed-count");
  badge.hidden = missed === 0;
  setText(badge, tn("{n} missed", "{n} missed", missed));
  show(place, calls.map(({ id, ended_at: ended, disposition, contact, notes, outcome, called_back: back }) => [id, ended, disposition, contact?.name, notes.map(({ text }) => text), outcome, back?.at]), () => calls.map(myCall));
}

let due = null;
const soon = () => {
  clearTimeout(due);
  due = setTimeout(myCalls, 600);
};

myDay(pops);
seat();
dialBox();
notifications();
myCalls();
setInterval(myCalls, 30000);
if (pops) {
  const idle = document.getElementById("idle");
  const paint = () => {
    idle.hidden = pops.size > 0;
  };
  pops.addEventListener("changed", paint);
  pops.addEventListener("changed", soon);
  pops.addEventListener("closed", soon);
}
