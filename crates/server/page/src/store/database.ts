/** Conversations in the browser's IndexedDB. Where there is none, they live as long as the tab. */
import * as sound from "../conversation/sound";
import { settle } from "../conversation/tree";
import type { Attachment, Conversation } from "../conversation/types";

const NAME = "hefu";
const VERSION = 2;
const CONVERSATIONS = "conversations";
const DRAFTS = "drafts";

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const name of [CONVERSATIONS, DRAFTS]) {
        if (!request.result.objectStoreNames.contains(name)) request.result.createObjectStore(name, { keyPath: "id" });
      }
    };
    request.onsuccess = () => {
      // A newer page in another tab must not wait for this one.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
  return opened;
}

async function inStore<T>(name: string, mode: IDBTransactionMode, act: (store: IDBObjectStore) => { readonly result: T }): Promise<T> {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode);
    const request = act(transaction.objectStore(name));
    // Committed at once, so that a page that is being left loses nothing.
    transaction.commit?.();
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}

/** All conversations; what was cut off by a closed tab is marked so. */
export async function all(): Promise<Conversation[]> {
  const found = await inStore<unknown[]>(CONVERSATIONS, "readonly", (store) => store.getAll());
  return found.flatMap((stored) => {
    const conversation = sound.conversation(stored);
    return conversation ? [settle(conversation)] : [];
  });
}

export async function get(id: string): Promise<Conversation | undefined> {
  return sound.conversation(await inStore<unknown>(CONVERSATIONS, "readonly", (store) => store.get(id)));
}

export async function put(conversation: Conversation): Promise<void> {
  await inStore<unknown>(CONVERSATIONS, "readwrite", (store) => store.put(conversation));
}

export async function remove(id: string): Promise<void> {
  await inStore<unknown>(CONVERSATIONS, "readwrite", (store) => store.delete(id));
}

/** What is typed and not sent yet, by conversation. */
export interface Draft {
  text: string;
  files: Attachment[];
}

/** The draft of the conversation that has not begun. */
export const UNBEGUN = "new";

export async function drafts(): Promise<Record<string, Draft>> {
  const found = await inStore<unknown[]>(DRAFTS, "readonly", (store) => store.getAll());
  return Object.fromEntries(
    (found as (Draft & { id: unknown })[]).flatMap(({ id, text, files }) =>
      typeof id === "string" && typeof text === "string" && Array.isArray(files) ? [[id, { text, files }]] : [],
    ),
  );
}

export async function putDraft(id: string, draft: Draft | undefined): Promise<void> {
  await inStore<unknown>(DRAFTS, "readwrite", (store) => (draft ? store.put({ id, ...draft }) : store.delete(id)));
}
