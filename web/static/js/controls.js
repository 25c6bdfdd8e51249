// What can be done with the call of a card: hold, consult and hand over, park, record, hang up. The buttons never move;
// one that cannot be used now says why. What the telephone system refused is said below them, where one looks.
import { get, post } from "./api.js";
import { announce, h, icon, setText, show } from "./dom.js";
import { picker } from "./picker.js";
import { t } from "./words.js";

const NO_RECORDING = "callcard.recording.refused";
const ERROR_SECONDS = 12;
const NOT_SUPPORTED = 501;

function mayRecord() {
  try {
    return sessionStorage.getItem(NO_RECORDING) === null;
  } catch {
    return true;
  }
}

function refuseRecording() {
  try {
    sessionStorage.setItem(NO_RECORDING, "1");
  } catch {
    // Offered again on the next page, with the same words.
  }
}

/** Send one command; while it is on its way the button waits. Gives whether it was done; says in `place` why not. */
export async function command(button, place, path, body = {}) {
  if (button.getAttribute("aria-busy") === "true") return false;
  complain(place, "");
  button.setAttribute("aria-busy", "true");
  try {
    await post(path, body);
    return true;
  } catch (error) {
    complain(place, error.message);
    if (error.status === NOT_SUPPORTED && path.endsWith("/record")) refuseRecording();
    return false;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Say in place what did not work, for a while. */
export function complain(place, text) {
  clearTimeout(place.forgetting);
  setText(place, text);
  place.hidden = !text;
  if (!text) return;
  announce(text);
  place.forgetting = setTimeout(() => complain(place, ""), ERROR_SECONDS * 1000);
}

export const errorPlace = () => h("p", { class: "control-error", role: "alert", hidden: true, data: { testid: "control-error" } });

/** The bar of one card. */
export class Controls {
  #path;
  #pop;
  #panel = null;
  #buttons = {};
  #error = errorPlace();
  #line = h("div", { class: "control-line", data: { testid: "consultation" } });
  #place = h("div", { class: "control-panel" });

  constructor(pop) {
    this.#path = `/live/${encodeURIComponent(pop.call_id)}`;
    this.#pop = pop;
    const b = this.#buttons;
    b.hold = this.#button("hold", "Alt+O", () => this.hold());
    b.transfer = this.#button("transfer", "Alt+T", () => this.transfer());
    b.park = this.#button("park", "Alt+P", () => this.park());
    b.record = this.#button("record", "Alt+R", () => this.record());
    b.hangup = this.#button("hangup", "Alt+H", () => this.hangUp(), "btn-outline-danger");
    this.element = h("div", { class: "controls", role: "group", "aria-label": t("Call control"), hidden: true, data: { testid: "controls" } },
      h("div", { class: "control-row" }, Object.values(b)), this.#line, this.#place, this.#error);
    this.update(pop);
  }

  /** Whether the panel is open in which one types a name. */
  get isOpen() {
    return this.#panel !== null;
  }

  #button(name, keys, run, kind = "") {
    return h("button", { type: "button", class: `btn control ${kind}`, data: { testid: name, keys }, onclick: (event) => {
      const reason = event.currentTarget.dataset.reason;
      if (reason) complain(this.#error, reason);
      else run();
    } });
  }

  update(pop) {
    this.#pop = pop;
    const { status, reason, card } = pop;
    const { held, waits, consulting, consulting_answered: there, recording } = card.live;
    const dialled = reason === "dial" || card.direction === "outbound";
    const talking = status === "talking" && Boolean(card.answered_at || !dialled);
    this.element.hidden = !talking && !(dialled && status !== "wrap_up");
    this.element.dataset.held = String(held);
    const first = talking ? "" : t("Possible once the other side has answered.");
    const busy = first || (consulting ? t("You are consulting a colleague: hand over, or go back to the caller.") : held ? t("Take the caller back first.") : "");
    const b = this.#buttons;
    this.#draw(b.hold, held && !consulting ? "player-play" : "player-pause", held && !consulting ? t("Resume") : t("Hold"), first || (consulting ? busy : ""));
    b.hold.classList.toggle("btn-primary", held && !consulting);
    b.hold.setAttribute("aria-pressed", String(held));
    this.#draw(b.transfer, "user-share", t("Transfer"), busy);
    this.#draw(b.park, "parking", t("Park"), busy);
    b.record.hidden = recording === null && !mayRecord();
    this.#draw(b.record, "player-record", recording === "on" ? t("Pause recording") : recording === "paused" ? t("Go on recording") : t("Record"), first);
    b.record.dataset.recording = recording || "off";
    this.#draw(b.hangup, "phone-off", t("Hang up"), "");
    if (busy && this.#panel) this.#close(false);
    show(this.#line, [talking, held, waits, consulting, there, recording], () => (talking ? this.#lines(card.live) : []));
  }

  #draw(button, symbol, label, reason) {
    show(button, [symbol, label], () => [icon(symbol), h("span", {}, label)]);
    const title = reason || `${label} (${button.dataset.keys})`;
    if (button.title !== title) button.title = title;
    if (reason) {
      button.setAttribute("aria-disabled", "true");
      button.dataset.reason = reason;
    } else {
      button.removeAttribute("aria-disabled");
      delete button.dataset.reason;
    }
  }

  #lines({ held, waits, consulting, consulting_answered: there, recording }) {
    if (consulting) {
      const name = consulting.name ? `${consulting.name} (${consulting.extension})` : consulting.extension;
      return [
        h("span", { class: "control-words" }, icon("headset"), there ? t("You talk to {name}. The caller hears music.", { name }) : t("You call {name}. The caller hears music.", { name })),
        h("button", { type: "button", class: "btn btn-primary", title: "Alt+J", data: { testid: "complete" }, onclick: (event) => command(event.currentTarget, this.#error, `${this.#path}/complete`) }, icon("user-share"), t("Hand over")),
        h("button", { type: "button", class: "btn", title: "Alt+O", data: { testid: "back-to-caller" }, onclick: (event) => command(event.currentTarget, this.#error, `${this.#path}/unhold`) }, icon("arrow-back-up"), t("Back to the caller")),
      ];
    }
    if (held) return [h("span", { class: "control-words" }, icon("player-pause"), t("The caller is on hold and hears music."))];
    if (waits) return [h("span", { class: "control-words" }, icon("player-pause"), t("The other side has put you on hold."))];
    if (recording === "paused") return [h("span", { class: "control-words" }, icon("player-record"), t("The recording is paused: nothing that is said now is kept."))];
    return [];
  }

  /** Hold, resume, or come back from a consultation. */
  hold() {
    const back = this.#line.querySelector("[data-testid=back-to-caller]");
    if (back) return back.click();
    return command(this.#buttons.hold, this.#error, `${this.#path}/${this.#pop.card.live.held ? "unhold" : "hold"}`);
  }

  /** Hand the caller over to who is consulted; false when nobody is. */
  complete() {
    const button = this.#line.querySelector("[data-testid=complete]");
    button?.click();
    return Boolean(button);
  }

  async park() {
    if (await command(this.#buttons.park, this.#error, `${this.#path}/park`)) announce(t("The call is parked."));
  }

  record() {
    const { recording } = this.#pop.card.live;
    const action = recording === "on" ? "pause" : recording === "paused" ? "resume" : "start";
    return command(this.#buttons.record, this.#error, `${this.#path}/record`, { action });
  }

  hangUp() {
    return command(this.#buttons.hangup, this.#error, `${this.#path}/hangup`);
  }

  /** Open or close the panel in which one chooses to whom the call goes. */
  transfer() {
    if (this.#panel) this.#close(true);
    else this.#open();
  }

  /** What a key does; false when the button cannot be used now. */
  press(name) {
    const button = name === "complete" ? null : this.#buttons[name];
    if (this.element.hidden || button?.hidden) return false;
    if (button) button.click();
    return name === "complete" ? this.complete() : true;
  }

  #open() {
    const go = async (event, kind) => {
      const to = chosen.value();
      if (!to) return chosen.focus();
      const button = event?.currentTarget || this.#panel.querySelector(`[data-kind=${kind}]`);
      if (await command(button, this.#error, `${this.#path}/transfer`, { to, kind })) this.#close(kind === "blind");
      return undefined;
    };
    const chosen = picker({ label: t("To whom? Name, extension or number"), testid: "transfer-to", colleagues, except: () => this.#ownPhones, onenter: (event) => go(null, event.shiftKey ? "blind" : "attended"), onescape: () => this.#close(true) });
    this.#panel = h("div", { class: "transfer-panel", role: "group", "aria-label": t("Transfer"), data: { testid: "transfer-panel" } }, chosen.element,
      h("div", { class: "transfer-buttons" },
        h("button", { type: "button", class: "btn btn-primary", title: t("Talk to them first; the caller hears music meanwhile (Enter)"), data: { testid: "consult", kind: "attended" }, onclick: (event) => go(event, "attended") }, icon("headset"), t("Consult first")),
        h("button", { type: "button", class: "btn", title: t("Send the caller there at once (Shift+Enter)"), data: { testid: "blind", kind: "blind" }, onclick: (event) => go(event, "blind") }, icon("arrow-right"), t("Transfer now")),
        h("button", { type: "button", class: "btn btn-ghost-secondary", title: "Esc", data: { testid: "transfer-cancel" }, onclick: () => this.#close(true) }, t("Cancel"))));
    this.#place.replaceChildren(this.#panel);
    this.#buttons.transfer.setAttribute("aria-expanded", "true");
    chosen.focus();
  }

  get #ownPhones() {
    return (document.querySelector("[data-testid=own-phone]")?.textContent || "").split(",").map((one) => one.trim());
  }

  #close(back) {
    const inside = this.#place.contains(document.activeElement);
    this.#panel = null;
    this.#place.replaceChildren();
    this.#buttons.transfer.setAttribute("aria-expanded", "false");
    if (back && inside) this.#buttons.transfer.focus();
  }
}

/** Everybody with a phone, as they are now. */
export async function colleagues() {
  const { items } = await get("/agents?limit=500");
  return items.filter(({ extensions }) => extensions.length > 0);
}
