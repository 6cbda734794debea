/** Conversations as files: Markdown to read, JSON with everything. */
import { question } from "./conversation/sent";
import { NUMBERS } from "./conversation/settings";
import * as tree from "./conversation/tree";
import type { Conversation, Message } from "./conversation/types";
import { words } from "./words";

/** The path on show, as Markdown. */
export function toMarkdown(conversation: Conversation): string {
  const w = words.value;
  const shown = tree.path(conversation);
  const labels = shown.flatMap((message) => (message.origin?.aigc ? [message.origin.aigc] : []));
  const parts = [`# ${conversation.title || w.untitled}`];
  if (labels.length > 0) parts.push(`*${w.generated}*`);
  if (conversation.settings.system.trim()) parts.push(`## ${w.system}`, conversation.settings.system.trim());
  for (const message of shown) parts.push(...messageParts(message));
  return frontMatter(labels.at(-1)) + parts.join("\n\n") + "\n";
}

/** Conversations with all their versions and with where each answer came from. */
export function toJson(conversations: Conversation[]): string {
  const labels = conversations.flatMap((each) => each.messages.flatMap((message) => (message.origin?.aigc ? [message.origin.aigc] : [])));
  const label = labels.length > 0 ? { notice: words.value.generated, AIGC: inside(labels.at(-1)) } : {};
  return JSON.stringify({ format: "hefu-conversations", version: 1, ...label, conversations }, null, 2) + "\n";
}

export function saveMarkdown(conversation: Conversation): void {
  save(toMarkdown(conversation), `${fileName(conversation.title || "hefu")}.md`, "text/markdown");
}

export function saveJson(conversations: Conversation[], name: string): void {
  save(toJson(conversations), `${fileName(name)}.json`, "application/json");
}

/** Hands a file to the browser's downloads. */
export function save(text: string, name: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A title without what a file system may refuse. */
export function fileName(title: string): string {
  const cleaned = title.replace(/[\\/:*?"<>|\p{Cc}\s]+/gu, " ").replace(/^[. ]+|[. ]+$/g, "");
  return Array.from(cleaned).slice(0, 60).join("") || "hefu";
}

function messageParts(message: Message): string[] {
  const w = words.value;
  if (message.role === "user") return [`## ${w.you}`, question(message.text, message.files).content];
  const { origin, reasoning } = message;
  const sampling = NUMBERS.filter(({ name }) => name !== "seed" && origin?.settings[name] !== undefined);
  const facts = [
    origin?.model,
    ...sampling.map(({ name }) => `${w[name]} ${origin?.settings[name]}`),
    origin && `${w.seed} ${origin.seed}`,
    origin?.fingerprint && `${w.fingerprint} ${origin.fingerprint}`,
    origin?.id && `${w.answerId} ${origin.id}`,
  ].filter(Boolean);
  const parts = [`## ${w.answer}`];
  if (reasoning) parts.push(`### ${w.reasoning}`, quoted(reasoning.trim()));
  parts.push(message.text);
  for (const call of message.calls ?? []) {
    parts.push(`### ${call.name} (${w.callStates[call.state]})`, ...[call.arguments, call.result].flatMap((each) => (each === undefined ? [] : fenced(each))));
  }
  if (facts.length > 0) parts.push(`<sub>${facts.join(" · ")}</sub>`);
  return parts;
}

/** A text between fences that are longer than any in it. */
function fenced(text: string): string {
  return question("", [{ name: "", kind: "text", text, size: 0 }]).content.trim();
}

function quoted(text: string): string {
  return text.replace(/^/gm, "> ");
}

/** A label for generated content goes into the file's front matter, word for word. JSON is also YAML. */
function frontMatter(label: Record<string, unknown> | undefined): string {
  return label ? `---\nAIGC: ${JSON.stringify(inside(label))}\n---\n\n` : "";
}

/** The label's fields, whether or not the server put them under the standard's name. */
function inside(label: Record<string, unknown> | undefined): unknown {
  return label?.AIGC ?? label;
}
