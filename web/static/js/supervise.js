// What a supervisor does from the board: join a call, take or move who waits, end a call, pause an agent. Each row has one
// button that opens a menu; what hurts asks once more in its place. The menu lives beside the rows, which are drawn anew.
import { get } from "./api.js";
import { secondsSince } from "./clock.js";
import { command, errorPlace } from "./controls.js";
import { everySecond, h, icon, setText, show } from "./dom.js";
import { duration, t } from "./words.js";

const MY_PHONE = "callcard.supervisor.phone";
const RAISED = 10;
const MODES = { listen: t("You listen to {name}"), whisper: t("You whisper to {name}"), barge: t("You are in the talk of {name}") };
let board = null;
let seats = [];
let reasons = [];
let menu = null;

/** `state` is the board's, read when a menu opens; `name` tells whose call it is. */
export async function supervise(state, name) {
  board = { state, name };
  try {
    const [seat, list] = await Promise.all([get("/me/seat"), get("/pause-reasons?limit=100")]);
    seats = seat.extensions;
    reasons = list.items;
  } catch {
    // The phone is asked for then, and a pause goes without a reason.
  }
}

function remembered() {
  try {
    return seats[0] || localStorage.getItem(MY_PHONE) || "";
  } catch {
    return seats[0] || "";
  }
}

function remember(phone) {
  try {
    localStorage.setItem(MY_PHONE, phone);
  } catch {
    // Asked again next time.
  }
}

/** The button of a row. */
export function menuButton(kind, key, label) {
  return h("button", { type: "button", class: "btn btn-icon btn-sm btn-ghost-secondary row-menu-button", title: t("Actions"), "aria-label": t("Actions: {name}", { name: label }), "aria-haspopup": "menu", "aria-expanded": "false", data: { testid: "row-menu" }, onclick: (event) => open(event.currentTarget, kind, key, label) }, icon("dots-vertical"));
}

function open(button, kind, key, label) {
  const again = menu?.button === button;
  close(false);
  if (again) return;
  const error = errorPlace();
  const phone = h("input", { class: "form-control form-control-sm", maxlength: 73, inputmode: "tel", autocomplete: "off", value: remembered(), "aria-label": t("Your phone"), data: { testid: "menu-phone" } });
  const groups = { call: callItems, waiting: waitingItems, agent: agentItems }[kind](key);
  if (!groups) return;
  const needsPhone = groups.some((item) => item.phone);
  const element = h("div", { class: "row-menu", role: "menu", "aria-label": label, data: { testid: "row-menu-items" }, onkeydown: (event) => walk(event) },
    h("div", { class: "row-menu-title text-truncate" }, label),
    needsPhone && h("label", { class: "row-menu-phone", title: t("It rings first; take it and it happens.") }, icon("device-landline-phone", "icon-sm"), h("span", {}, t("Your phone")), phone),
    groups.map((item) => entry(item, phone, error)), error);
  document.body.append(element);
  menu = { button, element, key: `${kind} ${key}` };
  button.setAttribute("aria-expanded", "true");
  place(button, element);
  addEventListener("pointerdown", outside, true);
  addEventListener("resize", closeQuietly);
  addEventListener("scroll", follow, true);
  (phone.value || !needsPhone ? element.querySelector("[role=menuitem]") : phone)?.focus();
}

function entry(item, phone, error) {
  let sure = false;
  const words = h("span", {}, item.label);
  const button = h("button", { type: "button", class: `row-menu-item ${item.hurts ? "text-red" : ""}`, role: "menuitem", data: { testid: item.testid }, onclick: async () => {
    if (item.hurts && !sure) {
      sure = true;
      setText(words, t("{action}: really?", { action: item.label }));
      return;
    }
    const extension = phone.value.trim();
    if (item.phone && !extension) return phone.focus();
    if (item.phone && !seats.includes(extension)) remember(extension);
    const body = { ...item.body, ...(item.phone && { extension }) };
    if (await command(button, error, item.path, body)) close(true);
    else if (menu) place(menu.button, menu.element);
    return undefined;
  } }, icon(item.icon), words);
  return button;
}

const live = (id, what) => `/live/${encodeURIComponent(id)}/${what}`;

function callItems(id) {
  const call = board.state.calls[id];
  if (!call) return null;
  const talks = ["talking", "held"].includes(call.phase) && !call.parked;
  const join = (mode, testid, label, symbol) => ({ label, icon: symbol, testid, phone: true, path: live(id, "spy"), body: { mode } });
  return [
    ...(talks ? [join("listen", "menu-listen", t("Listen"), "headset"), join("whisper", "menu-whisper", t("Whisper to the agent"), "message-2"), join("barge", "menu-barge", t("Join the talk"), "users")] : []),
    ...(call.parked ? [{ label: t("Fetch"), icon: "phone-incoming", testid: "menu-fetch", phone: true, path: live(id, "fetch") }] : []),
    ...(call.phase === "ringing" && call.ringing.length ? [{ label: t("Pick up"), icon: "phone-incoming", testid: "menu-pickup", phone: true, path: live(id, "pickup") }] : []),
    { label: t("Hang up"), icon: "phone-off", testid: "menu-hangup", hurts: true, path: live(id, "hangup") },
  ];
}

function waitingItems(key) {
  const [queue, one] = Object.entries(board.state.queues).flatMap(([name, { waiting }]) => waiting.map((caller) => [name, caller])).find(([, caller]) => caller.call_id === key) || [];
  if (!one) return null;
  const { pbx } = board.state.queues[queue];
  const others = Object.values(board.state.queues).filter((other) => other.name !== board.state.queues[queue].name && other.pbx === pbx);
  return [
    { label: t("Take the call"), icon: "phone-incoming", testid: "menu-take", phone: true, path: live(key, "queue/take") },
    { label: t("Serve before the others"), icon: "arrow-up", testid: "menu-priority", path: live(key, "queue/priority"), body: { priority: RAISED } },
    ...others.map(({ name }) => ({ label: t("Move to {queue}", { queue: name }), icon: "arrows-exchange", testid: "menu-move", path: live(key, "queue/move"), body: { queue: name } })),
    { label: t("Hang up"), icon: "phone-off", testid: "menu-hangup", hurts: true, path: live(key, "hangup") },
  ];
}

function agentItems(key) {
  const agent = board.state.agents[key];
  if (!agent?.user) return null;
  const path = (what) => `/agents/${encodeURIComponent(agent.user)}/${what}`;
  const why = reasons.length ? reasons : [t("by supervisor")];
  return [
    ...(agent.state === "paused" ? [{ label: t("End the pause"), icon: "player-play", testid: "menu-unpause", path: path("unpause") }] : why.map((reason) => ({ label: t("Pause: {reason}", { reason }), icon: "player-pause", testid: "menu-pause", path: path("pause"), body: { reason } }))),
    ...agent.queues.map((queue) => ({ label: t("Log out of {queue}", { queue }), icon: "logout", testid: "menu-logout", hurts: true, path: path("logout"), body: { queue } })),
  ];
}

function place(button, element) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  element.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
  element.style.top = `${at.bottom + height + 8 < innerHeight ? at.bottom + 2 : Math.max(8, at.top - height - 2)}px`;
}

function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const items = [...menu.element.querySelectorAll("[role=menuitem]")];
  if (step) items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  else if (event.key === "Escape") close(true);
  else if (event.key === "Tab" && !event.target.matches("input")) return close(false);
  else return undefined;
  event.preventDefault();
  event.stopPropagation();
  return undefined;
}

const outside = (event) => menu && !menu.element.contains(event.target) && !menu.button.contains(event.target) && close(false);
const closeQuietly = () => close(false);
const follow = (event) => menu && !menu.element.contains(event.target) && (menu.button.isConnected ? place(menu.button, menu.element) : undefined);

function close(back) {
  if (!menu) return;
  const { button, element } = menu;
  menu = null;
  element.remove();
  button.setAttribute("aria-expanded", "false");
  removeEventListener("pointerdown", outside, true);
  removeEventListener("resize", closeQuietly);
  removeEventListener("scroll", follow, true);
  if (back && button.isConnected) button.focus();
}

/** Say to whom this supervisor listens now, with the way out. */
export function showListening(strip) {
  const mine = Object.entries(board?.state.calls || {}).flatMap(([id, call]) => (call.spies || []).filter(({ extension }) => extension === remembered()).map((spy) => [id, spy, board.name(call)]));
  strip.hidden = mine.length === 0;
  show(strip, mine, () => mine.map(([id, spy, name]) => {
    const error = errorPlace();
    const clock = h("span", { class: "parked-clock" });
    everySecond(clock, () => setText(clock, duration(secondsSince(spy.since))));
    return h("div", { class: "listening", data: { testid: "listening", mode: spy.mode } }, icon("headset"), h("strong", {}, (MODES[spy.mode] || MODES.listen).replace("{name}", name)), clock,
      h("button", { type: "button", class: "btn btn-sm btn-danger", data: { testid: "listening-stop" }, onclick: (event) => command(event.currentTarget, error, live(id, "unspy"), { extension: spy.extension }) }, icon("player-stop"), t("Stop")), error);
  }));
}
