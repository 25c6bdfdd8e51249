// The reasons for a pause: one list, written as a whole; what was refused is said where it was typed.
import { put } from "./api.js";
import { toast } from "./dom.js";
import { t } from "./words.js";

const form = document.querySelector("[data-reasons]");
const error = form.querySelector("[data-form-error]");
const field = form.elements.reasons;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const items = field.value.split("\n").map((one) => one.trim()).filter(Boolean);
  try {
    await put("/pause-reasons", { items });
  } catch (problem) {
    error.hidden = false;
    error.textContent = problem.message;
    return;
  }
  error.hidden = true;
  field.value = items.join("\n");
  toast(t("Saved."));
});
