// The reader's language: translated messages from the page, plural forms, dates, durations and numbers.
const catalogue = JSON.parse(document.getElementById("messages")?.textContent || "{}");
export const language = document.body.dataset.language || "en";
// Dates follow the reader's country where the browser names one of the page's language (en-GB, es-MX).
const locale = navigator.languages?.find((tag) => tag.split("-")[0] === language) || language;
const plural = new Intl.PluralRules(language);
const FORMS = ["one", "few", "many", "other"].filter((form) => plural.resolvedOptions().pluralCategories.includes(form));

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

/** Translate a message; `{name}` is replaced by the value of that name. */
export function t(message, values = {}) {
  const translated = catalogue[message];
  return fill((Array.isArray(translated) ? translated[0] : translated) || message, values);
}

/** Translate a message that counts `n`. */
export function tn(one, many, n, values = {}) {
  const forms = catalogue[one];
  const index = FORMS.indexOf(plural.select(n));
  const text = Array.isArray(forms) ? forms[index] || forms.at(-1) : n === 1 ? one : many;
  return fill(text || many, { n, ...values });
}

/** Seconds as people read them off a clock: 3:12, 1:02:09. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

const clockTime = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", second: "2-digit" });
const clockMilliseconds = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const dayName = new Intl.DateTimeFormat(locale, { weekday: "short", hour: "numeric", minute: "2-digit" });
const dayMonth = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

const startOfDay = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();

/** An instant as briefly as it stays clear: today's time, yesterday, a weekday, then the date. */
export function moment(at) {
  const when = new Date(at);
  const days = Math.round((startOfDay(new Date()) - startOfDay(when)) / 86400000);
  if (days === 0) return clockTime.format(when);
  if (days === 1) return `${relative.format(-1, "day")} ${clockTime.format(when)}`;
  if (days > 1 && days < 7) return dayName.format(when);
  return when.getFullYear() === new Date().getFullYear() ? dayMonth.format(when) : full.format(when);
}

export const exactMoment = (at) => exact.format(new Date(at));
export const timeOfDay = (at) => clockTime.format(new Date(at));
export const timeWithMilliseconds = (at) => clockMilliseconds.format(new Date(at));
export const timeWithSeconds = (at) => clockSeconds.format(new Date(at));

/** The local time in a zone, or null when the browser does not know the zone. */
export function timeIn(zone) {
  try {
    return new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", timeZone: zone }).format(new Date());
  } catch {
    return null;
  }
}

/** Words for the terms of the contract. */
export const DIRECTIONS = { inbound: t("Incoming"), outbound: t("Outgoing"), internal: t("Internal") };
export const OUTCOMES = {
  answered: t("Answered"), missed: t("Missed"), abandoned: t("Abandoned"), no_answer: t("No answer"), busy: t("Busy"),
  canceled: t("Canceled"), rejected: t("Rejected"), failed: t("Failed"), voicemail: t("Voicemail"),
};
export const STATES = {
  offline: t("Offline"), available: t("Available"), ringing: t("Ringing"), on_call: t("On call"), on_hold: t("On hold"),
  wrap_up: t("Wrap-up"), paused: t("Paused"), unreachable: t("Phone unreachable"),
};

const countries = new Intl.DisplayNames([locale, "en"], { type: "region", fallback: "none" });
const english = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });

/** Where a number is at home: the place and the country, each once, the country in the reader's language. */
export function whereabouts({ country, region }) {
  let name = null;
  let plain = null;
  try {
    [name, plain] = country ? [countries.of(country), english.of(country)] : [null, null];
  } catch {
    name = country;
  }
  return [region && region !== plain && region !== country ? region : null, name || country].filter(Boolean).join(", ");
}
