// The recordings of one call: a player each, at the speed and from the place where this browser left it.
import { get } from "./api.js";
import { h } from "./dom.js";
import { duration, moment, t } from "./words.js";

const card = document.getElementById("recordings");
const body = card.querySelector(".card-body");
const call = document.querySelector("[data-call]").dataset.call;
const SPEEDS = [1, 1.5, 2];
const AGAIN = 3000;
const KEPT_FROM = 3;

const place = (n) => `callcard.recording.${call}.${n}`;

function remember(audio, n) {
  const at = audio.ended ? 0 : audio.currentTime;
  if (at > KEPT_FROM) localStorage.setItem(place(n), String(at));
  else localStorage.removeItem(place(n));
}

function player({ n, audio: source, seconds }) {
  // Nothing is asked for before somebody presses play: asking is hearing, and is written down.
  const audio = h("audio", { controls: true, preload: "none", src: source, class: "recording-player", "aria-label": t("Recording {n}", { n }), data: { testid: "audio" } });
  audio.addEventListener("loadedmetadata", () => {
    const kept = Number(localStorage.getItem(place(n)));
    if (kept > 0 && kept < audio.duration - 1 && audio.currentTime < 1) audio.currentTime = kept;
  });
  audio.addEventListener("pause", () => remember(audio, n));
  window.addEventListener("pagehide", () => audio.currentTime && remember(audio, n));
  const buttons = SPEEDS.map((speed) => h("button", { type: "button", class: "btn btn-sm", "aria-pressed": String(speed === 1), onclick: () => {
    audio.playbackRate = speed;
    for (const [at, button] of buttons.entries()) button.setAttribute("aria-pressed", String(SPEEDS[at] === speed));
  } }, `${speed}x`));
  return [audio, h("div", { class: "recording-tools" },
    h("span", { class: "text-secondary numeric" }, seconds === null ? "" : duration(seconds)),
    h("div", { class: "btn-group", role: "group", "aria-label": t("Speed") }, buttons),
    h("a", { class: "ms-auto", href: source, download: "" }, t("Download")))];
}

const states = { recording: () => t("Being recorded."), missing: () => t("The file cannot be found."), deleted: (at) => (at ? t("Deleted on {time}.", { time: moment(at) }) : t("Deleted.")), expired: (at) => t("Deleted on {time}: it was kept for as long as recordings are kept.", { time: moment(at) }) };
const deeds = { played: (user) => t("{user} listened", { user }), deleted: (user) => t("{user} deleted it", { user }), expired: () => t("deleted by the rule") };

function content(recording, mayListen) {
  if (recording.state !== "ready") return h("p", { class: "text-secondary mb-0" }, states[recording.state](recording.gone_at));
  if (!mayListen) return h("p", { class: "text-secondary mb-0" }, t("You may hear the recordings of your own calls only."));
  if (recording.playable) return player(recording);
  return h("p", { class: "mb-0" }, `${t("Your browser cannot play this format.")} `, h("a", { href: recording.audio, download: "" }, t("Download")));
}

async function load() {
  let list;
  try {
    list = await get(`/calls/${encodeURIComponent(call)}/recordings`);
  } catch (error) {
    body.replaceChildren(h("p", { class: "text-danger mb-0", role: "alert" }, error.message));
    card.hidden = error.status !== 503;
    return;
  }
  card.hidden = !list.items.length;
  body.replaceChildren(...list.items.map((recording) => h("div", { class: "recording", data: { testid: "recording", state: recording.state } },
    h("div", { class: "text-secondary" }, list.items.length > 1 && `${t("Recording {n}", { n: recording.n })} · `, moment(recording.started_at)),
    content(recording, list.may_listen),
    list.accesses.filter(({ n }) => n === recording.n).map(({ user, what, at }) => h("div", { class: "text-secondary small", data: { testid: "recording-access" } }, `${deeds[what](user)} · ${moment(at)}`)))));
  if (location.hash === "#recordings" && !card.hidden) {
    card.scrollIntoView({ block: "nearest" });
    body.querySelector("audio")?.focus();
  }
  if (list.items.some(({ state }) => state === "recording")) setTimeout(load, AGAIN);
}

load();
