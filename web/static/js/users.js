// Users: add, change, shut out; give a phone that rang to somebody.
import { patch, post } from "./api.js";
import { toast } from "./dom.js";

const dialog = document.getElementById("user-dialog");
const form = dialog.querySelector("form");
const fields = form.elements;
const error = form.querySelector("[data-form-error]");
let changing = null;

const list = (text) => text.split(/[\s,]+/).filter(Boolean);
const path = (name) => `/users/${encodeURIComponent(name)}`;

for (const button of document.querySelectorAll("[data-open-user]")) {
  button.addEventListener("click", () => {
    const { userName, display, role, extensions, active } = button.dataset;
    changing = userName || null;
    error.hidden = true;
    fields.name.value = userName || "";
    fields.name.readOnly = Boolean(changing);
    fields.display_name.value = display || "";
    fields.role.value = role || "agent";
    fields.extensions.value = extensions || "";
    fields.password.value = "";
    fields.password.required = !changing;
    fields.active.checked = changing ? Boolean(active) : true;
    form.querySelector("[data-password-hint]").hidden = !changing;
    form.querySelector("[data-active-field]").hidden = !changing;
    dialog.querySelector("h2").textContent = changing ? dialog.dataset.titleChange : dialog.dataset.titleNew;
    dialog.showModal();
  });
}
form.querySelector("[data-close]").addEventListener("click", () => dialog.close());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { role: fields.role.value, extensions: list(fields.extensions.value), display_name: fields.display_name.value.trim() || fields.name.value.trim() };
  if (fields.password.value) body.password = fields.password.value;
  try {
    if (changing) await patch(path(changing), { ...body, active: fields.active.checked });
    else await post("/users", { ...body, name: fields.name.value.trim() });
    location.reload();
  } catch (problem) {
    error.hidden = false;
    error.textContent = problem.message;
  }
});

for (const assign of document.querySelectorAll("[data-assign]")) {
  assign.addEventListener("submit", async (event) => {
    event.preventDefault();
    const option = assign.elements.user.selectedOptions[0];
    try {
      await patch(path(option.value), { extensions: [...list(option.dataset.extensions), assign.dataset.assign] });
      location.reload();
    } catch (problem) {
      toast(problem.message, { kind: "error" });
    }
  });
}
