/** The requests that the page makes, all to the server that it came from. */
import type { ChatMessage } from "../conversation/sent";
import type { Settings, ToolDefinition } from "../conversation/types";
import { ofResponse, RequestFailed } from "./failures";
import { pieceOf, type Piece } from "./pieces";
import { events } from "./sse";

export interface Model {
  name: string;
  /** Most tokens of prompt and answer together, where the server says it. */
  context?: number;
}

/** What is asked. */
export interface Question {
  messages: ChatMessage[];
  settings: Settings;
  seed: number;
  tools?: ToolDefinition[];
  /** The text with which the answer begins. */
  begun?: string;
  /** How many likely tokens are wanted for each token of the answer. */
  likely?: number;
}

/** The models that the server offers. */
export async function models(key: string): Promise<Model[]> {
  const response = await request("v1/models", key);
  const body = (await response.json().catch(() => null)) as { data?: unknown } | null;
  const list = Array.isArray(body?.data) ? body.data : [];
  return list.flatMap((entry: { id?: unknown; max_model_len?: unknown; meta?: { n_ctx?: unknown } | null } | null) => {
    if (typeof entry?.id !== "string") return [];
    const context = entry.max_model_len ?? entry.meta?.n_ctx;
    return [typeof context === "number" && context > 0 ? { name: entry.id, context } : { name: entry.id }];
  });
}

/** The receipt of an answer, as the server wrote it. */
export async function receipt(id: string, key: string): Promise<string> {
  return (await request(`v1/receipts/${encodeURIComponent(id)}`, key)).text();
}

/** How many tokens a question has, as the model's template writes it. */
export async function count({ messages, settings, tools }: Omit<Question, "seed">, key: string, signal: AbortSignal): Promise<number | undefined> {
  const body = { model: settings.model, messages: withSystem(settings, messages), ...(tools?.length ? { tools } : {}) };
  const response = await request("tokenize", key, { ...posted(body), signal });
  const answer = (await response.json().catch(() => null)) as { count?: unknown; tokens?: unknown } | null;
  if (typeof answer?.count === "number") return answer.count;
  return Array.isArray(answer?.tokens) ? answer.tokens.length : undefined;
}

/**
 * Asks for an answer and yields its pieces.
 * Throws `RequestFailed`, or an `AbortError` after `signal` was used. A stream that ends without its end mark is a failure.
 */
export async function* answer(question: Question, key: string, signal: AbortSignal): AsyncGenerator<Piece> {
  const { settings, seed, tools, begun, likely } = question;
  const { model, system: _, ...sampling } = settings;
  const messages = withSystem(settings, question.messages);
  if (begun) messages.push({ role: "assistant", content: begun });
  const body = {
    ...sampling,
    model,
    messages,
    seed,
    stream: true,
    stream_options: { include_usage: true },
    ...(tools?.length ? { tools } : {}),
    ...(begun ? { continue_final_message: true } : {}),
    ...(likely === undefined ? {} : { logprobs: true, top_logprobs: likely }),
  };
  const response = await request("v1/chat/completions", key, { ...posted(body), signal });
  if (!response.body) throw new RequestFailed({ kind: "cut" });
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") return;
      yield pieceOf(data);
    }
  } catch (error) {
    if (error instanceof RequestFailed || signal.aborted) throw error;
    throw new RequestFailed({ kind: "cut" });
  }
  throw new RequestFailed({ kind: "cut" });
}

/** Whether a text can be a key: a header takes no other characters. */
export function canBeKey(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}

function withSystem({ system }: Settings, messages: ChatMessage[]): ChatMessage[] {
  return system.trim() ? [{ role: "system", content: system }, ...messages] : [...messages];
}

function posted(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function request(path: string, key: string, init: RequestInit = {}): Promise<Response> {
  if (!canBeKey(key)) throw new RequestFailed({ kind: "bad-key" });
  const headers = { ...(init.headers as Record<string, string>), ...(key ? { authorization: `Bearer ${key}` } : {}) };
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RequestFailed({ kind: "unreachable" });
  }
  if (response.ok) return response;
  const failure = await ofResponse(response);
  throw new RequestFailed(failure.kind === "key" && !key ? { ...failure, kind: "no-key" } : failure);
}
