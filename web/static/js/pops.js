// The agent's cards: which are up, which one is in front. A new ring comes to the front unless something is being typed
// there; then its name shows on a tab that blinks, and the key beside it brings it up.
import { patch, post } from "./api.js";
import { CardView, answerByHand, cardName, readable } from "./card.js";
import { Controls } from "./controls.js";
import { announce, h, icon, setText, toast } from "./dom.js";
import { sendForgotten } from "./note.js";
import { tree } from "./results.js";
import { ring, ringDetail } from "./ring.js";
import { t } from "./words.js";
import { isWrappingUp } from "./wrapup.js";

const PHONE_OBEYS_WITHIN = 4000;
const PHONE_REFUSES_AFTER = 1000;
const HANDS_OFF = 1500;
const SETTLE = 500;
const CONTROLS = ["hold", "transfer", "complete", "park", "record", "hangup"];
const CLOSED = {
  answered_elsewhere: (name) => t("{name}: a colleague has taken the call.", { name }),
  caller_gone: (name) => t("{name} hung up before anyone answered.", { name }),
};

export class Pops extends EventTarget {
  #home;
  #pops = new Map();
  #active = null;
  #touched = 0;
  #tabs = h("div", { class: "pop-tabs", role: "tablist", "aria-label": t("Calls at your phone") });
  #stack = h("div", { class: "pop-stack" });

  /** `docked`: the cards lie over another page and begin as a line at its edge. */
  constructor(home, { docked }) {
    super();
    this.#home = home;
    this.docked = docked;
    home.append(this.#tabs, this.#stack);
    tree.refresh();
    tree.addEventListener("changed", () => {
      for (const entry of this.#pops.values()) entry.view.update(entry.pop);
    });
    for (const kind of ["pointermove", "pointerdown", "keydown"]) this.#stack.addEventListener(kind, () => { this.#touched = Date.now(); }, { passive: true });
    setInterval(() => this.#bringRinging(), 500);
    addEventListener("pagehide", () => this.#flushAll());
  }

  get size() {
    return this.#pops.size;
  }

  /** The states of all cards, for the agent's own state in the header. */
  get states() {
    return [...this.#pops.values()].map(({ pop }) => pop);
  }

  get active() {
    return this.#pops.get(this.#active) || null;
  }

  snapshot(state) {
    const ids = new Set(state.pops.map(({ call_id: id }) => id));
    for (const id of [...this.#pops.keys()]) if (!ids.has(id)) this.#remove(id);
    for (const pop of state.pops) this.#put(pop, false);
    this.#changed();
    sendForgotten((id) => this.#pops.has(id));
  }

  delta(frame) {
    if (frame.type === "pop.show") this.#put({ status: "ringing", ...frame }, true);
    else if (frame.type === "pop.close") this.#close(frame);
    else if (frame.type === "pop.update") {
      const entry = this.#pops.get(frame.call_id);
      if (!entry) return;
      this.#put({ ...entry.pop, ...(frame.status && { status: frame.status }), ...(frame.card && { card: frame.card }), ...("wrap_up" in frame && { wrap_up: frame.wrap_up }) }, false);
    }
    this.#changed();
  }

  #put(pop, isNew) {
    const known = this.#pops.get(pop.call_id);
    if (known) {
      known.pop = { ...known.pop, ...pop };
      known.view.update(known.pop);
      return;
    }
    tree.refresh();
    const entry = { pop: { reason: "ring", ...pop, pinned: false } };
    entry.actions = this.#actionsOf(entry);
    entry.view = new CardView(entry.pop, entry.actions);
    entry.view.element.hidden = true;
    this.#pops.set(pop.call_id, entry);
    this.#stack.append(entry.view.element);
    if (isNew) announce([entry.pop.reason === "dial" ? t("Calling") : t("Ringing"), cardName(pop.card), pop.card.contact?.company].filter(Boolean).join(", "));
    if (this.#mayComeToFront(entry)) this.#arrive(entry, isNew);
    if (isNew) this.#tellWhenPainted(pop.call_id);
  }

  /** A hidden tab paints nothing: it tells when it is looked at, if the card is still up then. */
  #tellWhenPainted(id) {
    const tell = () => this.#pops.has(id) && this.dispatchEvent(new CustomEvent("shown", { detail: { id } }));
    requestAnimationFrame(() => setTimeout(tell));
  }

  /** A ring replaces a finished call's card, but never while a hand is on it: the click would land on the wrong call. */
  #mayComeToFront(entry) {
    if (this.docked) return false;
    const front = this.active;
    if (!front) return !entry.pop.minimised;
    if (front.pop.status !== "wrap_up" || front.pop.pinned || front.view.isTyping) return false;
    return entry.pop.status === "ringing" && Date.now() - this.#touched > HANDS_OFF;
  }

  #arrive(entry, animated) {
    const { element } = entry.view;
    this.#front(entry.pop.call_id);
    if (!animated) return;
    element.classList.add("pop-arrives");
    setTimeout(() => element.classList.remove("pop-arrives"), SETTLE);
    if (element.getBoundingClientRect().top < 0 && !document.activeElement?.matches("input, textarea, select")) this.#home.scrollIntoView({ block: "start" });
  }

  #bringRinging() {
    const waiting = [...this.#pops.values()].find((entry) => entry.pop.status === "ringing" && entry.pop.call_id !== this.#active && !entry.pop.minimised && !entry.pop.seen);
    if (!waiting || !this.active || !this.#mayComeToFront(waiting)) return;
    this.#arrive(waiting, true);
    this.#changed();
  }

  #front(id) {
    this.#active = id;
    if (id !== null) this.#pops.get(id).pop.seen = true;
    for (const [key, { view }] of this.#pops) view.element.hidden = key !== id;
    this.#home.classList.toggle("is-open", id !== null);
  }

  #actionsOf(entry) {
    const id = entry.pop.call_id;
    const path = encodeURIComponent(id);
    const attempt = async (work) => {
      try {
        return await work();
      } catch (error) {
        toast(error.message, { kind: "error" });
        return undefined;
      }
    };
    return {
      result: (result) => attempt(async () => {
        await entry.view.note.flush();
        await patch(`/calls/${path}`, { disposition: result });
        if (this.#pops.has(id)) this.#put({ call_id: id, card: { ...entry.pop.card, disposition: result } }, false);
        if (result !== null && entry.pop.status === "wrap_up") await this.#finish(entry);
      }),
      answer: () => this.#answer(entry),
      controls: new Controls(entry.pop),
      dismiss: () => attempt(() => this.#finish(entry)),
      ready: () => attempt(() => this.ready()),
      moreTime: () => attempt(() => post(`/agents/${encodeURIComponent(document.body.dataset.user)}/more-time`)),
      minimise: () => {
        entry.pop.minimised = true;
        this.#front(null);
        this.#changed();
      },
      pin: () => {
        entry.pop.pinned = !entry.pop.pinned;
        entry.view.update(entry.pop);
      },
    };
  }

  /** Tell the desk phone to answer; a phone that does not obey is answered by hand from then on. */
  async #answer(entry) {
    const id = entry.pop.call_id;
    const byHand = () => {
      answerByHand();
      entry.view.update(entry.pop);
      toast(t("This phone cannot be answered from here: take the call on the phone."));
    };
    try {
      await post(`/live/${encodeURIComponent(id)}/answer`);
    } catch (error) {
      if (error.status === 0) {
        toast(error.message, { kind: "error" });
        return;
      }
      // A call that ended in this very moment says nothing about the phone; its card tells what became of it.
      setTimeout(() => this.#pops.get(id)?.pop.status === "ringing" && byHand(), PHONE_REFUSES_AFTER);
      return;
    }
    setTimeout(() => this.#pops.get(id)?.pop.status === "ringing" && byHand(), PHONE_OBEYS_WITHIN);
  }

  /** Be ready for the next call: what was typed is sent first. */
  async ready() {
    const saved = await Promise.all([...this.#pops.values()].filter(({ pop }) => pop.status === "wrap_up").map(({ view }) => view.note.flush()));
    if (saved.includes(false)) toast(t("The note is not saved yet; the card stays until it is."), { kind: "error" });
    else await post(`/agents/${encodeURIComponent(document.body.dataset.user)}/ready`);
  }

  /** Put a card away once its note is on the server; without the server it stays. */
  async #finish(entry) {
    const saved = await entry.view.note.flush();
    if (!saved) {
      toast(t("The note is not saved yet; the card stays until it is."), { kind: "error" });
      return;
    }
    await post(`/pops/${encodeURIComponent(entry.pop.call_id)}/dismiss`);
  }

  #close({ call_id: id, reason }) {
    const entry = this.#pops.get(id);
    if (!entry) return;
    const name = cardName(entry.pop.card);
    entry.view.note.flush();
    this.#remove(id);
    const words = CLOSED[reason]?.(name);
    const reopen = { label: t("Reopen"), run: () => post(`/pops/${encodeURIComponent(id)}/reopen`).catch((error) => toast(error.message, { kind: "error" })) };
    if (words) toast(words, { action: reopen });
    this.dispatchEvent(new CustomEvent("closed", { detail: { id, reason } }));
  }

  #remove(id) {
    this.#pops.get(id)?.view.element.remove();
    this.#pops.delete(id);
    if (this.#active !== id) return;
    const next = [...this.#pops.values()].find(({ pop }) => !pop.minimised);
    this.#front(!this.docked && next ? next.pop.call_id : null);
  }

  #changed() {
    const several = this.#pops.size > 1 || (this.#pops.size === 1 && this.#active === null);
    this.#tabs.hidden = !several && !this.docked;
    this.#drawTabs();
    this.#home.classList.toggle("has-pops", this.#pops.size > 0);
    const ringing = this.states.filter(({ status, reason, card }) => status === "ringing" && reason !== "dial" && card.direction !== "outbound");
    ring(ringing.map(({ call_id: id, card }) => ({ id, name: cardName(card), detail: ringDetail(card) })));
    this.dispatchEvent(new CustomEvent("changed"));
  }

  /** Tabs are kept by call, so that one never moves away under the pointer. */
  #drawTabs() {
    const kept = new Map([...this.#tabs.children].map((tab) => [tab.dataset.callId, tab]));
    for (const [id, tab] of kept) if (!this.#pops.has(id)) tab.remove();
    for (const [id, { pop }] of this.#pops) {
      let tab = kept.get(id);
      if (!tab) {
        tab = h("button", { type: "button", role: "tab", class: "pop-tab", data: { callId: id, testid: "pop-tab" }, onclick: () => this.toggle(id) },
          icon("phone-call"), h("span", { class: "pop-tab-name" }), h("small", {}));
        this.#tabs.append(tab);
      }
      tab.dataset.status = pop.status;
      tab.setAttribute("aria-selected", String(id === this.#active));
      setText(tab.querySelector(".pop-tab-name"), cardName(pop.card));
      setText(tab.querySelector("small"), [pop.card.contact?.company || (!pop.card.contact && readable(pop.card.number)), pop.card.queue].filter(Boolean).join(" · "));
    }
  }

  toggle(id) {
    const entry = this.#pops.get(id);
    if (!entry) return;
    entry.pop.minimised = id === this.#active && this.docked;
    this.#front(id === this.#active && this.docked ? null : id);
    this.#changed();
  }

  /** Bring the next card to the front. */
  next() {
    const ids = [...this.#pops.keys()];
    if (ids.length) this.toggle(ids[(ids.indexOf(this.#active) + 1) % ids.length]);
  }

  /** What a key does to the card in front; true when it did something. */
  act(what, argument) {
    if (!this.active && this.#pops.size === 1) this.toggle([...this.#pops.keys()][0]);
    const entry = this.active;
    if (!entry) return false;
    const { pop, view, actions } = entry;
    if (what === "note") view.focusNote();
    else if (what === "result") return view.pressResult(argument);
    else if (what === "answer" && pop.status === "ringing" && pop.reason !== "dial") actions.answer();
    else if (CONTROLS.includes(what)) return actions.controls.press(what);
    else if (what === "minimise") actions.minimise();
    else if (what === "done" && pop.status === "wrap_up") actions.dismiss();
    else if (what === "ready" && isWrappingUp(pop)) actions.ready();
    else if (what === "more" && isWrappingUp(pop) && pop.wrap_up.until) actions.moreTime();
    else return false;
    return true;
  }

  #flushAll() {
    for (const { view } of this.#pops.values()) view.note.flush();
  }
}
