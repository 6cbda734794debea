/**
 * The conversations, which of them is on show, and what can be done with them.
 *
 * Views read signals and call functions of this file; nothing else changes a conversation:
 *
 *     view ── change(id, f) ──▶ conversations (signal) ──▶ views draw
 *                                    └── store(id) ──▶ IndexedDB ── BroadcastChannel ──▶ follow(id) in other tabs
 *
 * A conversation is a value: `f` makes a new one of the old one and has no effects, so it can be tested without a browser
 * (`conversation/tree.ts`). What is on show is the latest value at once; what is stored follows, soon enough that a killed
 * tab loses less than a second, and at the latest when the page is left.
 *
 * Where the browser keeps nothing (private windows), all works and `kept` says so. A tab never overwrites what another
 * one changed later: it follows unless it is about to store its own.
 */
import { batch, computed, signal } from "@preact/signals";
import * as tree from "../conversation/tree";
import type { Conversation, Settings } from "../conversation/types";
import * as database from "./database";
import * as drafts from "./drafts";
import { lastSettings } from "./preferences";

/** While an answer is being written, it is stored this often, in milliseconds. */
const SAVE_EVERY = 700;

export const conversations = signal<Conversation[]>([]);
/** The id of the conversation on show; none is a conversation that has not begun. */
export const shown = signal<string | null>(null);
export const current = computed(() => conversations.value.find((each) => each.id === shown.value));
export const settings = computed<Settings>(() => current.value?.settings ?? lastSettings.value);
/** Whether the browser keeps conversations; `false` is said to the person. */
export const kept = signal(true);
/** Whether the stored conversations have been read. */
export const loaded = signal(false);

/** Other tabs of this page. */
const others = typeof BroadcastChannel === "function" ? new BroadcastChannel("hefu") : undefined;
const pending = new Map<string, number>();

/** Reads what is stored, and follows the address and the other tabs from now on. */
export async function start(): Promise<void> {
  try {
    conversations.value = newestFirst(await database.all());
  } catch {
    kept.value = false;
  }
  loaded.value = true;
  void drafts.start();
  const fromAddress = () => {
    const id = location.hash.slice(1);
    shown.value = conversations.value.some((each) => each.id === id) ? id : null;
  };
  fromAddress();
  addEventListener("hashchange", fromAddress);
  addEventListener("pagehide", flush);
  others?.addEventListener("message", (event: MessageEvent<string>) => void follow(event.data));
}

/** Shows a conversation, or with `null` an empty one. */
export function open(id: string | null): void {
  shown.value = id;
  const address = id ? `#${id}` : location.pathname + location.search;
  if (id ? location.hash !== address : location.hash) history.pushState(null, "", address);
}

/** The conversation on show; begun now if there is none. */
export function begin(): Conversation {
  if (current.value) return current.value;
  const begun = tree.empty(lastSettings.value, Date.now());
  batch(() => {
    // The system prompt and the seed belong to one conversation.
    lastSettings.value = { ...lastSettings.value, system: "", seed: undefined };
    conversations.value = [begun, ...conversations.value];
    open(begun.id);
  });
  return begun;
}

export function find(id: string): Conversation | undefined {
  return conversations.value.find((each) => each.id === id);
}

/** Changes a conversation by a pure function, and stores it: at once, or `soon` while it changes all the time. */
export function change(id: string, by: (before: Conversation) => Conversation, soon = false): void {
  const before = find(id);
  if (!before) return;
  const after = by(before);
  const list = conversations.value.map((each) => (each.id === id ? after : each));
  conversations.value = after.changed === before.changed ? list : newestFirst(list);
  if (!soon) store(id);
  else if (!pending.has(id)) pending.set(id, window.setTimeout(() => store(id), SAVE_EVERY));
}

/** Takes conversations that were read from a file. */
export function add(list: Conversation[]): void {
  conversations.value = newestFirst([...list, ...conversations.value]);
  for (const { id } of list) store(id);
}

export function rename(id: string, title: string): void {
  const trimmed = title.trim();
  change(id, (before) => (trimmed ? { ...before, title: trimmed, named: true } : before));
}

export function remove(id: string): void {
  conversations.value = conversations.value.filter((each) => each.id !== id);
  if (shown.value === id) open(null);
  clearTimeout(pending.get(id));
  pending.delete(id);
  drafts.clear(id);
  database.remove(id).then(() => others?.postMessage(id), forgetful);
}

/** Changes the settings of the conversation on show; the next one begins with them too. */
export function set(changed: Partial<Settings>): void {
  const after = { ...settings.value, ...changed };
  // The system prompt and the seed belong to one conversation.
  lastSettings.value = { ...after, system: lastSettings.value.system, seed: lastSettings.value.seed };
  if (current.value) change(current.value.id, (before) => ({ ...before, settings: after }));
  else lastSettings.value = after;
}

function store(id: string): void {
  clearTimeout(pending.get(id));
  pending.delete(id);
  const conversation = find(id);
  if (conversation) database.put(conversation).then(() => others?.postMessage(id), forgetful);
}

function flush(): void {
  for (const id of [...pending.keys()]) store(id);
}

function forgetful(): void {
  kept.value = false;
}

/** Another tab changed or removed a conversation. */
async function follow(id: string): Promise<void> {
  if (pending.has(id)) return;
  const stored = await database.get(id).catch(() => undefined);
  const rest = conversations.value.filter((each) => each.id !== id);
  conversations.value = stored ? newestFirst([stored, ...rest]) : rest;
  if (!stored && shown.value === id) open(null);
}

function newestFirst(list: Conversation[]): Conversation[] {
  return [...list].sort((a, b) => b.changed - a.changed);
}
