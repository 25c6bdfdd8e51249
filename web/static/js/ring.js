// A ring is noticed wherever the agent looks: the title of every tab, and from one tab only a sound and a notification.
import { t } from "./words.js";

const SOUND_OFF = "callcard.sound.off";
const LEASE = "callcard.ringer";
const LEASE_MS = 4000;
const tab = Math.random().toString(36).slice(2);
const plainTitle = document.title;
let elected = false;
let blinking = null;
let tone = null;
let audio = null;
const notifications = new Map();
let ringing = [];

const stored = (key) => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};
const store = (key, value) => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage each tab rings for itself.
  }
};

// One tab holds the lock while it lives; over plain http there are no locks, so a lease in storage stands in.
if (navigator.locks) {
  navigator.locks.request("callcard.ringer", () => {
    elected = true;
    ring(ringing);
    return new Promise(() => {});
  });
} else {
  const renew = () => {
    const [owner, until] = (stored(LEASE) || " 0").split(" ");
    const before = elected;
    elected = owner === tab || Number(until) < Date.now();
    if (elected) store(LEASE, `${tab} ${Date.now() + LEASE_MS}`);
    if (elected !== before) ring(ringing);
  };
  renew();
  setInterval(renew, LEASE_MS / 2);
}

export const soundIsOn = () => stored(SOUND_OFF) !== "1";
export const setSound = (on) => store(SOUND_OFF, on ? "0" : "1");

/** Show what rings now: a list of `{id, name, detail}`; an empty list is silence. */
export function ring(calls) {
  ringing = calls;
  title(calls);
  if (calls.length && elected && soundIsOn()) startTone();
  else stopTone();
  for (const [id, shown] of notifications) {
    if (!calls.some((call) => call.id === id)) {
      shown?.close();
      notifications.delete(id);
    }
  }
  // A tab that is not the one that rings may become it while the phone still rings.
  for (const call of calls) if (elected && !notifications.has(call.id)) notifications.set(call.id, notify(call));
}

function title(calls) {
  clearInterval(blinking);
  blinking = null;
  document.title = plainTitle;
  if (!calls.length) return;
  const text = `☎ ${calls[0].name}${calls.length > 1 ? ` +${calls.length - 1}` : ""}`;
  let on = true;
  document.title = text;
  blinking = setInterval(() => {
    on = !on;
    document.title = on ? text : plainTitle;
  }, 1000);
}

function notify({ id, name, detail }) {
  if (!("Notification" in globalThis) || Notification.permission !== "granted") return null;
  try {
    const shown = new Notification(name, { body: detail, tag: `callcard-${id}`, requireInteraction: true, silent: true });
    shown.addEventListener("click", () => {
      globalThis.focus();
      shown.close();
    });
    return shown;
  } catch {
    return null;
  }
}

/** Whether the browser would still ask about notifications. */
export const canAskNotifications = () => "Notification" in globalThis && isSecureContext && Notification.permission === "default";
export const askNotifications = () => Notification.requestPermission();

function startTone() {
  if (tone || navigator.userActivation?.hasBeenActive === false) return;
  try {
    audio ??= new AudioContext();
    audio.resume().catch(() => {});
  } catch {
    return;
  }
  const beat = () => {
    if (audio.state !== "running") return;
    for (const [offset, pitch] of [[0, 660], [0.22, 880]]) {
      const oscillator = audio.createOscillator();
      const gain = audio.createGain();
      const at = audio.currentTime + offset;
      oscillator.frequency.value = pitch;
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(0.12, at + 0.03);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.2);
      oscillator.connect(gain).connect(audio.destination);
      oscillator.start(at);
      oscillator.stop(at + 0.22);
    }
  };
  beat();
  tone = setInterval(beat, 2000);
}

function stopTone() {
  clearInterval(tone);
  tone = null;
}

/** The words of the notification for a card. */
export const ringDetail = (card) => [card.number.e164 || card.number.raw, card.queue && t("Queue {queue}", { queue: card.queue })].filter(Boolean).join(" · ");
