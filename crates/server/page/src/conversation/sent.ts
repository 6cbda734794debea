/** What the server is told of a conversation. */
import type { Attachment, Call, Message } from "./types";

export interface ChatMessage {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

/** The messages of a path. Reasoning is not sent back: templates drop it anyway. */
export function sent(path: Message[]): ChatMessage[] {
  return path.flatMap((message) => (message.role === "user" ? [question(message.text, message.files)] : answer(message)));
}

/** A question with its files before it, each under its name and between fences. */
export function question(text: string, files: Attachment[] = []): ChatMessage {
  const parts = files.map((file) => {
    const fence = "`".repeat(Math.max(3, ...(file.text.match(/`+/g) ?? []).map((run) => run.length + 1)));
    const kind = file.kind === "table" ? "csv" : "";
    return `${file.name}\n${fence}${kind}\n${file.text.replace(/\n$/, "")}\n${fence}`;
  });
  return { role: "user", content: [...parts, text].filter(Boolean).join("\n\n") };
}

function answer({ text, calls }: Message): ChatMessage[] {
  if (!calls) return text ? [{ role: "assistant", content: text }] : [];
  const tool_calls = calls.map((call) => ({ id: call.id, type: "function" as const, function: { name: call.name, arguments: call.arguments } }));
  return [{ role: "assistant", content: text, tool_calls }, ...calls.map((call) => ({ role: "tool" as const, tool_call_id: call.id, content: outcome(call) }))];
}

/** What the model is told of a call. It reads English whatever the page's language. */
function outcome({ state, result }: Call): string {
  if (state === "done") return result ?? "";
  return state === "refused" ? "The user did not allow this call." : `The call failed: ${result ?? "it was not made"}`;
}
