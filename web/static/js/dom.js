// Builds elements from values: text stays text, so nothing a caller sends can become markup.
const SVG = "http://www.w3.org/2000/svg";
const sprite = document.body.dataset.icons;

/** Build an element: `h("a", {href, class, onclick, data: {…}}, ...children)`. Null and false children are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") for (const [key, part] of Object.entries(value)) part != null && (element.dataset[key] = part);
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** One icon of the sprite; only icons named in web/frontend/package.json exist. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${extra}`.trim());
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/** Replace what an element holds, unless `key` says that nothing it shows has changed. */
export function show(element, key, build) {
  const text = JSON.stringify(key);
  if (element.shownKey === text) return;
  element.shownKey = text;
  element.replaceChildren();
  add(element, [build()].flat());
}

/** Set text only where it differs: an unchanged node costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say a short thing in the corner; an `action` is `{label, run}`. */
export function toast(text, { kind = "info", action = null, seconds = 6 } = {}) {
  const box = h("div", { class: `callcard-toast toast-${kind}`, data: { testid: "toast" } }, icon(kind === "error" ? "alert-circle" : "info-circle"),
    h("span", { class: "flex-fill" }, text),
    action && h("button", { type: "button", class: "btn btn-sm", onclick: () => { box.remove(); action.run(); } }, action.label));
  document.getElementById("toasts")?.append(box);
  setTimeout(() => box.remove(), seconds * 1000);
}

/** Let a screen reader say something now. */
export function announce(text) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = text;
}

const ticking = new Set();

/** Run `update` now and every second while `element` is in the page. */
export function everySecond(element, update) {
  ticking.add({ element, update, seen: false });
  update();
}

setInterval(() => {
  for (const entry of ticking) {
    if (entry.element.isConnected) {
      entry.seen = true;
      entry.update();
    } else if (entry.seen) ticking.delete(entry);
  }
}, 1000);
