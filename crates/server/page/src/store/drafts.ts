/** What is typed and attached and not sent yet, by conversation. It is kept, so that leaving the page loses nothing. */
import { signal } from "@preact/signals";
import type { Attachment } from "../conversation/types";
import * as database from "./database";
import { UNBEGUN, type Draft } from "./database";

/** A draft is stored so long after its last change, in milliseconds. */
const SAVE_AFTER = 300;
const NOTHING: Draft = { text: "", files: [] };

const drafts = signal<Readonly<Record<string, Draft>>>({});
const pending = new Map<string, number>();

/** Reads what was kept; what was typed meanwhile stays. */
export async function start(): Promise<void> {
  addEventListener("pagehide", () => [...pending.keys()].forEach(store));
  const kept = await database.drafts().catch(() => ({}));
  drafts.value = { ...kept, ...drafts.value };
}

export function draftOf(conversation: string | null): Draft {
  return drafts.value[conversation ?? UNBEGUN] ?? NOTHING;
}

export function write(conversation: string | null, change: Partial<Draft>): void {
  const id = conversation ?? UNBEGUN;
  drafts.value = { ...drafts.value, [id]: { ...draftOf(conversation), ...change } };
  clearTimeout(pending.get(id));
  pending.set(id, window.setTimeout(() => store(id), SAVE_AFTER));
}

/** Adds files to a draft. */
export function attach(conversation: string | null, files: Attachment[]): void {
  write(conversation, { files: [...draftOf(conversation).files, ...files] });
}

export function clear(conversation: string | null): void {
  const { [conversation ?? UNBEGUN]: _, ...rest } = drafts.value;
  drafts.value = rest;
  store(conversation ?? UNBEGUN);
}

function store(id: string): void {
  clearTimeout(pending.get(id));
  pending.delete(id);
  const draft = drafts.value[id];
  const empty = !draft || (!draft.text && draft.files.length === 0);
  database.putDraft(id, empty ? undefined : draft).catch(() => {});
}
