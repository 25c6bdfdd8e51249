// The work after a call: how long it may take, and what ends it.
import { serverNow } from "./clock.js";
import { h, icon, setText } from "./dom.js";
import { duration, t } from "./words.js";

/** Whether a card says that its agent still works on the call. */
export const isWrappingUp = ({ status, wrap_up: now }) => status === "wrap_up" && Boolean(now) && !now.over;

export const timeLeft = (until) => t("{time} left", { time: duration(Math.ceil(Math.max(0, Date.parse(until) - serverNow()) / 1000)) });

/** The countdown and what can be done about it. */
export function wrapUpButtons(pop, actions) {
  if (!isWrappingUp(pop)) return pop.wrap_up ? h("span", { class: "text-secondary", data: { testid: "wrap-up-over" } }, t("Calls come again; this card waits for its result.")) : null;
  const { until, result_required: required, paused } = pop.wrap_up;
  const ready = h("button", { type: "button", class: "btn", title: "Alt+R", data: { testid: "ready" }, onclick: () => actions.ready() }, icon("headset"), t("I'm ready"));
  const more = h("button", { type: "button", class: "btn btn-ghost-secondary", title: "Alt+T", data: { testid: "more-time" }, onclick: () => actions.moreTime() }, icon("clock"), t("More time"));
  return [
    !required && ready,
    until && [h("span", { class: "pop-left", role: "timer", data: { testid: "wrap-up-left" } }, timeLeft(until)), more],
    paused && h("span", { class: "text-secondary d-none d-lg-inline", data: { testid: "wrap-up-paused" } }, t("No calls from queues meanwhile")),
  ];
}

export function tickWrapUp(place, pop) {
  const left = place.querySelector(".pop-left");
  if (left && pop.wrap_up?.until) setText(left, timeLeft(pop.wrap_up.until));
}
