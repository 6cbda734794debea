/** Taking conversations from a file that this page exported. */
import * as sound from "./conversation/sound";
import { newId, settle } from "./conversation/tree";
import type { Conversation } from "./conversation/types";

/** Most bytes of a file: the browser holds it in memory several times over. */
export const LARGEST = 64 * 1024 * 1024;

/** Why a file was not taken. */
export type Refusal = "too-large" | "no-json" | "other-format" | "newer" | "empty";

/** The conversations in a file's text. */
export function conversationsIn(text: string): Conversation[] | Refusal {
  let file: { format?: unknown; version?: unknown; conversations?: unknown } | null;
  try {
    file = JSON.parse(text);
  } catch {
    return "no-json";
  }
  if (file?.format !== "hefu-conversations" || !Array.isArray(file.conversations)) return "other-format";
  if (typeof file.version !== "number" || file.version > 1) return "newer";
  const found = file.conversations.flatMap((each) => {
    const conversation = sound.conversation(each);
    return conversation && conversation.messages.length > 0 ? [settle(conversation)] : [];
  });
  return found.length > 0 ? found : "empty";
}

/** Those that are not there yet. One that has changed since it was exported comes beside the other, under a new id. */
export function newOnes(found: Conversation[], there: Conversation[]): Conversation[] {
  const known = new Map(there.map((each) => [each.id, each]));
  return found.flatMap((each) => {
    // What a person allowed there is not allowed here.
    const { allowed: _, ...conversation } = each;
    const same = known.get(each.id);
    if (!same) return [conversation];
    const ids = (messages: Conversation["messages"]) => messages.map(({ id, text }) => `${id} ${text}`).join("\n");
    return ids(same.messages) === ids(each.messages) ? [] : [{ ...conversation, id: newId() }];
  });
}
