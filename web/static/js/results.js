// The results of a call to choose from: level by level with the keys 1-9, or by typing a part of the name.
import { get } from "./api.js";
import { h, icon, show } from "./dom.js";
import { t } from "./words.js";

const FRESH = 10000;
const MANY = 9;
const RESULT_NAMES = {
  sold: t("Sold"), callback: t("Call back"), "information given": t("Information given"), "not interested": t("Not interested"),
  complaint: t("Complaint"), "wrong number": t("Wrong number"), spam: t("Spam"),
};
const SEPARATOR = " / ";

const word = (name) => RESULT_NAMES[name] || name.charAt(0).toUpperCase() + name.slice(1);
export const resultName = (result) => result.split(SEPARATOR).map(word).join(SEPARATOR);
export const testKey = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");

/** The tree of results, read again when a card comes up: an administrator may have changed it. */
class Tree extends EventTarget {
  #items = [];
  #read = 0;
  #retry = null;

  of(queue) {
    const offered = new Set();
    return this.#items.filter((one) => {
      const here = one.depth === 1 ? !one.queues.length || one.queues.includes(queue) : offered.has(one.parent_id);
      if (here) offered.add(one.id);
      return here;
    });
  }

  async refresh() {
    if (Date.now() - this.#read < FRESH) return;
    this.#read = Date.now();
    clearTimeout(this.#retry);
    try {
      const { items } = await get("/dispositions/tree?limit=500");
      if (JSON.stringify(items) === JSON.stringify(this.#items)) return;
      this.#items = items;
      this.dispatchEvent(new CustomEvent("changed"));
    } catch {
      this.#read = 0;
      this.#retry = setTimeout(() => this.refresh(), 5000);
    }
  }
}

export const tree = new Tree();

/** The buttons of one card. `choose(path)` is told the result, null when it is taken back. */
export class ResultPicker {
  #choose;
  #open = null;
  #queue = null;
  #chosen = null;
  #row = h("div", { class: "pop-results-row" });
  #find = h("input", { type: "search", class: "form-control form-control-sm pop-result-find", placeholder: t("Find a result"), "aria-label": t("Find a result"), autocomplete: "off", data: { testid: "result-find" }, oninput: () => this.#paint(), onkeydown: (event) => this.#key(event) });

  constructor(choose) {
    this.#choose = choose;
    this.element = h("div", { role: "group", "aria-label": t("Result") }, this.#find, this.#row);
  }

  update(card) {
    this.#queue = card.queue;
    this.#chosen = card.disposition;
    this.#paint();
  }

  /** What the key 1-9 does: true when there was something to do. */
  press(place) {
    const one = this.#shown()[place];
    if (!one) return false;
    this.#take(one);
    return true;
  }

  #all() {
    return tree.of(this.#queue);
  }

  #shown() {
    const all = this.#all();
    const typed = this.#find.value.trim().toLowerCase();
    if (typed) return all.filter((one) => one.choosable && resultName(one.path).toLowerCase().includes(typed));
    if (!all.some(({ id }) => id === this.#open)) this.#open = null;
    return all.filter(({ parent_id: parent }) => parent === this.#open);
  }

  #take(one) {
    if (one.choosable) {
      this.#find.value = "";
      this.#open = null;
      this.#choose(one.path === this.#chosen ? null : one.path);
    } else this.#open = one.id;
    this.#paint();
  }

  #back() {
    this.#open = this.#all().find(({ id }) => id === this.#open)?.parent_id ?? null;
    this.#paint();
    this.#row.querySelector("button")?.focus();
  }

  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      if (this.#find.value.trim()) this.press(0);
    } else if (event.key === "Escape") {
      this.#find.value = "";
      this.#paint();
    }
  }

  #paint() {
    const all = this.#all();
    const shown = this.#shown();
    const typed = Boolean(this.#find.value.trim());
    this.#find.hidden = all.filter(({ choosable }) => choosable).length <= MANY;
    const within = !typed && this.#open !== null;
    const known = all.some(({ path }) => path === this.#chosen);
    show(this.#row, [shown, this.#chosen, this.#open, typed, known], () => [
      within && h("button", { type: "button", class: "btn btn-ghost-secondary pop-result-button", data: { testid: "result-back" }, onclick: () => this.#back() }, icon("arrow-back-up"), word(all.find(({ id }) => id === this.#open).name)),
      this.#chosen && !known && h("button", { type: "button", class: "btn pop-result-button active", "aria-pressed": "true", onclick: () => this.#choose(null) }, icon("check"), resultName(this.#chosen)),
      shown.map((one, place) => this.#button(one, place, typed)),
      typed && !shown.length && h("span", { class: "text-secondary" }, t("Nothing is called so")),
    ]);
  }

  #button(one, place, typed) {
    const chosen = this.#chosen === one.path || (!one.choosable && this.#chosen?.startsWith(one.path + SEPARATOR));
    const look = one.icon ? icon(one.icon, one.color ? `text-${one.color}` : "") : one.color && h("span", { class: `badge badge-dot bg-${one.color} me-1` });
    return h("button", { type: "button", class: `btn pop-result-button ${chosen ? "active" : ""}`, "aria-pressed": one.choosable ? String(Boolean(chosen)) : null, "aria-expanded": one.choosable ? null : "false", title: place < MANY ? `Alt+${place + 1}` : null,
      data: { testid: `disposition-${testKey(one.path)}`, result: one.path }, onclick: () => this.#take(one) },
    chosen ? icon("check") : look, typed ? resultName(one.path) : word(one.name), !one.choosable && chosen && h("small", { class: "ms-1" }, resultName(this.#chosen.slice(one.path.length + SEPARATOR.length))), !one.choosable && "…",
    place < MANY && h("kbd", { class: "d-none d-md-inline" }, String(place + 1)));
  }
}
