// One card: who it is, readable from two metres; why they may be calling; the note and the result; what was before.
// It is built once and then changed in place: what is being typed or clicked is never replaced under the hand.
import { secondsSince, serverNow } from "./clock.js";
import { everySecond, h, icon, setText, show } from "./dom.js";
import { identity, identityKey } from "./identity.js";
import { NoteKeeper } from "./note.js";
import { ResultPicker, resultName } from "./results.js";
import { tickWrapUp, wrapUpButtons } from "./wrapup.js";
import { DIRECTIONS, OUTCOMES, duration, exactMoment, moment, t, timeIn, tn, whereabouts } from "./words.js";

const TYPES = {
  mobile: t("mobile"), fixed_line: t("fixed line"), fixed_line_or_mobile: t("fixed line or mobile"), toll_free: t("toll-free"),
  voip: t("internet telephony"), premium_rate: t("premium rate"), shared_cost: t("shared cost"), personal_number: t("personal number"),
  pager: t("pager"), uan: t("company number"), voicemail: t("voicemail"),
};
const FIELD_LABELS = { owner: t("Owner"), email: t("E-mail"), notes: t("About the client") };
const SHOWN_ELSEWHERE = new Set(["groups", "tags", "region", "carrier", "line", "queue"]);

/** The name a card is known by, on its tab, in the title and in the notification. */
export function cardName(card) {
  if (card.colleague) return card.colleague.name || card.caller_name || t("Extension {extension}", { extension: card.colleague.extension });
  if (card.contact) return card.contact.name;
  if (card.number.kind === "withheld") return t("Number withheld");
  if (card.candidates.length > 1) return tn("{n} possible client", "{n} possible clients", card.candidates.length);
  if (card.direction === "outbound") return t("Unknown number");
  return card.caller_name || t("Unknown caller");
}

function statusWords({ status, reason, card }) {
  if (status === "talking" && card.live.held) return card.live.consulting ? t("Consulting") : t("On hold");
  if (status === "talking") return card.answered_at || reason !== "dial" ? t("On call") : t("Calling");
  if (status === "wrap_up") return t("Wrap-up");
  if (reason === "dial" || card.direction === "outbound") return t("Calling");
  return reason === "transfer" ? t("Transferred to you") : t("Ringing");
}

const statusIcon = ({ status, reason, card }) =>
  status === "talking" ? "phone-call" : status === "wrap_up" ? "note" : reason === "dial" || card.direction === "outbound" ? "phone-outgoing" : "phone-incoming";

// Not every desk phone obeys when it is told to answer; once one did not, this browser stops offering it.
const ANSWER_BY_HAND = "callcard.answer.byhand";

export function canAnswerHere() {
  try {
    return localStorage.getItem(ANSWER_BY_HAND) === null;
  } catch {
    return true;
  }
}

export function answerByHand() {
  try {
    localStorage.setItem(ANSWER_BY_HAND, "1");
  } catch {
    // Offered again next time, with the same hint.
  }
}

/** A card on the screen. `actions`: choose result, answer, dismiss, minimise, pin, and the call's controls. */
export class CardView {
  #actions;
  #parts = {};
  #pop;
  #waitingSince;

  constructor(pop, actions) {
    this.#actions = actions;
    this.#pop = pop;
    this.#waitingSince = serverNow() - pop.card.wait_seconds * 1000;
    this.element = this.#build(pop);
    this.update(pop);
    everySecond(this.#parts.clock, () => this.#tick());
  }

  get note() {
    return this.#parts.keeper;
  }

  /** Whether the agent is writing in this card at this moment. */
  get isTyping() {
    const active = document.activeElement;
    return this.element.contains(active) && active.matches("input, textarea");
  }

  /** Choose by key; true when there was something to choose. */
  pressResult(place) {
    return this.#parts.results.press(place);
  }

  focusNote() {
    this.#parts.area.focus();
  }

  #build(pop) {
    const p = this.#parts;
    const noteId = `note-${pop.call_id}`;
    p.status = h("span", { class: "pop-status", data: { testid: "pop-status" } });
    p.clock = h("span", { class: "pop-clock", data: { testid: "pop-clock" } });
    p.route = h("span", { class: "pop-route" });
    p.tools = h("div", { class: "pop-tools" });
    p.name = h("h2", { class: "pop-name", data: { testid: "pop-name" } });
    p.company = h("p", { class: "pop-company", data: { testid: "pop-company" } });
    p.number = h("div", { class: "pop-number", data: { testid: "pop-number" } });
    p.badges = h("div", { class: "pop-badges" });
    p.identity = h("div", { class: "pop-identity" });
    p.facts = h("dl", { class: "pop-facts" });
    p.mark = h("span", { class: "pop-mark", role: "status", data: { testid: "pop-saved" } });
    p.area = h("textarea", { class: "form-control", id: noteId, rows: 3, maxlength: 20000, placeholder: t("What was said, what was promised…"), data: { testid: "pop-note" } });
    p.others = h("div", { class: "pop-others" });
    p.results = new ResultPicker((result) => this.#actions.result(result));
    p.actions = h("div", { class: "pop-actions" });
    p.controls = this.#actions.controls;
    p.history = h("aside", { class: "pop-history", "aria-label": t("History"), data: { testid: "pop-history" } });
    p.keeper = new NoteKeeper(pop.call_id, p.area, p.mark, pop.card.draft);
    return h("article", { class: "pop-card", tabindex: -1, data: { testid: "pop-card", callId: pop.call_id } },
      h("header", { class: "pop-head" }, p.status, p.clock, p.route, p.tools),
      h("div", { class: "pop-grid" },
        h("div", { class: "pop-main" },
          h("div", { class: "pop-who" }, p.name, p.company, p.number, p.badges), p.controls.element, p.identity, p.facts,
          h("div", { class: "pop-note" }, h("div", { class: "pop-label" }, h("label", { for: noteId, title: "Alt+N" }, t("Note")), p.mark), p.area, p.others),
          h("div", { class: "pop-result" }, h("div", { class: "pop-label" }, t("Result")), p.results.element), p.actions),
        p.history));
  }

  update(pop) {
    const { card } = pop;
    const p = this.#parts;
    this.#pop = pop;
    this.element.dataset.status = pop.status;
    this.element.dataset.reason = pop.reason;
    this.element.dataset.held = String(card.live.held);
    show(p.status, [pop.status, pop.reason, Boolean(card.answered_at), card.live.held, card.live.consulting], () => [icon(statusIcon(pop)), statusWords(pop)]);
    show(p.route, [card.queue, card.did, card.direction], () => this.#route(card));
    show(p.tools, [pop.status, pop.pinned, pop.wrap_up?.result_required], () => this.#tools(pop));
    setText(p.name, cardName(card));
    this.element.setAttribute("aria-label", cardName(card));
    setText(p.company, card.contact?.company || (card.contact && card.caller_name && card.caller_name !== card.contact.name ? card.caller_name : "") || "");
    p.company.hidden = !p.company.textContent;
    show(p.number, [card.number, card.place, card.colleague], () => this.#number(card));
    show(p.badges, [card.groups, card.tags, card.calls_today, card.previous_agent, card.last_note], () => this.#badges(card));
    show(p.identity, identityKey(pop), () => identity(pop));
    show(p.facts, card.fields, () => this.#facts(card));
    p.facts.hidden = !p.facts.childElementCount;
    p.keeper.adopt(card.draft);
    show(p.others, card.notes, () => card.notes.map((note) => h("blockquote", {}, h("strong", {}, note.author), ": ", note.text, note.draft && h("em", { class: "text-secondary" }, " ", t("(being written)")))));
    p.controls.update(pop);
    p.results.update(card);
    show(p.actions, [pop.status, canAnswerHere(), pop.reason, card.answered_at, card.disposition, card.contact?.id, pop.wrap_up], () => this.#buttons(pop));
    show(p.history, [card.history, card.contact?.id, card.number.kind, Boolean(card.colleague)], () => this.#history(card));
    this.#tick();
  }

  #tick() {
    const { status, card, reason } = this.#pop;
    let text;
    if (status === "wrap_up") text = duration(secondsSince(card.ended_at));
    else if (card.answered_at) text = duration(secondsSince(card.answered_at));
    else if (reason === "dial" || card.direction === "outbound") text = duration(secondsSince(card.started_at));
    else text = t("waiting {time}", { time: duration(Math.max(0, (serverNow() - this.#waitingSince) / 1000)) });
    setText(this.#parts.clock, text);
    tickWrapUp(this.#parts.actions, this.#pop);
    const local = this.#parts.number.querySelector("[data-zone]");
    if (local) setText(local, t("{time} there", { time: timeIn(local.dataset.zone) || "" }));
  }

  #route(card) {
    return [
      card.queue && h("span", {}, t("Queue"), " ", h("strong", {}, card.queue)),
      card.did && h("span", {}, t("Line"), " ", h("strong", {}, card.did)),
      !card.queue && !card.did && card.direction !== "outbound" && h("span", {}, DIRECTIONS[card.direction] || ""),
    ];
  }

  #tools(pop) {
    const tool = (name, label, testid, run, pressed) => h("button", { type: "button", class: "btn btn-icon btn-sm btn-ghost-secondary", title: label, "aria-label": label, "aria-pressed": pressed, data: { testid }, onclick: run }, icon(name));
    return [
      tool(pop.pinned ? "pinned-off" : "pin", pop.pinned ? t("Unpin") : t("Pin: stay in front when another call rings"), "pop-pin", () => this.#actions.pin(), String(Boolean(pop.pinned))),
      tool("minus", t("Minimise (Alt+M)"), "pop-minimise", () => this.#actions.minimise()),
      pop.status === "wrap_up" && !pop.wrap_up?.result_required && tool("x", t("Close without a result"), "pop-dismiss", () => this.#actions.dismiss()),
    ];
  }

  #number(card) {
    const { number, place } = card;
    if (card.colleague) return [dialButton(card.colleague.extension)];
    if (number.kind === "withheld") return [h("span", { class: "text-secondary" }, t("The caller does not show a number. No client can be found by it."))];
    const text = number.e164 || number.raw || "";
    const zone = place?.time_zones?.find((name) => timeIn(name));
    const words = place ? [TYPES[place.type], whereabouts(place), place.carrier].filter(Boolean) : [];
    return [
      number.kind === "external" ? dialButton(text, readable(number)) : h("span", { class: "pop-digits" }, text),
      number.kind === "invalid" && h("span", { class: "badge bg-yellow-lt" }, icon("alert-triangle"), t("not a telephone number")),
      words.length > 0 && h("span", { class: "pop-place" }, icon("map-pin"), words.join(", ")),
      zone && h("span", { class: "pop-place" }, icon("clock"), h("span", { data: { zone }, title: zone })),
    ];
  }

  #badges(card) {
    const nth = card.calls_today + 1;
    const label = (text) => h("span", { class: `badge ${/vip/i.test(text) ? "badge-vip" : /block|do not call|dnc/i.test(text) ? "bg-red-lt" : "bg-blue-lt"}` }, /vip/i.test(text) && icon("star-filled"), text);
    return [
      card.groups.map(label), card.tags.map((tag) => h("span", { class: "badge bg-secondary-lt" }, icon("tag"), tag)),
      card.calls_today > 0 && h("span", { class: "badge bg-orange-lt", data: { testid: "pop-calls-today" } }, icon("refresh"), t("Call {n} today", { n: nth })),
      card.previous_agent && h("span", { class: "badge bg-secondary-lt" }, icon("user"), t("Last talked to {name}", { name: card.previous_agent })),
    ];
  }

  #facts(card) {
    return card.fields.filter((field) => !SHOWN_ELSEWHERE.has(field.key)).slice(0, 6).map((field) =>
      h("div", { class: field.key === "notes" ? "pop-fact pop-fact-wide" : "pop-fact" }, h("dt", {}, FIELD_LABELS[field.key] || field.label), h("dd", {}, field.value)));
  }

  /** One primary thing at a time: answer on the phone, then the note, then the result. */
  #buttons(pop) {
    const { status, card, reason } = pop;
    const dialled = reason === "dial" || card.direction === "outbound";
    const open = card.contact && h("a", { class: "btn btn-ghost-secondary pop-open", href: `/contacts/${card.contact.id}`, data: { testid: "pop-open-client" } }, icon("address-book"), t("Open client"));
    const later = !card.colleague && (card.contact || card.number.kind === "external") && h("button", { type: "button", class: "btn btn-ghost-secondary", title: t("Promise a call"), data: { promiseCall: pop.call_id, promiseName: cardName(card), testid: "pop-promise" } }, icon("clock"), t("Call back later"));
    if (status === "ringing" && !dialled) {
      if (!canAnswerHere()) return [h("span", { class: "pop-hint", data: { testid: "pop-answer-hint" } }, icon("phone-ringing"), t("Answer on your phone")), open];
      const answer = h("button", { type: "button", class: "btn btn-success btn-lg pop-answer", title: "Alt+A", data: { testid: "answer" }, onclick: () => this.#actions.answer() }, icon("phone"), t("Answer"));
      return [answer, h("span", { class: "text-secondary" }, t("or take it on your phone")), open];
    }
    if (status === "wrap_up") {
      const done = h("button", { type: "button", class: "btn btn-primary", title: "Alt+Enter", data: { testid: "pop-done" }, onclick: () => this.#actions.dismiss() }, icon("check"), t("Done"));
      return [card.disposition ? done : h("span", { class: "pop-hint" }, icon("list"), t("Choose a result to finish")), wrapUpButtons(pop, this.#actions), later, open];
    }
    return [later, open];
  }

  #history(card) {
    const title = h("h3", { class: "pop-history-title" }, icon("history"), t("Earlier calls"));
    if (card.colleague) return [title, h("p", { class: "text-secondary" }, t("A call between colleagues."))];
    if (!card.history.length) return [title, h("p", { class: "text-secondary" }, card.number.kind === "withheld" ? t("Without a number there is no history.") : t("First call, as far as we know."))];
    const more = card.contact && h("a", { class: "btn btn-sm btn-ghost-secondary", href: `/contacts/${card.contact.id}` }, t("Whole history"), icon("arrow-right", "icon-end"));
    return [title, h("ol", { class: "pop-past" }, card.history.map(pastCall)), more];
  }
}

function pastCall(past) {
  const lost = past.outcome !== "answered" && past.direction === "inbound";
  const symbol = lost ? "phone-x" : past.direction === "outbound" ? "phone-outgoing" : past.direction === "internal" ? "arrows-exchange" : "phone-incoming";
  const facts = [past.agent, past.queue, past.talk_seconds > 0 && duration(past.talk_seconds)].filter(Boolean).join(" · ");
  return h("li", {},
    h("a", { class: `past-icon ${lost ? "is-lost" : ""}`, href: `/calls/${encodeURIComponent(past.id)}`, "aria-label": t("Open this call") }, icon(symbol)),
    h("div", { class: "past-text" },
      h("div", { class: "past-head" }, h("strong", {}, past.outcome ? OUTCOMES[past.outcome] || past.outcome : t("Running")), past.disposition && h("span", { class: "badge bg-green-lt" }, resultName(past.disposition)),
        h("time", { datetime: past.started_at, title: exactMoment(past.started_at) }, moment(past.started_at))),
      facts && h("div", { class: "text-secondary" }, facts), past.note && h("p", { class: "past-note" }, past.note)));
}

const TWO_DIGIT_CODES = /^(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

/** An E.164 number in groups that can be read aloud: country code, then threes, the last group up to four. */
export function readable(number) {
  if (!number.e164) return number.raw || "";
  const digits = number.e164.slice(1);
  const code = digits.match(TWO_DIGIT_CODES)?.[0] || digits.slice(0, 3);
  const rest = digits.slice(code.length);
  const groups = [];
  for (let at = 0; at < rest.length; ) {
    const left = rest.length - at;
    const size = left <= 4 ? left : 3;
    groups.push(rest.slice(at, at + size));
    at += size;
  }
  return `+${code} ${groups.join(" ")}`;
}

/** Every number is a dial button. */
export function dialButton(number, label = number) {
  return h("button", { type: "button", class: "dial", title: t("Call {number}", { number }), data: { dial: number, testid: "dial-number" } }, icon("phone", "icon-sm"), h("span", {}, label));
}
