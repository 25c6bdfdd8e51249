// One call: its result, a note added later, and the card brought up again.
import { api, patch, post, put } from "./api.js";
import { toast } from "./dom.js";
import { t, timeWithMilliseconds, timeWithSeconds } from "./words.js";

const id = encodeURIComponent(document.querySelector("[data-call]").dataset.call);

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
}

for (const time of document.querySelectorAll("[data-exact] time")) time.textContent = time.closest("[data-milliseconds]") ? timeWithMilliseconds(time.dateTime) : timeWithSeconds(time.dateTime);

document.querySelector("[data-result]").addEventListener("change", (event) => attempt(async () => {
  await patch(`/calls/${id}`, { disposition: event.target.value || null });
  toast(t("Saved"));
}));

document.querySelector("[data-note-form]").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await post(`/calls/${id}/notes`, { text: event.target.elements.text.value });
    location.reload();
  });
});

document.querySelector("[data-reopen]")?.addEventListener("click", () => attempt(async () => {
  await post(`/pops/${id}/reopen`);
  location.assign("/desk");
}));

document.querySelector("[data-keep]")?.addEventListener("click", (event) => attempt(async () => {
  if (event.currentTarget.dataset.keep === "yes") await put(`/calls/${id}/keep`);
  else await api("DELETE", `/calls/${id}/keep`);
  location.reload();
}));
