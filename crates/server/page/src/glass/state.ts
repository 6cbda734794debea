/** What the glass box shows: the answer, the chosen token, and what was asked of the server for it. */
import { computed, signal } from "@preact/signals";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";
import { key, load, parsed } from "../store/preferences";
import * as trace from "./trace";

/** Candidates that are told of each clause for every token. */
const CANDIDATES = 8;

export const view = signal<View>("why");
export const VIEWS = ["why", "inside", "number", "cost", "proof"] as const;
export type View = (typeof VIEWS)[number];

export const found = signal<trace.Trace | null>(null);
export const visible = signal<trace.Visible | null>(null);
export const failure = signal<Failure | null>(null);
export const working = signal(false);
/** The chosen position. */
export const at = signal(0);
export const asked = signal<trace.Question | null>(null);

/** Why the token at the chosen position was chosen; undefined for the prompt. */
export const step = computed(() => found.value?.steps.find(({ position }) => position === at.value));

let running: AbortController | undefined;

/** Runs work that asks the server; what was asked before is given up. Failures are shown. */
async function work(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  running?.abort();
  const own = (running = new AbortController());
  working.value = true;
  failure.value = null;
  try {
    await run(own.signal);
  } catch (error) {
    if (own.signal.aborted) return;
    failure.value = error instanceof RequestFailed ? error.failure : { kind: "server" };
  } finally {
    if (running === own) working.value = false;
  }
}

/** Has the model answer, and chooses the first token of the answer. */
export function begin(question: trace.Question): Promise<void> {
  return work(async (signal) => {
    const answer = await trace.answered(question, CANDIDATES, key.value, signal);
    visible.value = await trace.visible(key.value, answer.model);
    asked.value = question;
    found.value = answer;
    at.value = answer.steps[0]?.position ?? 0;
  });
}

/** What the chat page has handed over: the question of an answer, with its settings. */
export function handedOver(): trace.Question | null {
  const given = parsed(load("glass"));
  if (typeof given !== "object" || given === null) return null;
  const { messages, seed, ...rest } = given as trace.Question;
  if (!Array.isArray(messages)) return null;
  const question: trace.Question = { messages, ...(typeof seed === "number" ? { seed } : {}) };
  for (const name of ["temperature", "top_k", "top_p", "min_p", "max_tokens"] as const) {
    const value = rest[name];
    if (typeof value === "number") question[name] = value;
  }
  if (typeof rest.model === "string" && rest.model) question.model = rest.model;
  return question;
}
