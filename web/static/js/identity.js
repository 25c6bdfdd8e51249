// Who is it? What a card offers when the number alone does not say: choose among several clients, create one in one
// field, attach the number to a client that exists, or name the caller who withheld the number.
import { get, patch, post } from "./api.js";
import { h, icon, toast } from "./dom.js";
import { t, tn } from "./words.js";

const call = (id) => `/calls/${encodeURIComponent(id)}`;

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message, { kind: "error" });
    return null;
  }
}

/** The key of what `identity` would show: an update that does not change it leaves what is being typed alone. */
export function identityKey(pop) {
  const { card } = pop;
  return [card.contact?.id ?? null, card.candidates.map(({ id }) => id), card.number.kind, card.number.e164 || card.number.raw, Boolean(card.colleague), card.incomplete];
}

export function identity(pop) {
  const { card } = pop;
  if (card.colleague) return [];
  if (card.contact) return card.candidates.length > 1 ? [chosen(pop)] : [];
  if (card.candidates.length > 1) return [chooser(pop)];
  if (card.incomplete) return [h("p", { class: "text-secondary mb-0" }, t("The client base cannot be asked at the moment; the name follows."))];
  if (card.number.kind === "withheld") return [withheld(pop)];
  if (card.number.kind === "external" || card.number.kind === "invalid") return [unknown(pop)];
  return [];
}

const choose = (pop, contact) => attempt(() => post(`${call(pop.call_id)}/choose`, { contact_id: contact }));

function chosen(pop) {
  return h("div", { class: "pop-chosen text-secondary" },
    tn("{n} client has this number.", "{n} clients have this number.", pop.card.candidates.length), " ",
    h("button", { type: "button", class: "btn btn-sm btn-ghost-secondary", data: { testid: "candidate-undo" }, onclick: () => choose(pop, null) },
      icon("arrow-back-up"), t("Choose again")));
}

function chooser(pop) {
  return h("div", { class: "pop-choose", role: "group", "aria-label": t("Who is it?"), data: { testid: "candidates" } },
    h("div", { class: "pop-question" }, t("Who is it? Your choice is remembered for this number.")),
    h("div", { class: "pop-candidates" }, pop.card.candidates.map((candidate) =>
      h("button", { type: "button", class: "btn pop-candidate", data: { testid: `candidate-${candidate.id}` }, onclick: () => choose(pop, candidate.id) },
        icon("user"), h("span", {}, h("strong", {}, candidate.name), candidate.company && h("small", {}, candidate.company))))));
}

function unknown(pop) {
  const number = pop.card.number.e164 || pop.card.number.raw;
  const name = h("input", { class: "form-control", name: "client", placeholder: t("Name of the new client"), "aria-label": t("Name of the new client"), maxlength: 200, autocomplete: "off", data: { testid: "create-name" } });
  const create = h("form", { class: "pop-create", data: { testid: "create-form" }, onsubmit: (event) => {
    event.preventDefault();
    if (name.value.trim()) attempt(() => post("/contacts", { name: name.value.trim(), phones: [{ number, type: "other" }], call_id: pop.call_id }));
  } }, h("div", { class: "input-group" }, name, h("button", { class: "btn btn-primary", data: { testid: "create-submit" } }, icon("user-plus"), t("Create client"))));
  const attach = h("div", { class: "pop-attach" }, search(t("or attach the number to an existing client"), "attach-search", (contact) =>
    attempt(async () => {
      await post(`/contacts/${contact.id}/phones`, { number, type: "other" });
      await post(`${call(pop.call_id)}/choose`, { contact_id: contact.id });
      toast(t("{number} now belongs to {name}.", { number, name: contact.name }));
    })));
  return h("div", { class: "pop-unknown" }, create, attach);
}

function withheld(pop) {
  return h("div", { class: "pop-unknown" }, search(t("Ask for the name and find the client"), "withheld-search", (contact) =>
    attempt(() => patch(call(pop.call_id), { contact_id: contact.id }))));
}

/** A search box over the clients; the results are buttons below it. */
export function search(placeholder, testid, picked) {
  const results = h("div", { class: "pop-results", data: { testid: `${testid}-results` } });
  let timer = null;
  let asked = 0;
  const look = async () => {
    const mine = (asked += 1);
    const text = box.value.trim();
    if (text.length < 2) return results.replaceChildren();
    const page = await attempt(() => get(`/contacts?limit=6&q=${encodeURIComponent(text)}`));
    if (!page || mine !== asked) return undefined;
    results.replaceChildren(...(page.items.length ? page.items.map(option) : [h("span", { class: "text-secondary" }, t("No client found."))]));
    return undefined;
  };
  const option = (contact) => h("button", { type: "button", class: "btn pop-candidate", onclick: () => picked(contact) },
    icon("user"), h("span", {}, h("strong", {}, contact.name), h("small", {}, [contact.company, contact.phones[0]?.number].filter(Boolean).join(" · "))));
  const box = h("input", { class: "form-control", type: "search", placeholder, "aria-label": placeholder, autocomplete: "off", data: { testid }, oninput: () => {
    clearTimeout(timer);
    timer = setTimeout(look, 200);
  } });
  return [h("div", { class: "input-icon" }, h("span", { class: "input-icon-addon" }, icon("search")), box), results];
}
