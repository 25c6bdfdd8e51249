// Keys. With Alt they work while typing; without it only when no field has the focus. `?` shows them all.
import { h } from "./dom.js";
import { t } from "./words.js";

const KEYS = [
  ["Alt + A", t("Answer, where the phone obeys")], ["Alt + N", t("Write the note")], ["Alt + 1 … 9", t("Choose a result")], ["Alt + O", t("Hold, resume, back to the caller")], ["Alt + T", t("Transfer: a name or a number, then Enter to consult")],
  ["Alt + J", t("Hand the caller over to who is consulted")], ["Alt + P", t("Park the call")], ["Alt + R", t("Pause the recording, or go on")], ["Alt + H", t("Hang up")], ["Alt + Enter", t("Finish the card")], ["Alt + R", t("I'm ready for the next call")], ["Alt + T", t("More time after a call")],
  ["Alt + W", t("Next card")], ["Alt + M", t("Minimise the card")], ["D", t("Dial a number")], ["/", t("Search")],
  ["G D", t("Go to the desktop")], ["G C", t("Go to contacts")], ["G L", t("Go to the call log")], ["G B", t("Go to the live board")], ["?", t("This sheet")],
];
const PLACES = { d: "/desk", c: "/contacts", l: "/calls", b: "/board" };
let sheet = null;
let going = 0;

export function showShortcuts() {
  sheet ??= document.body.appendChild(h("dialog", { class: "shortcut-sheet", "aria-label": t("Keyboard shortcuts"), data: { testid: "shortcuts" }, onclick: (event) => event.target === sheet && sheet.close() },
    h("div", { class: "shortcut-inner" }, h("h2", {}, t("Keyboard shortcuts")), h("dl", {}, KEYS.map(([keys, words]) => h("div", {}, h("dt", {}, keys.split(" ").map((key) => (key === "+" || key === "…" ? ` ${key} ` : h("kbd", {}, key)))), h("dd", {}, words)))),
      h("form", { method: "dialog" }, h("button", { class: "btn w-100" }, t("Close"))))));
  if (sheet.open) sheet.close();
  else sheet.showModal();
}

const isField = (element) => element?.matches?.("input, textarea, select, [contenteditable]");

export function listen(pops) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.isComposing) return;
    const done = event.altKey ? withAlt(event, pops) : !isField(event.target) && plain(event);
    if (done) event.preventDefault();
  });
}

function withAlt(event, pops) {
  const digit = event.code.match(/^Digit([1-9])$/);
  if (digit) return pops.act("result", Number(digit[1]) - 1);
  switch (event.code) {
    case "KeyA": return pops.act("answer");
    case "KeyN": return pops.act("note");
    case "KeyO": return pops.act("hold");
    // What one does during a call and what after it share a key: only one of them is possible.
    case "KeyT": return pops.act("transfer") || pops.act("more");
    case "KeyJ": return pops.act("complete");
    case "KeyP": return pops.act("park");
    case "KeyR": return pops.act("record") || pops.act("ready");
    case "KeyH": return pops.act("hangup");
    case "KeyM": return pops.act("minimise");
    case "Enter": return pops.act("done");
    case "KeyW":
      pops.next();
      return true;
    default: return false;
  }
}

function plain(event) {
  const key = event.key.toLowerCase();
  if (Date.now() - going < 1000 && PLACES[key]) {
    location.assign(PLACES[key]);
    return true;
  }
  going = 0;
  if (event.key === "?") showShortcuts();
  else if (key === "g") going = Date.now();
  else if (key === "d" || key === "/") return focus(key === "d" ? "[data-key=dial]" : "[data-key=search]");
  else return false;
  return true;
}

function focus(selector) {
  const field = document.querySelector(selector);
  field?.focus();
  return Boolean(field);
}
