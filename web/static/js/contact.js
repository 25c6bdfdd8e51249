// The form of a client: created or changed through the API, never over somebody else's change.
import { api, get } from "./api.js";
import { h } from "./dom.js";
import { t } from "./words.js";

const form = document.querySelector("[data-contact-form]");
const view = document.querySelector("[data-contact-view]");
const id = form.dataset.contactId;
const error = form.querySelector("[data-form-error]");
const phones = form.querySelector("[data-phones]");

const list = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);

function values() {
  const fields = form.elements;
  return {
    name: fields.name.value.trim(), company: fields.company.value.trim() || null, emails: list(fields.emails.value), groups: list(fields.groups.value),
    tags: list(fields.tags.value), owner: fields.owner.value.trim() || null, notes: fields.notes.value,
    phones: [...phones.querySelectorAll("[data-phone]")].map((row) => ({ number: row.querySelector("input").value.trim(), type: row.querySelector("select").value })).filter(({ number }) => number),
  };
}

function tell(problem) {
  error.hidden = false;
  error.textContent = problem.status === 412 ? t("Somebody else changed this client meanwhile. Copy what you need and reload the page.") : problem.message;
  error.scrollIntoView({ block: "nearest" });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  error.hidden = true;
  const button = event.submitter;
  if (button) button.disabled = true;
  try {
    const contact = id ? await api("PATCH", `/contacts/${id}`, values(), { "If-Match": `"${form.dataset.version}"` }) : await api("POST", "/contacts", values());
    location.assign(`/contacts/${contact.id}`);
  } catch (problem) {
    tell(problem);
    if (button) button.disabled = false;
  }
});

form.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("removePhone" in button.dataset) {
    const row = button.closest("[data-phone]");
    if (phones.childElementCount > 1) row.remove();
    else row.querySelector("input").value = "";
  } else if ("addPhone" in button.dataset) {
    const row = phones.lastElementChild.cloneNode(true);
    row.querySelector("input").value = "";
    phones.append(row);
    row.querySelector("input").focus();
  } else if ("cancel" in button.dataset) show(false);
  else if ("delete" in button.dataset && confirm(button.dataset.question)) {
    try {
      await api("DELETE", `/contacts/${id}`, undefined, { "If-Match": `"${form.dataset.version}"` });
      location.assign("/contacts");
    } catch (problem) {
      tell(problem);
    }
  }
});

function show(editing) {
  form.hidden = !editing;
  view.hidden = editing;
  if (editing) form.elements.name.focus();
}

document.querySelector("[data-edit]")?.addEventListener("click", () => show(true));

// While a new client is written down: who may be the same one already.
const similar = form.querySelector("[data-similar]");
let asked = 0;
async function look() {
  const { name, emails, phones: [phone] } = { ...values(), phones: values().phones.map(({ number }) => number) };
  const mine = ++asked;
  const query = new URLSearchParams({ name: name.slice(0, 200), phone: (phone || "").slice(0, 200), email: (emails[0] || "").slice(0, 200) });
  const found = await get(`/contacts/similar?${query}`).catch(() => ({ items: [] }));
  if (mine !== asked) return;
  similar.hidden = !found.items.length;
  similar.querySelector("[data-similar-list]").replaceChildren(
    ...found.items.map((one) => h("a", { class: "me-3", href: `/contacts/${one.id}` }, one.company && one.company !== one.name ? `${one.name} (${one.company})` : one.name)),
  );
}
if (similar) form.addEventListener("change", look);
