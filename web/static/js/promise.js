// Promising a client a call: when, by whom, what about; and being reminded when the time has come.
import { post } from "./api.js";
import { h, icon, toast } from "./dom.js";
import { moment, t } from "./words.js";

const me = document.body.dataset.user;
const REMINDED = "callcard.reminded";
const MOST_REMEMBERED = 50;

const inMinutes = (minutes) => new Date(Date.now() + minutes * 60000);

function tomorrow() {
  const at = new Date();
  at.setDate(at.getDate() + 1);
  at.setHours(9, 0, 0, 0);
  return at;
}

/** What a field of date and time shows: the reader's own clock, to the minute. */
function local(at) {
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60000);
  return shifted.toISOString().slice(0, 16);
}

/** Ask when and by whom, then promise. `whom` is a call, a contact or a number as the API names them. */
function ask(whom, name) {
  const field = h("input", { class: "form-control", type: "datetime-local", id: "promise-at", name: "at", required: true, value: local(inMinutes(15)), min: local(new Date()), data: { testid: "promise-at" } });
  const preset = (label, at, key) => h("button", { type: "button", class: "btn btn-sm", data: { testid: `promise-${key}` }, onclick: () => { field.value = local(at()); } }, label);
  const error = h("div", { class: "alert alert-danger", role: "alert", hidden: true });
  const radio = (value, label) => h("label", { class: "form-check form-check-inline" }, h("input", { class: "form-check-input", type: "radio", name: "owner", value, checked: value === me }), h("span", { class: "form-check-label" }, label));
  const form = h("form", { class: "shortcut-inner", data: { testid: "promise-form" } },
    h("h2", { id: "promise-title" }, t("Promise a call")), h("p", { class: "text-secondary" }, name || ""), error,
    h("label", { class: "form-label", for: "promise-at" }, t("When")),
    h("div", { class: "promise-presets" }, preset(t("in 15 minutes"), () => inMinutes(15), "quarter"), preset(t("in an hour"), () => inMinutes(60), "hour"), preset(t("tomorrow at 9:00"), tomorrow, "tomorrow")), field,
    h("label", { class: "form-label mt-3", for: "promise-subject" }, t("What about")),
    h("input", { class: "form-control", id: "promise-subject", name: "subject", maxlength: 200, autocomplete: "off", data: { testid: "promise-subject" } }),
    h("fieldset", { class: "mt-3" }, h("legend", { class: "form-label" }, t("Who calls")), radio(me, t("I do")), radio("", t("Anyone"))),
    h("div", { class: "d-flex gap-2 mt-3" }, h("button", { class: "btn btn-primary", data: { testid: "promise-submit" } }, icon("check"), t("Promise")), h("button", { type: "button", class: "btn btn-ghost-secondary", onclick: () => dialog.close() }, t("Cancel"))));
  const dialog = h("dialog", { class: "shortcut-sheet", "aria-labelledby": "promise-title", onclose: () => dialog.remove(), onkeydown: (event) => event.stopPropagation() }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const at = new Date(field.value);
    try {
      await post("/tasks", { ...whom, due_at: at.toISOString(), owner: form.elements.owner.value || null, subject: form.elements.subject.value.trim() });
    } catch (problem) {
      error.hidden = false;
      error.textContent = problem.message;
      return;
    }
    dialog.close();
    toast(t("Promised for {time}.", { time: moment(at) }));
    document.dispatchEvent(new Event("callcard:callbacks"));
  });
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-promise-call], [data-promise-contact]");
  if (!button) return;
  const { promiseCall, promiseContact, promiseName } = button.dataset;
  ask(promiseCall ? { call_id: promiseCall } : { contact_id: Number(promiseContact) }, promiseName);
});

function reminded() {
  try {
    return JSON.parse(localStorage.getItem(REMINDED)) || [];
  } catch {
    return [];
  }
}

// A callback of one's own that has come due is told once, in whichever tab notices first.
document.addEventListener("callcard:due", ({ detail: due }) => {
  const told = reminded();
  for (const { id, due_at: at, name, subject } of due) {
    const key = `${id}@${at}`;
    if (told.includes(key)) continue;
    told.push(key);
    try {
      localStorage.setItem(REMINDED, JSON.stringify(told.slice(-MOST_REMEMBERED)));
    } catch {
      // Told again after a reload then.
    }
    const said = t("You promised {name} a call now.", { name });
    toast(subject ? `${said} ${subject}` : said, { seconds: 30, action: { label: t("Open"), run: () => location.assign("/callbacks?view=mine") } });
    if ("Notification" in globalThis && Notification.permission === "granted") {
      try {
        new Notification(said, { body: subject || "", tag: `callcard-due-${id}` });
      } catch {
        // A phone's browser shows notifications from a worker only; the toast is there.
      }
    }
  }
});
