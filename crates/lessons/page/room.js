// The class that this browser is in, if it is in one: what is done in lessons goes to the teacher's machine, and nowhere else.

import { words } from "./words.js";

const PLACE = "hefu.class";
const KEY = "hefu.key";

function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // Storage may be forbidden.
  }
}

/** Who this browser is in a class; null outside of one. */
export function member() {
  try {
    return JSON.parse(kept(PLACE) ?? "null");
  } catch {
    return null;
  }
}

/** Remembers who came in. The key is the one by which all pages ask. */
export function enter({ key, ...who }) {
  localStorage.setItem(PLACE, JSON.stringify(who));
  localStorage.setItem(KEY, key);
}

export function leave() {
  localStorage.removeItem(PLACE);
  localStorage.removeItem(KEY);
}

async function response(path, request, key) {
  const headers = { ...(request.body && { "content-type": "application/json" }), ...(key && { authorization: `Bearer ${key}` }) };
  let response;
  try {
    response = await fetch(path, { ...request, headers });
  } catch {
    throw new Error(words.unreachable);
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw Object.assign(new Error(error?.message ?? `${response.status}`), { code: error?.code, status: response.status });
}

/** What the server answers to a body, or to a plain question. */
export async function call(path, body, key = kept(KEY)) {
  const request = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  return { answer: await (await response(path, request, key)).json() };
}

/** A file that the server has. */
export async function fetched(path, key = kept(KEY)) {
  return (await response(path, {}, key)).blob();
}

/** Gives a file to whoever reads the page. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
