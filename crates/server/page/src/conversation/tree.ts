/** The tree of a conversation's messages. Every function leaves its arguments as they are. */
import type { Conversation, Message, Settings } from "./types";

/** Most characters of a title that is taken from the first message. */
const TITLE_LENGTH = 60;

export function empty(settings: Settings, now: number): Conversation {
  return { id: newId(), title: "", named: false, created: now, changed: now, settings, messages: [], leaf: null };
}

/** An id that is new on this machine. `crypto.randomUUID` is not there on plain HTTP from another machine. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function find(conversation: Conversation, id: string | null): Message | undefined {
  return conversation.messages.find((message) => message.id === id);
}

/** The messages on show, first to last: from the root to the leaf. */
export function path(conversation: Conversation): Message[] {
  const byId = new Map(conversation.messages.map((message) => [message.id, message]));
  const found: Message[] = [];
  for (let at = byId.get(conversation.leaf ?? ""); at; at = byId.get(at.parent ?? "")) {
    found.push(at);
    byId.delete(at.id);
  }
  return found.reverse();
}

/** The path up to the message with this id, and with it if `including`. */
export function pathTo(conversation: Conversation, id: string | null, including: boolean): Message[] {
  const whole = path({ ...conversation, leaf: id });
  return including ? whole : whole.slice(0, -1);
}

/** Messages that stand in for one another: same parent and role, oldest first. */
export function siblings(conversation: Conversation, message: Message): Message[] {
  return conversation.messages.filter((other) => other.parent === message.parent && other.role === message.role);
}

/** Appends a message to its parent and shows it. */
export function append(conversation: Conversation, message: Message): Conversation {
  const title = conversation.named || conversation.title || message.role !== "user" ? conversation.title : titleOf(message.text || (message.files?.[0]?.name ?? ""));
  return {
    ...conversation,
    title,
    messages: [...conversation.messages, message],
    leaf: message.id,
    changed: message.created,
  };
}

/** Replaces the message of the same id. */
export function replace(conversation: Conversation, message: Message): Conversation {
  return {
    ...conversation,
    messages: conversation.messages.map((other) => (other.id === message.id ? message : other)),
  };
}

/** Shows the path through this message, down to the newest message below it. */
export function show(conversation: Conversation, id: string): Conversation {
  let leaf = id;
  for (;;) {
    const newest = conversation.messages.filter((message) => message.parent === leaf).at(-1);
    if (!newest) return { ...conversation, leaf };
    leaf = newest.id;
  }
}

/** Whether the title or any message has all the words. */
export function matches(conversation: Conversation, query: string): boolean {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const texts = [conversation.title, ...conversation.messages.map((message) => message.text)].map((text) =>
    text.toLocaleLowerCase(),
  );
  return words.every((word) => texts.some((text) => text.includes(word)));
}

/** What was cut off by a closed tab is marked so. */
export function settle(conversation: Conversation): Conversation {
  const messages = conversation.messages.map((message) =>
    message.state === "waiting" || message.state === "writing" ? { ...message, state: "stopped" as const } : withoutRunning(message),
  );
  return { ...conversation, messages };
}

/** Calls that were under way: nobody waits for them any more, so they are asked about again. */
function withoutRunning(message: Message): Message {
  if (!message.calls?.some((call) => call.state === "running")) return message;
  return { ...message, calls: message.calls.map((call) => (call.state === "running" ? { ...call, state: "asked" } : call)) };
}

function titleOf(text: string): string {
  const line = text.trim().split("\n", 1)[0]!.replace(/\s+/g, " ");
  const characters = Array.from(line);
  return characters.length > TITLE_LENGTH ? characters.slice(0, TITLE_LENGTH).join("") + "…" : line;
}
