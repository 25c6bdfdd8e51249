// A field that knows people: colleagues by name and extension with their state, clients by name, and any number as typed.
// It is a combobox: arrows walk through the list, Enter takes, Escape leaves.
import { get } from "./api.js";
import { h, icon, show } from "./dom.js";
import { STATES, language, t } from "./words.js";

const REFRESH = 3000;
const MOST = 8;
const PAUSE = 200;
const ORDER = ["available", "wrap_up", "paused", "on_hold", "on_call", "ringing", "offline", "unreachable"];
const names = new Intl.Collator(language);
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase(language);
let count = 0;

/** `{element, value(), focus()}`; `value` is the extension or number that was chosen or typed, empty when none. */
export function picker({ label, testid, colleagues = null, clients = false, except = () => [], onenter, onescape = () => {} }) {
  const id = `picker-${(count += 1)}`;
  let people = [];
  let found = [];
  let options = [];
  let at = -1;
  let chosen = null;
  let searching = null;
  const list = h("ul", { class: "picker-list", role: "listbox", id, "aria-label": label, hidden: true, data: { testid: `${testid}-options` } });
  const box = h("input", { class: "form-control", type: "text", inputmode: "text", maxlength: 64, autocomplete: "off", spellcheck: "false", placeholder: label, role: "combobox", "aria-label": label, "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list", data: { testid } });

  const draw = () => {
    const text = plain(box.value.trim());
    const own = except();
    const matching = chosen ? [] : people.filter(({ display_name: name, extensions }) => !own.includes(extensions[0]) && (plain(name).includes(text) || extensions.some((one) => one.startsWith(text))));
    matching.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || names.compare(a.display_name, b.display_name));
    options = [
      ...matching.slice(0, MOST).map((one) => ({ name: one.display_name, number: one.extensions[0], state: one.state })),
      ...(chosen ? [] : found).map((one) => ({ name: one.name, number: one.phones[0].number, note: one.company })),
    ];
    at = Math.min(at, options.length - 1);
    const open = document.activeElement === box && options.length > 0;
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    show(list, [options, at], () => options.map(option));
    if (at >= 0) box.setAttribute("aria-activedescendant", `${id}-${at}`);
    else box.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const option = (one, index) => h("li", { role: "option", id: `${id}-${index}`, class: "picker-option", "aria-selected": String(index === at), data: { testid: "picker-option", number: one.number }, onpointerdown: (event) => { event.preventDefault(); take(one); } },
    icon(one.state ? "user" : "address-book"), h("span", { class: "picker-name" }, one.name), h("span", { class: "picker-number" }, one.number),
    one.state ? h("span", { class: `agent-state state-${one.state}` }, h("i", { class: "state-dot" }), STATES[one.state]) : h("small", { class: "text-secondary" }, one.note || ""));
  const take = (one) => {
    chosen = one.number;
    box.value = one.state ? `${one.name} (${one.number})` : `${one.name} · ${one.number}`;
    found = [];
    at = -1;
    draw();
  };
  const look = async () => {
    try {
      people = await colleagues();
    } catch {
      // The number can still be typed.
    }
    draw();
  };
  const search = async () => {
    const text = box.value.trim();
    if (text.length < 3 || /^[\d+\s()*#-]+$/.test(text)) found = [];
    else {
      try {
        const page = await get(`/contacts?limit=5&q=${encodeURIComponent(text)}`);
        if (text === box.value.trim()) found = page.items.filter(({ phones }) => phones.length > 0);
      } catch {
        found = [];
      }
    }
    draw();
  };
  box.addEventListener("input", () => {
    chosen = null;
    at = -1;
    draw();
    clearTimeout(searching);
    if (clients) searching = setTimeout(search, PAUSE);
  });
  box.addEventListener("focus", () => { if (colleagues) look(); draw(); });
  box.addEventListener("blur", draw);
  box.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) {
      at = (at + step + options.length) % options.length;
      draw();
    } else if (event.key === "Enter") {
      const named = options[at] || (!chosen && !/\d/.test(box.value) && box.value.trim() ? options[0] : null);
      if (named) take(named);
      else onenter(event);
    } else if (event.key === "Escape") onescape();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const timer = setInterval(() => {
    if (!box.isConnected) clearInterval(timer);
    else if (colleagues && document.visibilityState === "visible" && document.activeElement === box) look();
  }, REFRESH);
  return {
    element: h("div", { class: "picker" }, box, list),
    box,
    focus: () => box.focus(),
    clear: () => { box.value = ""; chosen = null; found = []; draw(); },
    value: () => chosen || (/\d/.test(box.value) ? box.value.trim() : options[0]?.number || ""),
  };
}
