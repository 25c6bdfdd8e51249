// A note that is never lost: every keystroke goes to the browser's storage at once and to the server within a second;
// what the server has not taken yet is sent again until it has, also after a reload or from another page.
import { put } from "./api.js";
import { t, timeWithSeconds } from "./words.js";

const PAUSE = 400;
const LONGEST_PAUSE = 900;
const RETRY = 3000;
const prefix = `callcard.note.${document.body.dataset.user || ""}.`;

const storage = {
  read(call) {
    try {
      return localStorage.getItem(prefix + call);
    } catch {
      return null;
    }
  },
  write(call, text) {
    try {
      if (text === null) localStorage.removeItem(prefix + call);
      else localStorage.setItem(prefix + call, text);
    } catch {
      // Storage is full or forbidden: the server copy has to do.
    }
  },
};

const path = (call) => `/calls/${encodeURIComponent(call)}/draft`;

/** Keeps one text area saved. `mark` is the element that says so. */
export class NoteKeeper {
  #call;
  #area;
  #mark;
  #timer = null;
  #first = 0;
  #saved;
  #sending = false;

  constructor(call, area, mark, draft) {
    this.#call = call;
    this.#area = area;
    this.#mark = mark;
    this.#saved = draft || "";
    const kept = storage.read(call);
    area.value = kept ?? this.#saved;
    area.addEventListener("input", () => this.#typed());
    area.addEventListener("blur", () => this.flush());
    if (area.value) this.#say("saved", t("Saved"));
    if (kept !== null && kept !== this.#saved) this.flush();
  }

  get isDirty() {
    return this.#area.value !== this.#saved;
  }

  /** The server's copy changed (another tab, another device): take it unless something is being typed here. */
  adopt(draft) {
    const text = draft || "";
    if (this.isDirty || this.#sending || document.activeElement === this.#area || text === this.#saved) return;
    this.#saved = text;
    this.#area.value = text;
  }

  #typed() {
    storage.write(this.#call, this.#area.value);
    this.#say("typing", "…");
    const now = Date.now();
    if (this.#timer === null) this.#first = now;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), Math.max(0, Math.min(PAUSE, this.#first + LONGEST_PAUSE - now)));
  }

  /** Send what is not saved yet; true when the server has it. */
  async flush() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#sending) return false;
    const text = this.#area.value;
    if (text === this.#saved) {
      storage.write(this.#call, null);
      return true;
    }
    this.#sending = true;
    try {
      await put(path(this.#call), { text });
      this.#saved = text;
    } catch (error) {
      const refused = error.status >= 400 && error.status < 500 && error.status !== 401;
      this.#say("failed", refused ? error.message : t("Not sent yet, kept in this browser"));
      if (!refused) this.#timer = setTimeout(() => this.flush(), RETRY);
      return false;
    } finally {
      this.#sending = false;
    }
    if (this.isDirty) return this.flush();
    storage.write(this.#call, null);
    this.#say("saved", t("Saved {time}", { time: timeWithSeconds(Date.now()) }));
    return true;
  }

  #say(state, text) {
    this.#mark.dataset.state = state;
    this.#mark.textContent = text;
  }
}

/** Send notes a crash or a lost link left behind, of calls whose card is not up any more. */
export async function sendForgotten(isOpen) {
  const calls = [];
  try {
    for (let index = 0; index < localStorage.length; index += 1) {
      const key = localStorage.key(index);
      if (key.startsWith(prefix)) calls.push(key.slice(prefix.length));
    }
  } catch {
    return;
  }
  for (const call of calls.filter((name) => !isOpen(name))) {
    const text = storage.read(call);
    try {
      await put(path(call), { text });
      if (storage.read(call) === text) storage.write(call, null);
    } catch (error) {
      if (error.status === 404) storage.write(call, null);
      else if (error.status === 0 || error.status >= 500) return;
    }
  }
}
