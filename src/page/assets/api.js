// SPDX-License-Identifier: MIT OR Apache-2.0
// The node's API: requests with the session's cookie and CSRF value, and the live overview.

const ROLES = ["none", "read", "write", "admin"];
const POLL_MS = 3000;

export const session = { role: "none", csrf: "", node: "", name: "" };
export const may = (role) => ROLES.indexOf(session.role) >= ROLES.indexOf(role);

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function request(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && session.csrf) headers["X-Selkie-CSRF"] = session.csrf;
  let answer;
  try {
    answer = await fetch(`/api/v0/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Refused(0, "unreachable", "The node does not answer.");
  }
  const value = await answer.json().catch(() => ({}));
  if (answer.ok) return value;
  if (answer.status === 401 && path !== "login") lost();
  throw new Refused(answer.status, value.error?.code ?? "internal", value.error?.message ?? `The node answered ${answer.status}.`);
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);
export const put = (path, body) => request("PUT", path, body);
export const remove = (path) => request("DELETE", path);

// What sectors can be ordered as here, the usual first.
export const sealProofs = () => (session.development ? [5, 6, 7, 8, 9] : [8, 9, 13, 14]);

// ---- the session ----

let onLost = () => {};
export function whenLost(listener) {
  onLost = listener;
}

function lost() {
  live.stop();
  Object.assign(session, { role: "none", csrf: "" });
  onLost();
}

function keep(answer) {
  Object.assign(session, answer, { skew: Date.now() - answer.now_ms });
  live.start();
}

export async function login(token) {
  keep(await post("login", { token }));
}

export async function resume() {
  keep(await get("session"));
}

export async function logout() {
  await post("logout").catch(() => {});
  lost();
}

// Now, by the node's clock.
export const now = () => Date.now() - (session.skew ?? 0);

// ---- the live overview ----

export const live = {
  value: null,
  connected: false,
  listeners: new Set(),
  source: null,
  timer: 0,

  on(listener) {
    this.listeners.add(listener);
    if (this.value) listener(this.value);
    return () => this.listeners.delete(listener);
  },

  take(value) {
    this.value = value;
    this.connected = true;
    for (const listener of [...this.listeners]) listener(value);
  },

  tell(connected) {
    if (this.connected === connected) return;
    this.connected = connected;
    if (this.value) for (const listener of [...this.listeners]) listener(this.value);
  },

  start() {
    this.stop();
    if (document.visibilityState === "hidden") return;
    this.source = new EventSource("/api/v0/events");
    this.source.addEventListener("overview", (event) => this.take(JSON.parse(event.data)));
    this.source.addEventListener("error", () => {
      this.tell(false);
      if (this.source?.readyState === EventSource.CLOSED) this.poll(); // too many listen, or we are out
    });
  },

  // Without a stream the overview is asked for; the stream is tried again after twenty times.
  poll(times = 20) {
    this.source?.close();
    this.timer = setTimeout(async () => {
      try {
        this.take(await get("overview"));
      } catch (error) {
        this.tell(false);
        if (error.status === 401) return;
      }
      if (times > 0) this.poll(times - 1);
      else this.start();
    }, POLL_MS);
  },

  stop() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  },
};

// A page that nobody sees gives its stream up: a browser has six connections to a node for all its pages
// together, those kept for "back" among them, and streams would take them all.
const seen = () => (session.role !== "none" && document.visibilityState === "visible" ? live.start() : live.stop());
document.addEventListener("visibilitychange", seen);
window.addEventListener("pagehide", () => live.stop());
window.addEventListener("pageshow", (event) => event.persisted && seen());
