/** Pieces of an answer, out of the chunks of its stream. */
import type { Timings } from "../conversation/types";
import { ofEvent, RequestFailed } from "./failures";

/** A token and the natural logarithm of its probability. */
export interface Likely {
  token: string;
  logprob: number;
}

/** A token of an answer, and the likeliest ones at its place. */
export interface Chosen extends Likely {
  top: Likely[];
}

/** Part of a call: the first part of each has its id and name. */
export interface CallPart {
  index: number;
  id?: string;
  name?: string;
  arguments?: string;
}

/** One piece of an answer. */
export interface Piece {
  id?: string;
  model?: string;
  fingerprint?: string;
  text?: string;
  reasoning?: string;
  calls?: CallPart[];
  likely?: Chosen[];
  finish?: string;
  promptTokens?: number;
  tokens?: number;
  timings?: Timings;
  aigc?: Record<string, unknown>;
}

interface Chunk {
  id?: string;
  model?: string;
  system_fingerprint?: string;
  choices?: { delta?: Record<string, unknown>; finish_reason?: string | null; logprobs?: { content?: unknown } | null }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  timings?: Record<string, unknown> | null;
  aigc?: Record<string, unknown>;
  error?: unknown;
}

export function pieceOf(data: string): Piece {
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
  if (Array.isArray(delta.tool_calls)) piece.calls = delta.tool_calls.flatMap(callPart);
  if (Array.isArray(choice?.logprobs?.content)) piece.likely = choice.logprobs.content.flatMap(chosen);
  if (choice?.finish_reason) piece.finish = choice.finish_reason;
  if (typeof chunk.usage?.prompt_tokens === "number") piece.promptTokens = chunk.usage.prompt_tokens;
  if (typeof chunk.usage?.completion_tokens === "number") piece.tokens = chunk.usage.completion_tokens;
  const measured = chunk.timings && timings(chunk.timings);
  if (measured) piece.timings = measured;
  return piece;
}

function timings(given: Record<string, unknown>): Timings | undefined {
  const [prompt, answer] = [given.prompt_ms, given.predicted_ms];
  const [promptTokens, tokens] = [given.prompt_n, given.predicted_n];
  if (typeof prompt !== "number" || typeof answer !== "number" || typeof promptTokens !== "number" || typeof tokens !== "number") return undefined;
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  return { queue: number(given.queue_ms), cached: number(given.cache_n), promptTokens, prompt, tokens, answer };
}

function callPart(given: { index?: unknown; id?: unknown; function?: { name?: unknown; arguments?: unknown } } | null): CallPart[] {
  if (typeof given?.index !== "number") return [];
  const part: CallPart = { index: given.index };
  if (typeof given.id === "string") part.id = given.id;
  if (typeof given.function?.name === "string") part.name = given.function.name;
  if (typeof given.function?.arguments === "string") part.arguments = given.function.arguments;
  return [part];
}

function likely(given: { token?: unknown; logprob?: unknown } | null): Likely[] {
  return typeof given?.token === "string" && typeof given.logprob === "number" ? [{ token: given.token, logprob: given.logprob }] : [];
}

function chosen(given: { top_logprobs?: unknown } | null): Chosen[] {
  const top = Array.isArray(given?.top_logprobs) ? given.top_logprobs.flatMap(likely) : [];
  return likely(given as Likely | null).map((token) => ({ ...token, top }));
}
