// Clients that may be one, those that were merged, and the bin: each button is one request, then the page as it is now.
import { post } from "./api.js";

const error = document.querySelector("[data-form-error]");

async function act(button, path, body, go) {
  error.hidden = true;
  button.disabled = true;
  try {
    const answer = await post(path, body);
    if (go) location.assign(go(answer));
    else location.reload();
  } catch (problem) {
    button.disabled = false;
    error.hidden = false;
    error.textContent = problem.message;
    error.scrollIntoView({ block: "nearest" });
  }
}

document.querySelector("[data-look]")?.addEventListener("click", ({ currentTarget }) => act(currentTarget, "/contacts/duplicates/look"));
for (const button of document.querySelectorAll("[data-dismiss-pair]")) {
  const { first, second } = button.closest("[data-pair]").dataset;
  button.addEventListener("click", () => act(button, "/contacts/duplicates/dismiss", { first: Number(first), second: Number(second) }));
}
for (const button of document.querySelectorAll("[data-undo-merge]"))
  button.addEventListener("click", () => act(button, `/merges/${button.dataset.undoMerge}/undo`));
for (const button of document.querySelectorAll("[data-restore]"))
  button.addEventListener("click", () => act(button, `/contacts/${button.dataset.restore}/restore`, {}, ({ id }) => `/contacts/${id}`));

document.querySelector("[data-merge]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const { merge, gone } = event.target.dataset;
  const take = [...event.target.querySelectorAll("input[value=gone]:checked")].map(({ name }) => name);
  act(event.submitter, `/contacts/${merge}/merge`, { duplicate_id: Number(gone), take }, ({ id }) => `/contacts/${id}`);
});
