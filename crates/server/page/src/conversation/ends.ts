/** Why an answer ended where it did, and what helps. */
import type { Origin } from "./types";

/**
 * What cut an answer off: the person's own limit (`max_tokens`), the end of the `context`, which no setting of the page moves, or a
 * `limit` of the server. Nothing where the answer ended by itself.
 */
export function cutBy({ finish, settings, promptTokens, tokens, context }: Origin): "max_tokens" | "context" | "limit" | undefined {
  if (finish !== "length") return undefined;
  if (context !== undefined && promptTokens !== undefined && tokens !== undefined && promptTokens + tokens >= context) return "context";
  return settings.max_tokens !== undefined && (tokens === undefined || tokens >= settings.max_tokens) ? "max_tokens" : "limit";
}

/** From fewer tokens no speed can be told. */
const FEW = 5;

/** Tokens per second, where there are enough to tell: the first token belongs to the prompt's time. */
export function speeds({ timings }: Origin): { prompt?: number; answer?: number } {
  if (!timings) return {};
  const rate = (tokens: number, milliseconds: number) => (tokens >= FEW && milliseconds > 0 ? (tokens * 1000) / milliseconds : undefined);
  return { prompt: rate(timings.promptTokens, timings.prompt), answer: rate(timings.tokens - 1, timings.answer) };
}
