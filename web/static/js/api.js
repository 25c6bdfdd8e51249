// The REST API as the page uses it: session cookie, CSRF header, problem documents as errors with a readable text.
import { learn } from "./clock.js";
import { t } from "./words.js";

const csrf = document.querySelector("meta[name=csrf]")?.content || "";
const TIMEOUT = 10000;
const KEPT_ALIVE = 60000;

export class ApiError extends Error {
  constructor(status, message, errors = []) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** Call the API; answers the decoded body (null for 204) and throws ApiError. */
export async function api(method, path, body, headers = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT) };
  if (method !== "GET") options.headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
    // What was written is on its way even when the page is left in this moment.
    options.keepalive = options.body.length < KEPT_ALIVE;
  }
  let response;
  try {
    response = await fetch(`/api/v1${path}`, options);
  } catch {
    throw new ApiError(0, t("The server cannot be reached. Try again in a moment."));
  }
  learn(response.headers.get("Date"));
  if (response.status === 401) signIn();
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    answer = null;
  }
  if (!response.ok) throw new ApiError(response.status, explain(response.status, answer), answer?.errors || []);
  return answer;
}

function explain(status, problem) {
  if (status === 503) return problem?.detail || t("The telephone system is away. Try again in a moment.");
  if (problem?.errors?.length) return problem.errors.map(({ message }) => message).join("; ");
  return problem?.detail || problem?.title || t("This did not work (error {status}).", { status });
}

/** Leave for the sign-in page and come back afterwards. */
export function signIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

export const get = (path) => api("GET", path);
export const post = (path, body = {}) => api("POST", path, body);
export const put = (path, body) => api("PUT", path, body);
export const patch = (path, body, headers) => api("PATCH", path, body, headers);
