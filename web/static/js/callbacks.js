// Callbacks: taken, given to somebody, put off or closed, each with a way back; the list stays fresh by itself.
import { patch } from "./api.js";
import { toast } from "./dom.js";
import { moment, t } from "./words.js";

const FRESH_EVERY = 20000;
const results = () => document.getElementById("results");
const dialog = document.getElementById("close-dialog");
const form = dialog.querySelector("form");
const error = form.querySelector("[data-form-error]");
const me = document.body.dataset.user;
let closing = null;

const path = (row) => `/tasks/${row.dataset.task}`;

const rows = () => [...results().querySelectorAll("[data-task]")];

/** Ask for the list again; whoever works by keyboard goes on where the row was. */
async function refresh() {
  const row = document.activeElement?.closest("#results [data-task]");
  const place = row ? rows().indexOf(row) : -1;
  await window.htmx.ajax("GET", results().dataset.here, { target: "#results", select: "#results", swap: "outerHTML" });
  if (row) (rows().find(({ dataset }) => dataset.task === row.dataset.task) || rows()[place] || rows().at(-1))?.querySelector(".callback-actions button").focus();
  document.dispatchEvent(new Event("callcard:callbacks"));
}

/** Change a callback, say what was done, and offer to take it back. */
async function change(where, body, said, undo) {
  try {
    await patch(where, body);
    toast(said, { action: undo && { label: t("Undo"), run: () => change(where, undo, t("Undone")) } });
  } catch (problem) {
    toast(problem.message, { kind: "error" });
  }
  await refresh();
}

function give(row, owner) {
  const before = row.dataset.ownedBy || null;
  const said = !owner ? t("Given back: anybody can take it.") : owner === me ? t("It is yours now.") : t("Given to {name}.", { name: owner });
  return change(path(row), { owner: owner || null, taken_from: before }, said, { owner: before });
}

function later(row, select) {
  const due = new Date();
  if (select.value === "tomorrow") {
    due.setDate(due.getDate() + 1);
    due.setHours(9, 0, 0, 0);
  } else due.setMinutes(due.getMinutes() + Number(select.value));
  const at = due.toISOString();
  return change(path(row), { due_at: at }, t("Put off until {time}.", { time: moment(at) }), { due_at: new Date(Number(select.dataset.due) * 1000).toISOString() });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const row = button?.closest("[data-task]");
  if (!row) return;
  if ("owner" in button.dataset) give(row, button.dataset.owner);
  else if ("closeTask" in button.dataset) {
    closing = path(row);
    error.hidden = true;
    form.reset();
    form.querySelector("[data-close-name]").textContent = row.dataset.name;
    dialog.showModal();
  } else if ("dial" in button.dataset && !row.dataset.ownedBy) {
    // Who dials has taken it: two people must not call the same client back.
    patch(path(row), { owner: me, taken_from: null }).catch((problem) => toast(problem.message, { kind: "error" })).then(refresh);
  }
});

document.addEventListener("change", (event) => {
  const row = event.target.closest("[data-task]");
  if (row && "later" in event.target.dataset && event.target.value) later(row, event.target);
  else if (row && "assign" in event.target.dataset) give(row, event.target.value);
  else if ("queue" in event.target.dataset) event.target.form.requestSubmit();
});

form.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const where = closing;
  try {
    await patch(where, { state: "closed", reason: form.elements.reason.value.trim() });
  } catch (problem) {
    error.hidden = false;
    error.textContent = problem.message;
    return;
  }
  dialog.close();
  toast(t("Closed"), { action: { label: t("Undo"), run: () => change(where, { state: "open" }, t("Undone")) } });
  await refresh();
});

// What somebody is reading or choosing in is left alone, and so is a list that was made longer.
setInterval(() => {
  const busy = dialog.open || results().contains(document.activeElement) || rows().length > 50;
  if (document.visibilityState === "visible" && !busy) refresh();
}, FRESH_EVERY);
