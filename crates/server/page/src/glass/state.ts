/** What the glass box shows: the answer, the chosen token, and what was asked of the server for it. */
import { computed, signal } from "@preact/signals";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";
import { key, load, parsed } from "../store/preferences";
import * as trace from "./trace";

/** Candidates that are told of each clause for every token. */
const CANDIDATES = 8;

export const view = signal<View>("why");
export const VIEWS = ["why", "inside", "number", "whatif", "cost", "proof"] as const;
export type View = (typeof VIEWS)[number];

export const found = signal<trace.Trace | null>(null);
export const visible = signal<trace.Visible | null>(null);
export const failure = signal<Failure | null>(null);
export const working = signal(false);
/** The chosen position. */
export const at = signal(0);
/** An answer, and where it left the one that it grew from. */
export interface Branch {
  trace: trace.Trace;
  parent: number | null;
  from: number;
  /** What was changed; empty for another token alone. */
  note: string;
}

/** All answers since the question, the first one first. */
export const branches = signal<Branch[]>([]);
/** Most answers that are kept: each has its text and its candidates. */
const MOST = 64;

/** Adds a branch to the answer that is shown, and shows it. */
export function grow(answer: trace.Trace, from: number, note: string): void {
  const parent = branches.value.findIndex(({ trace }) => trace === found.value);
  const isOther = answer.prompt_tokens > from;
  branches.value = [...branches.value.slice(0, MOST - 1), { trace: answer, parent: parent < 0 ? null : parent, from, note: isOther ? "" : note }];
  show(branches.value.length - 1);
}

/** Shows one of the answers. */
export function show(index: number): void {
  const one = branches.value[index];
  if (!one) return;
  found.value = one.trace;
  at.value = Math.min(Math.max(one.from, one.trace.steps[0]?.position ?? 0), one.trace.tokens.length - 1);
}

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
    branches.value = [{ trace: answer, parent: null, from: answer.prompt_tokens, note: "" }];
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
