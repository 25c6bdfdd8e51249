// Clients from a file: sending it, naming its columns, and following it while it is read.
import { get, post } from "./api.js";
import { t } from "./words.js";

const LOOK = 700;
const csrf = document.querySelector("meta[name=csrf]").content;
const error = document.querySelector("[data-form-error]");
const drop = document.querySelector("[data-drop]");
const job = document.querySelector("[data-import]");

function tell(text) {
  error.hidden = false;
  error.textContent = text[0].toUpperCase() + text.slice(1);
  error.scrollIntoView({ block: "nearest" });
}

if (drop) {
  const sending = drop.querySelector("[data-sending]");
  const bar = sending.querySelector(".progress-bar");
  const reading = drop.querySelector("[data-reading]");
  const input = drop.querySelector("input[type=file]");

  // fetch tells nothing of how much was sent.
  const send = (file) => {
    const request = new XMLHttpRequest();
    error.hidden = true;
    sending.hidden = false;
    request.open("POST", `/api/v1/imports?name=${encodeURIComponent(file.name.slice(0, 200))}`);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => {
      bar.style.width = `${(100 * loaded) / total}%`;
      reading.hidden = loaded < total;
    };
    const over = (text) => {
      sending.hidden = reading.hidden = true;
      input.value = "";
      tell(text);
    };
    request.onerror = () => over(t("The server cannot be reached. Try again in a moment."));
    request.onload = () => {
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = null;
      }
      if (request.status === 201) location.assign(`/contacts/import/${answer.id}`);
      else over(answer?.errors?.map(({ message }) => message).join("; ") || answer?.detail || t("This did not work (error {status}).", { status: request.status }));
    };
    request.send(file);
  };

  input.addEventListener("change", () => input.files[0] && send(input.files[0]));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  });
}

if (job) {
  const id = job.dataset.import;
  const act = async (path, body) => {
    error.hidden = true;
    try {
      await post(`/imports/${id}/${path}`, body);
      location.reload();
    } catch (problem) {
      tell(problem.message);
    }
  };

  job.querySelector("[data-start]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const columns = [...job.querySelectorAll("[data-column]")].map(({ value }) => value || null);
    act("start", { columns, duplicates: event.target.elements.duplicates.value, dry_run: event.submitter?.name === "try" });
  });
  for (const button of job.querySelectorAll("[data-do]"))
    button.addEventListener("click", () => (!button.dataset.question || confirm(button.dataset.question)) && act(button.dataset.do));

  if ("working" in job.dataset) follow(id);
}

async function follow(id) {
  const bar = job.querySelector("[data-progress]");
  const figure = new Intl.NumberFormat(document.documentElement.lang);
  try {
    const now = await get(`/imports/${id}`);
    if (now.state !== job.dataset.state) return location.reload();
    const rows = now.state === "undoing" ? now.undone + now.kept : now.position;
    const all = now.state === "undoing" ? now.created + now.updated : now.total;
    const share = Math.round((100 * rows) / Math.max(all, 1));
    bar.style.width = `${share}%`;
    bar.setAttribute("aria-valuenow", share);
    job.querySelector("[data-position]").textContent = figure.format(rows);
    for (const cell of job.querySelectorAll("[data-count]")) cell.textContent = figure.format(now[cell.dataset.count]);
  } catch {
    // The next look tells more.
  }
  setTimeout(follow, LOOK, id);
}
