// What an application gives, checked at once: what no time would heal is an error before anything is sent. And
// the one request that is no WebSocket.

/** What a prompt or a command failed with. */
export class OutliveError extends Error {
  constructor(reason, message, details = {}) {
    super(message);
    this.name = "OutliveError";
    this.reason = reason;
    Object.assign(this, details);
  }
}

/** Asks the server for a new session; returns its id. Rejects with what the server says. */
export async function createSession(url, { token, fetch = globalThis.fetch } = {}) {
  checkUrl(url);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const base = url.replace(/^ws/, "http").replace(/\/$/, "");
  let status, ok, said;
  try {
    const response = await fetch(`${base}/sessions`, { method: "POST", headers });
    ({ status, ok } = response);
    said = await response.json().catch(() => null); // not every proxy speaks JSON
  } catch (cause) {
    throw new OutliveError("unavailable", `no session: ${base} was not reached: ${cause.message}`, { cause });
  }
  if (ok && typeof said?.session === "string") return said.session;
  const message = said?.message ?? (ok ? `${base} is no server of sessions` : `HTTP ${status}`);
  throw new OutliveError(said?.error ?? "unavailable", `no session: ${message}`, { status });
}

function wrong(what, given, right) {
  const shown = typeof given === "string" ? JSON.stringify(given) : String(given);
  throw new TypeError(`outlive: ${what} is ${shown}; it should be ${right}`);
}

function checkUrl(url) {
  const right = 'where the server is, such as "wss://example.net"';
  if (typeof url !== "string" || !/^(ws|http)s?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(url)) wrong("url", url, right);
}

/** What no time would heal is said at once. */
export function check({ url, session, apply, notify, storage, backlog, WebSocket }) {
  const isFunction = (value) => typeof value === "function";
  checkUrl(url);
  if (typeof session !== "string" || session === "") wrong("session", session, "what createSession gave");
  if (!isFunction(apply)) wrong("apply", apply, "a function that is given each update");
  if (notify && !isFunction(notify)) wrong("notify", notify, "a function that is given news");
  if (!isFunction(storage.load) || !isFunction(storage.save)) wrong("storage", storage, "{ load, save }");
  for (const [name, most] of Object.entries(backlog)) {
    if (typeof most !== "number" || !(most > 0)) wrong(`backlog.${name}`, most, "a number above 0, or Infinity");
  }
  if (!isFunction(WebSocket)) wrong("WebSocket", WebSocket, 'a class; before Node 22: that of the package "ws"');
}

/** A body as it is sent, and as it stays whatever happens to the original. */
export function bodyOf(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new OutliveError("no_json", `the body has no JSON: ${cause.message}`, { cause });
  }
  if (text === undefined || (text === "null" && value !== null)) {
    throw new OutliveError("no_json", `the body has no JSON: it is ${String(value)}`);
  }
  return JSON.parse(text);
}
