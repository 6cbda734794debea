/** The requests that the page makes, all to the server that it came from. */
import type { Settings } from "../conversation/types";
import { ofEvent, ofResponse, RequestFailed } from "./failures";
import { events } from "./sse";

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** One piece of an answer. */
export interface Piece {
  id?: string;
  model?: string;
  fingerprint?: string;
  text?: string;
  reasoning?: string;
  finish?: string;
  promptTokens?: number;
  tokens?: number;
  aigc?: Record<string, unknown>;
}

/** Names of the models that the server offers. */
export async function models(key: string): Promise<string[]> {
  const response = await request("v1/models", { headers: headers(key) });
  const body = (await response.json().catch(() => null)) as { data?: unknown } | null;
  const list = Array.isArray(body?.data) ? body.data : [];
  return list.flatMap((entry: { id?: unknown } | null) => (typeof entry?.id === "string" ? [entry.id] : []));
}

/** The receipt of an answer, as the server wrote it. */
export async function receipt(id: string, key: string): Promise<string> {
  const response = await request(`v1/receipts/${encodeURIComponent(id)}`, { headers: headers(key) });
  return response.text();
}

/**
 * Asks for an answer and yields its pieces.
 * Throws `RequestFailed`, or an `AbortError` after `signal` was used. A stream that ends without its end mark is a failure.
 */
export async function* answer(
  messages: ChatMessage[],
  settings: Settings,
  seed: number,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const { model, system, ...sampling } = settings;
  const all = system.trim() ? [{ role: "system" as const, content: system }, ...messages] : messages;
  const body = JSON.stringify({
    ...sampling,
    model,
    messages: all,
    seed,
    stream: true,
    stream_options: { include_usage: true },
  });
  const response = await request("v1/chat/completions", {
    method: "POST",
    headers: { ...headers(key), "content-type": "application/json" },
    body,
    signal,
  });
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

function headers(key: string): Record<string, string> {
  return key ? { authorization: `Bearer ${key}` } : {};
}

async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RequestFailed({ kind: "unreachable" });
  }
  if (!response.ok) throw new RequestFailed(await ofResponse(response));
  return response;
}

interface Chunk {
  id?: string;
  model?: string;
  system_fingerprint?: string;
  choices?: { delta?: Record<string, unknown>; finish_reason?: string | null }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  aigc?: Record<string, unknown>;
  error?: unknown;
}

function pieceOf(data: string): Piece {
  let chunk: Chunk;
  try {
    chunk = JSON.parse(data) as Chunk;
  } catch {
    throw new RequestFailed({ kind: "cut" });
  }
  if (chunk.error) throw new RequestFailed(ofEvent(chunk.error));
  const choice = chunk.choices?.[0];
  const delta = choice?.delta ?? {};
  const piece: Piece = {};
  if (chunk.id) piece.id = chunk.id;
  if (chunk.model) piece.model = chunk.model;
  if (chunk.system_fingerprint) piece.fingerprint = chunk.system_fingerprint;
  if (chunk.aigc) piece.aigc = chunk.aigc;
  if (typeof delta.content === "string") piece.text = delta.content;
  // Servers give the reasoning under either name, some under both.
  const reasoning = delta.reasoning_content ?? delta.reasoning;
  if (typeof reasoning === "string") piece.reasoning = reasoning;
  if (choice?.finish_reason) piece.finish = choice.finish_reason;
  if (typeof chunk.usage?.prompt_tokens === "number") piece.promptTokens = chunk.usage.prompt_tokens;
  if (typeof chunk.usage?.completion_tokens === "number") piece.tokens = chunk.usage.completion_tokens;
  return piece;
}
