// What queues ask after a call: one dialog for each.
import { api, put } from "./api.js";

const dialog = document.getElementById("queue-dialog");
const form = dialog.querySelector("form");
const fields = form.elements;
const error = form.querySelector("[data-form-error]");
const reset = form.querySelector("[data-reset]");
let queue = null;

const path = () => `/queue-settings/${encodeURIComponent(queue)}`;
const whole = (field) => (field.value === "" ? null : Number(field.value));

/** A result that must be chosen always keeps calls away. */
function paint() {
  fields.seconds.disabled = fields.ends.value !== "timer";
  fields.seconds.required = !fields.seconds.disabled;
  fields.pauses.disabled = fields.required.checked;
}

for (const button of document.querySelectorAll("[data-open-queue]")) {
  button.addEventListener("click", () => {
    const { name, own, seconds, required, pauses, level } = button.dataset;
    queue = button.dataset.queue;
    error.hidden = true;
    fields.ends.value = seconds === "" ? "hand" : seconds === "0" ? "none" : "timer";
    fields.seconds.value = seconds === "" || seconds === "0" ? "30" : seconds;
    fields.required.checked = Boolean(required);
    fields.pauses.checked = Boolean(pauses);
    fields.level.value = level;
    reset.hidden = !own || queue === "*";
    dialog.querySelector("h2").textContent = name;
    paint();
    dialog.showModal();
  });
}
form.addEventListener("change", paint);
form.querySelector("[data-close]").addEventListener("click", () => dialog.close());

async function attempt(work) {
  try {
    await work();
    location.reload();
  } catch (problem) {
    error.hidden = false;
    error.textContent = problem.message;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const seconds = { hand: null, none: 0, timer: whole(fields.seconds) }[fields.ends.value];
  attempt(() => put(path(), { wrap_up_seconds: seconds, result_required: fields.required.checked, pause_in_wrap_up: fields.pauses.checked, service_level_seconds: whole(fields.level) }));
});
reset.addEventListener("click", () => attempt(() => api("DELETE", path())));
