// Voicemail: a message is played in its row, marked as heard by being played, and answered or put away from there.
import { api, patch, post } from "./api.js";
import { h, toast } from "./dom.js";
import { t } from "./words.js";
import { dial } from "./shell.js";

const FRESH_EVERY = 20000;
const results = () => document.getElementById("results");
const dialog = document.getElementById("delete-dialog");
const me = document.body.dataset.user;
let deleting = null;

const path = (row) => `/voicemails/${row.dataset.voicemail}`;
const told = () => document.dispatchEvent(new Event("callcard:voicemail"));

/** Ask for the list again; whoever works by keyboard goes on where the row was. */
async function refresh() {
  const row = document.activeElement?.closest("[data-voicemail]");
  const id = row?.dataset.voicemail;
  await window.htmx.ajax("GET", results().dataset.here, { target: "#results", select: "#results", swap: "outerHTML" });
  if (id) (results().querySelector(`[data-voicemail="${id}"]`) || results().querySelector("[data-voicemail]"))?.querySelector("button")?.focus();
  told();
  document.dispatchEvent(new Event("callcard:callbacks"));
}

async function attempt(work) {
  try {
    await work();
    return true;
  } catch (problem) {
    toast(problem.message, { kind: "error" });
    return false;
  }
}

/** The row stays where it is while one listens: only its mark changes. */
async function heard(row) {
  if (row.dataset.state !== "new") return;
  row.dataset.state = "heard";
  if (await attempt(() => patch(path(row), { heard: true }))) {
    row.classList.replace("is-new", "is-heard");
    row.querySelector("[data-new-mark]")?.remove();
    const button = row.querySelector("[data-heard]");
    button.dataset.heard = "false";
    button.textContent = t("Mark as new");
    told();
  } else row.dataset.state = "new";
}

function play(row, button) {
  let audio = row.querySelector("audio");
  if (!audio) {
    audio = h("audio", { controls: true, preload: "none", src: button.dataset.play, class: "recording-player", "aria-label": button.getAttribute("aria-label"), data: { testid: "voicemail-audio" } });
    audio.addEventListener("playing", () => heard(row), { once: true });
    audio.addEventListener("error", () => toast(t("The message cannot be played: it may have been deleted."), { kind: "error" }));
    row.append(audio);
  }
  for (const other of results().querySelectorAll("audio")) if (other !== audio) other.pause();
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

/** Who calls back has taken it: the callback is made, or the one that is open becomes theirs. */
async function callBack(row, number) {
  const { task, ownedBy, call } = row.dataset;
  if (ownedBy && ownedBy !== me) toast(t("{name} has taken this callback.", { name: ownedBy }));
  else if (!task) await attempt(() => post("/tasks", { due_at: new Date().toISOString(), owner: me, subject: t("Voicemail"), ...(call ? { call_id: call } : { number }) }));
  else if (!ownedBy) await attempt(() => patch(`/tasks/${task}`, { owner: me, taken_from: null }));
  await dial(number);
  await refresh();
}

async function done(row) {
  const closed = await attempt(async () => {
    await patch(path(row), { heard: true });
    await patch(`/tasks/${row.dataset.task}`, { state: "closed", reason: t("Voicemail heard") });
  });
  if (closed) toast(t("Closed"), { action: { label: t("Undo"), run: async () => (await attempt(() => patch(`/tasks/${row.dataset.task}`, { state: "open" }))) && refresh() } });
  await refresh();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const row = button?.closest("[data-voicemail]");
  if (!row) return;
  if ("play" in button.dataset) play(row, button);
  else if ("callBack" in button.dataset) callBack(row, button.dataset.callBack);
  else if ("done" in button.dataset) done(row);
  else if ("heard" in button.dataset) attempt(() => patch(path(row), { heard: button.dataset.heard === "true" })).then(refresh);
  else if ("delete" in button.dataset) {
    deleting = path(row);
    dialog.querySelector("[data-delete-name]").textContent = row.dataset.name;
    dialog.returnValue = "";
    dialog.showModal();
  }
});

dialog.addEventListener("close", async () => {
  if (dialog.returnValue === "delete" && (await attempt(() => api("DELETE", deleting)))) toast(t("Deleted"));
  if (dialog.returnValue === "delete") await refresh();
});

document.addEventListener("change", (event) => {
  if ("mailboxFilter" in event.target.dataset) event.target.form.requestSubmit();
});

// What somebody listens to or works in is left alone.
setInterval(() => {
  const busy = dialog.open || results().contains(document.activeElement) || results().querySelector("audio") || results().querySelectorAll("[data-voicemail]").length > 50;
  if (document.visibilityState === "visible" && !busy) refresh();
}, FRESH_EVERY);
