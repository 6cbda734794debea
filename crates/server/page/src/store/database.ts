/** Conversations in the browser's IndexedDB. Where there is none, they live as long as the tab. */
import { sound } from "../conversation/settings";
import { settle } from "../conversation/tree";
import type { Conversation, Message } from "../conversation/types";

const NAME = "hefu";
const VERSION = 1;
const CONVERSATIONS = "conversations";

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => request.result.createObjectStore(CONVERSATIONS, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
  return opened;
}

async function inStore<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(CONVERSATIONS, mode);
    const request = act(transaction.objectStore(CONVERSATIONS));
    // Committed at once, so that a page that is being left loses nothing.
    transaction.commit?.();
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}

/** All conversations; what was cut off by a closed tab is marked so. */
export async function all(): Promise<Conversation[]> {
  const found = await inStore<unknown[]>("readonly", (store) => store.getAll());
  return found.flatMap((stored) => {
    const conversation = readable(stored);
    return conversation ? [settle(conversation)] : [];
  });
}

export async function get(id: string): Promise<Conversation | undefined> {
  return readable(await inStore<unknown>("readonly", (store) => store.get(id)));
}

export async function put(conversation: Conversation): Promise<void> {
  await inStore("readwrite", (store) => store.put(conversation));
}

export async function remove(id: string): Promise<void> {
  await inStore("readwrite", (store) => store.delete(id));
}

/** What was stored, if it has the shape of a conversation: an older or newer page may have written it. */
function readable(stored: unknown): Conversation | undefined {
  const given = stored as Conversation | undefined;
  if (typeof given?.id !== "string" || !Array.isArray(given.messages)) return undefined;
  const messages = given.messages.filter(
    (message: Message | null) => typeof message?.id === "string" && typeof message.text === "string",
  );
  return {
    id: given.id,
    title: typeof given.title === "string" ? given.title : "",
    named: given.named === true,
    created: Number(given.created) || 0,
    changed: Number(given.changed) || 0,
    settings: sound(given.settings),
    messages,
    leaf: typeof given.leaf === "string" ? given.leaf : null,
  };
}
