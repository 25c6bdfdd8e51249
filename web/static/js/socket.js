// One WebSocket per tab: subscribe, snapshot, numbered deltas. A gap asks for the snapshot again; a lost link comes back
// by itself. What it knows goes out as events, so that a card or the board never handles the wire.
import { signIn } from "./api.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10000;
const SILENCE = 25000;
const NOT_SIGNED_IN = 4401;
const FORBIDDEN = 4403;
const TAB = "callcard.tab";

/** What this tab is called in the trace of a call; a reload keeps the name. */
function tabName() {
  const made = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  try {
    return sessionStorage.getItem(TAB) || (sessionStorage.setItem(TAB, made), made);
  } catch {
    return made;
  }
}

/** Events: `snapshot` and `delta` (detail: frame), `up`, `down` (detail: {since}). */
export class Socket extends EventTarget {
  #socket = null;
  #wait = FIRST_WAIT;
  #timer = null;
  #heard = Date.now();
  #topics = new Map();
  #awaiting = new Set();
  #tab = tabName();

  constructor() {
    super();
    this.downSince = null;
    setInterval(() => this.#watch(), 5000);
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#now());
  }

  get isUp() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  subscribe(topic) {
    this.#topics.set(topic, null);
    if (this.isUp) this.#ask("subscribe", topic);
    else this.#connect();
  }

  /** Say that a card is on the screen. */
  shown(callId) {
    this.#send({ type: "shown", call_id: callId });
  }

  #ask(type, topic) {
    this.#awaiting.add(topic);
    this.#send({ type, topic, ...(type === "subscribe" && { tab: this.#tab }) });
  }

  #send(message) {
    if (this.isUp) this.#socket.send(JSON.stringify(message));
  }

  #connect() {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.#timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`, "callcard.v1");
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#heard = Date.now();
      for (const topic of this.#topics.keys()) this.#ask("subscribe", topic);
    });
    socket.addEventListener("message", (event) => this.#receive(event.data));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#lost(event.code));
  }

  #lost(code) {
    this.#socket = null;
    if (code === NOT_SIGNED_IN) return signIn();
    if (code === FORBIDDEN) return undefined;
    if (this.downSince === null) {
      this.downSince = Date.now();
      this.dispatchEvent(new CustomEvent("down", { detail: { since: this.downSince } }));
    }
    this.#timer = setTimeout(() => this.#connect(), this.#wait * (0.5 + Math.random()));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    return undefined;
  }

  /** A laptop that woke up, or a link that came back: do not wait for the timer. */
  #now() {
    if (!this.#topics.size) return;
    this.#watch();
    if (!this.isUp) {
      this.#wait = FIRST_WAIT;
      this.#connect();
    }
  }

  /** The browser cannot see protocol pings, so it asks; silence in spite of that means the link is dead. */
  #watch() {
    if (!this.isUp) return;
    if (Date.now() - this.#heard > SILENCE) {
      const dead = this.#socket;
      this.#lost(0);
      dead.close();
    } else if (Date.now() - this.#heard > SILENCE / 2) this.#send({ type: "ping" });
  }

  #receive(text) {
    this.#heard = Date.now();
    const frame = JSON.parse(text);
    if (frame.type === "ready") this.#ready(frame);
    else if (frame.type === "snapshot") {
      this.#topics.set(frame.topic, frame.seq);
      this.#awaiting.delete(frame.topic);
      this.dispatchEvent(new CustomEvent("snapshot", { detail: frame }));
    } else if (frame.seq !== undefined) this.#delta(frame);
  }

  #ready(frame) {
    this.#wait = FIRST_WAIT;
    this.downSince = null;
    this.dispatchEvent(new CustomEvent("up", { detail: frame }));
  }

  #delta(frame) {
    const topic = frame.type.startsWith("board.") ? "board" : frame.type === "parked" ? "parked" : "pops";
    const last = this.#topics.get(topic);
    if (last === null || last === undefined || this.#awaiting.has(topic) || frame.seq <= last) return;
    if (frame.seq !== last + 1) {
      this.#ask("resync", topic);
      return;
    }
    this.#topics.set(topic, frame.seq);
    this.dispatchEvent(new CustomEvent("delta", { detail: frame }));
  }
}
