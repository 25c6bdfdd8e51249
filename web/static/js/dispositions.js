// The tree of results: add, rename, move, retire.
import { patch, post } from "./api.js";
import { toast } from "./dom.js";

const dialog = document.getElementById("result-dialog");
const form = dialog.querySelector("form");
const fields = form.elements;
const error = form.querySelector("[data-form-error]");
const queuesField = form.querySelector("[data-queues-field]");
let changing = null;

const queueBoxes = () => [...queuesField.querySelectorAll("[name=queue]")];

/** Queues are a matter of the first level; what is below follows. */
function paint() {
  queuesField.hidden = fields.parent.value !== "";
}

for (const button of document.querySelectorAll("[data-open-result]")) {
  button.addEventListener("click", () => {
    const { id, name, parent, color, icon, queues, retired } = button.dataset;
    const chosen = JSON.parse(queues || "[]");
    changing = id || null;
    error.hidden = true;
    fields.name.value = name || "";
    fields.parent.value = parent || "";
    for (const option of fields.parent.options) option.disabled = Boolean(id) && option.value === id;
    fields.color.value = color || "";
    fields.icon.value = icon || "";
    for (const box of queueBoxes()) box.checked = chosen.includes(box.value);
    fields.retired.checked = Boolean(retired);
    form.querySelector("[data-retired-field]").hidden = !changing;
    dialog.querySelector("h2").textContent = changing ? dialog.dataset.titleChange : dialog.dataset.titleNew;
    paint();
    dialog.showModal();
    fields.name.focus();
  });
}
form.addEventListener("change", paint);
form.querySelector("[data-close]").addEventListener("click", () => dialog.close());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const parent = fields.parent.value ? Number(fields.parent.value) : null;
  const queues = parent === null ? queueBoxes().filter((box) => box.checked).map((box) => box.value) : [];
  const body = { name: fields.name.value.trim(), parent_id: parent, color: fields.color.value || null, icon: fields.icon.value || null, queues };
  try {
    if (changing) await patch(`/dispositions/${changing}`, { ...body, retired: fields.retired.checked });
    else await post("/dispositions", body);
    location.reload();
  } catch (problem) {
    error.hidden = false;
    error.textContent = problem.message;
  }
});

for (const button of document.querySelectorAll("[data-move]")) {
  button.addEventListener("click", async () => {
    try {
      await patch(`/dispositions/${button.dataset.move}`, { position: Number(button.dataset.position) });
      location.reload();
    } catch (problem) {
      toast(problem.message, { kind: "error" });
    }
  });
}
