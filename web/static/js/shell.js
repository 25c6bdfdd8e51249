// What every page has: theme, keys, dial buttons, the cards of this agent's phone, and what is down and since when.
import { get, post } from "./api.js";
import { announce, everySecond, h, icon, setText, show, toast } from "./dom.js";
import { Pops } from "./pops.js";
import { setSound, soundIsOn } from "./ring.js";
import { tellLinks } from "./links.js";
import { showShortcuts, listen } from "./shortcuts.js";
import { Socket } from "./socket.js";
import { secondsSince, serverNow } from "./clock.js";
import { tellReachable } from "./unreachable.js";
import { isWrappingUp, timeLeft } from "./wrapup.js";
import { STATES, duration, exactMoment, moment, t, timeOfDay, tn } from "./words.js";

const READY_EVERY = 10000;
const COUNT_EVERY = 20000;
const me = document.body.dataset.user;

function theme() {
  document.querySelectorAll("[data-theme-switch]").forEach((button) => button.addEventListener("click", () => {
    const dark = document.documentElement.dataset.bsTheme !== "dark";
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    try {
      localStorage.setItem("callcard.theme", dark ? "dark" : "light");
    } catch {
      // The choice lasts for this page then.
    }
  }));
}

/** The server cuts days at the reader's midnight, so it has to know the zone. */
function tellZone() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const wanted = `callcard_zone=${timeZone}`;
  if (timeZone && !document.cookie.split("; ").includes(wanted)) document.cookie = `${wanted}; path=/; max-age=31536000; samesite=lax`;
}

/** Instants come from the server in UTC; here they are told in the reader's own time. */
export function tellTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    element.title = exactMoment(element.dateTime);
    setText(element, moment(element.dateTime));
  }
}

export async function dial(number) {
  try {
    const call = await post("/dial", { to: number });
    toast(t("Your phone {extension} rings; take it and {number} is called.", { extension: call.extension, number: call.to }));
    announce(t("Calling {number}", { number }));
    return call;
  } catch (error) {
    toast(error.errors.some(({ field }) => field === "extension") ? t("Choose your phone first: the desktop asks which one you are at.") : error.message, { kind: "error" });
    return null;
  }
}

function dialButtons() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-dial]");
    if (!button) return;
    event.preventDefault();
    dial(button.dataset.dial);
  });
}

/** One line under the header while something is down; what is shown meanwhile is old, so it is greyed. */
class Banner {
  #places = new Map();

  /** `kind`: "quiet" where the reader cannot act on it, "late" and "part" where not everything that is shown is old. */
  set(name, text, since, kind = "") {
    const here = this.#places.get(name);
    if (here && text && here.dataset.kind === kind && here.since === since) setText(here.querySelector("span"), text);
    else {
      here?.remove();
      this.#places.delete(name);
    }
    if (text && !this.#places.has(name)) {
      const clock = h("span", { class: "banner-clock" });
      const line = h("div", { class: "banner", role: kind.includes("quiet") ? "status" : "alert", data: { kind, testid: `banner-${name}` } }, icon(name === "server" ? "wifi-off" : kind.includes("late") ? "clock" : "plug-connected-x"), h("span", {}, text),
        h("span", { class: "banner-since" }, t("since {time}", { time: timeOfDay(since) })), clock);
      document.getElementById("banners").append(line);
      line.since = since;
      this.#places.set(name, line);
      everySecond(clock, () => setText(clock, duration((serverNow() - since) / 1000)));
    }
    document.body.classList.toggle("is-stale", [...this.#places.values()].some(({ dataset }) => !/late|part/.test(dataset.kind)));
  }
}

export const banner = new Banner();
export const socket = me ? new Socket() : null;
export let pops = null;

/** What is down, as the server says; of a PBX it says since when, of the rest it is what this page saw. */
function watchReadiness() {
  const away = new Map();
  const quiet = !document.body.classList.contains("board-page");
  const look = async () => {
    if (document.visibilityState !== "visible" || !socket.isUp) return;
    try {
      const answer = await (await fetch("/status", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(5000) })).json();
      const links = answer.links || {};
      tellLinks(banner, links, quiet);
      const bad = Object.entries(answer.checks || {}).filter(([name, state]) => state !== "up" && !links[name.replace(/^pbx /, "")]);
      for (const [name] of away) if (!bad.some(([other]) => other === name)) away.delete(name) && banner.set(name, null);
      for (const [name] of bad) {
        if (!away.has(name)) away.set(name, Date.now());
        banner.set(name, checkWords(name), away.get(name));
      }
    } catch {
      // The socket's own banner says when the server is away.
    }
  };
  look();
  socket.addEventListener("up", look);
  setInterval(look, READY_EVERY);
}

function checkWords(name) {
  if (name === "database") return t("The database cannot be reached. Notes are kept in this browser until it is back.");
  if (name === "bus") return t("The servers cannot talk to each other. Cards may be late.");
  return t("The telephone system ({name}) is not connected. Calls are not shown until it is back.", { name: name.replace(/^pbx[:. ]?/, "") || "main" });
}

function ownState() {
  const place = document.getElementById("own-state");
  const agent = { state: null, since: null, reason: null };
  const clock = h("span", { class: "state-clock" });
  let extensions = [];
  const paint = () => {
    const states = pops.states;
    const talking = states.find(({ status, card }) => status === "talking" && card);
    const ringing = states.find(({ status }) => status === "ringing");
    const wrap = states.find(isWrappingUp);
    let state = talking ? "on_call" : ringing ? "ringing" : wrap ? "wrap_up" : agent.state || "available";
    if (!talking && !ringing && !wrap && ["on_call", "ringing", "wrap_up"].includes(state)) state = "available";
    if (!extensions.length) state = "offline";
    if (agent.state === "paused" && !talking && !ringing) state = "paused";
    place.hidden = !extensions.length && document.body.dataset.role !== "agent";
    place.dataset.state = state;
    place.until = wrap?.wrap_up.until;
    place.since = talking?.card.answered_at || (wrap && state === "wrap_up" ? wrap.card.ended_at : null) || (state === agent.state ? agent.since : null);
    const may = extensions.length > 0 && (state === "available" || state === "paused");
    show(place, [state, extensions, agent.reason, may, ringing?.reason], () => [
      h("span", { class: `state-pill state-${state}` }, h("i", { class: "state-dot" }), h("span", { data: { testid: "own-state-name" } }, extensions.length ? (state === "paused" && agent.reason ? `${STATES.paused}: ${agent.reason}` : state === "ringing" && ringing.reason === "dial" ? t("Calling") : STATES[state]) : t("No phone"))),
      clock,
      extensions.length > 0 && h("span", { class: "state-phone d-none d-sm-inline-flex", title: t("Your phone"), data: { testid: "own-phone" } }, icon("device-landline-phone"), extensions.join(", ")),
      may && h("button", { type: "button", class: "btn btn-icon btn-sm btn-ghost-secondary", title: state === "paused" ? t("Be available again") : t("Pause: no calls from queues"), "aria-label": state === "paused" ? t("Be available again") : t("Pause: no calls from queues"),
        "aria-haspopup": state === "paused" ? null : "menu", "aria-expanded": state === "paused" ? null : "false", data: { testid: "pause" }, onclick: (event) => (state === "paused" ? turn("unpause") : choose(event.currentTarget)) }, icon(state === "paused" ? "player-play" : "player-pause")),
    ]);
  };
  const look = async () => {
    try {
      const [page, seat] = await Promise.all([get("/agents?limit=500"), get("/me/seat")]);
      const mine = page.items.find(({ id }) => id === me);
      tellReachable(mine?.reachable ?? true, seat.extensions);
      extensions = seat.extensions;
      Object.assign(agent, { state: mine?.state === "offline" || mine?.state === "unreachable" ? (mine.state === "unreachable" ? "unreachable" : "available") : mine?.state, since: mine?.since, reason: mine?.paused_reason });
    } catch {
      // The banner says what is down; the state stays as it was known.
    }
    paint();
  };
  const turn = async (what, body = {}) => {
    try {
      await post(`/agents/${encodeURIComponent(me)}/${what}`, body);
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
    setTimeout(look, 400);
  };
  /** Ask why, where the administrator keeps a list of reasons; arrows and Escape work as in any menu. */
  const choose = async (button) => {
    let reasons = [];
    try {
      reasons = (await get("/pause-reasons?limit=100")).items;
    } catch {
      // A pause without a reason is better than none.
    }
    if (!reasons.length) return turn("pause");
    if (!button.isConnected || place.querySelector("[role=menu]")) return;
    const close = (back) => {
      menu.remove();
      button.setAttribute("aria-expanded", "false");
      removeEventListener("pointerdown", outside, true);
      if (back) button.focus();
    };
    const outside = (event) => menu.contains(event.target) || button.contains(event.target) || close(false);
    const menu = h("div", { class: "dropdown-menu show pause-menu", role: "menu", "aria-label": t("Why do you pause?"), data: { testid: "pause-menu" }, onkeydown: (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const items = [...menu.querySelectorAll("button")];
      if (step) items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
      else if (event.key === "Escape") close(true);
      else if (event.key === "Tab") close(false);
      if (step || event.key === "Escape") event.preventDefault();
      event.stopPropagation();
    } }, h("div", { class: "dropdown-header" }, t("Why do you pause?")),
    reasons.map((reason) => h("button", { type: "button", class: "dropdown-item", role: "menuitem", data: { testid: "pause-reason" }, onclick: () => { close(true); turn("pause", { reason }); } }, reason)));
    place.append(menu);
    button.setAttribute("aria-expanded", "true");
    addEventListener("pointerdown", outside, true);
    menu.querySelector("button").focus();
  };
  everySecond(place, () => setText(clock, place.dataset.state === "wrap_up" && place.until ? timeLeft(place.until) : place.since ? duration(secondsSince(place.since)) : ""));
  pops.addEventListener("changed", paint);
  pops.addEventListener("closed", () => setTimeout(look, 500));
  document.addEventListener("callcard:seat", look);
  look();
  setInterval(look, 15000);
}

function sound() {
  const label = document.querySelector("[data-sound-label]");
  const paint = () => label && setText(label, soundIsOn() ? t("Ring sound: on") : t("Ring sound: off"));
  document.querySelector("[data-sound-switch]")?.addEventListener("click", () => {
    setSound(!soundIsOn());
    paint();
  });
  paint();
}

/** How many callbacks are open to this person, in the navigation; red while one is overdue. */
function callbackCount() {
  const badge = document.querySelector("[data-callback-count]");
  const look = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await fetch("/callbacks/count", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(5000) });
      if (!answer.ok) return;
      const { open, overdue, due } = await answer.json();
      document.dispatchEvent(new CustomEvent("callcard:due", { detail: due }));
      badge.hidden = !open;
      badge.className = `badge ms-1 ${overdue ? "bg-red-lt" : "bg-secondary-lt"}`;
      badge.title = overdue ? tn("{n} callback is overdue", "{n} callbacks are overdue", overdue) : t("Open callbacks");
      setText(badge, String(open));
    } catch {
      // The banner says what is down; the number stays as it was known.
    }
  };
  look();
  document.addEventListener("callcard:callbacks", look);
  setInterval(look, COUNT_EVERY);
}

/** How many messages nobody has heard, in the navigation. */
function voicemailCount() {
  const badge = document.querySelector("[data-voicemail-count]");
  if (!badge) return;
  const look = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await fetch("/voicemail/count", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(5000) });
      if (!answer.ok) return;
      const { new: fresh } = await answer.json();
      badge.hidden = !fresh;
      badge.title = t("New messages");
      setText(badge, String(fresh));
    } catch {
      // The banner says what is down; the number stays as it was known.
    }
  };
  look();
  document.addEventListener("callcard:voicemail", look);
  setInterval(look, COUNT_EVERY);
}

function start() {
  theme();
  tellZone();
  tellTimes();
  document.body.addEventListener("htmx:afterSwap", (event) => tellTimes(event.target));
  if (!me) return;
  dialButtons();
  callbackCount();
  voicemailCount();
  sound();
  document.querySelectorAll("[data-shortcuts]").forEach((button) => button.addEventListener("click", showShortcuts));
  const home = document.getElementById("pops");
  if (!home) return;
  pops = new Pops(home, { docked: home.classList.contains("pop-dock") });
  pops.addEventListener("shown", ({ detail }) => socket.shown(detail.id));
  socket.addEventListener("snapshot", ({ detail }) => detail.topic === "pops" && pops.snapshot(detail.state));
  socket.addEventListener("delta", ({ detail }) => detail.type.startsWith("pop.") && pops.delta(detail));
  socket.addEventListener("down", ({ detail }) => banner.set("server", t("The link to the server is down. What you see may be old."), detail.since));
  socket.addEventListener("up", () => banner.set("server", null));
  socket.subscribe("pops");
  listen(pops);
  ownState();
  watchReadiness();
}

start();
