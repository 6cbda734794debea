/** Asking: sending, asking again, going on, editing, stopping, and checking an answer against a second one. */
import { signal } from "@preact/signals";
import * as client from "../api/client";
import { RequestFailed } from "../api/failures";
import type { Chosen } from "../api/pieces";
import { difference, reaches, type Said } from "../conversation/compare";
import { sent } from "../conversation/sent";
import { newSeed } from "../conversation/settings";
import * as tree from "../conversation/tree";
import type { Attachment, Call, Conversation, Failure, Message, Origin, Settings } from "../conversation/types";
import * as store from "./conversations";
import { key } from "./preferences";
import { context, look, model, note, trouble } from "./server";
import * as tools from "./tools";
import { withParts, Writer } from "./writer";

/** What a second answer to the same question said about the first. */
export type Comparison =
  | { state: "running" }
  | { state: "same"; fingerprint: boolean }
  | { state: "different"; at: number }
  | { state: "failed"; failure: Failure };

/** The probabilities of an answer's tokens, which a second answer to the same question brings. */
export type Probabilities = { state: "running" } | { state: "known"; tokens: Chosen[]; same: boolean } | { state: "failed"; failure: Failure };

/** How many likely tokens are shown for each token of an answer. */
const LIKELY = 5;
/** Most answers that follow one another by calls of tools, without a word from the person. */
const MOST_ROUNDS = 24;
/** A page that is being left gets no more than so many milliseconds; what ends then was not broken off by the network. */
const LEAVING = 5000;

/** Conversations in which an answer is being written, with what stops it. */
const running = new Map<string, AbortController>();
/** The keys of `running`, to be shown. */
export const busy = signal<ReadonlySet<string>>(new Set());
/** By the id of the answer that was checked. */
export const comparisons = signal<Readonly<Record<string, Comparison>>>({});
/** By the id of the answer. */
export const probabilities = signal<Readonly<Record<string, Probabilities>>>({});

let left = -Infinity;
if (typeof addEventListener === "function") {
  for (const event of ["beforeunload", "pagehide"]) addEventListener(event, () => (left = performance.now()));
}

/** Sends a message as the next one of the conversation on show, which begins with it if there is none. */
export function send(text: string, files: Attachment[] = []): void {
  const conversation = store.begin();
  if (running.has(conversation.id)) return;
  say(conversation.id, conversation.leaf, text, files);
}

/** Says something else in place of a message, and asks from there. The first wording stays, beside the new one. */
export function edit(conversation: Conversation, message: Message, text: string, files: Attachment[] = []): void {
  if (!running.has(conversation.id)) say(conversation.id, message.parent, text, files);
}

/** Asks again for an answer. The first one stays, beside the new one. */
export function again(conversation: Conversation, message: Message): void {
  if (!running.has(conversation.id)) void ask(conversation.id, message.parent);
}

/** Lets the model go on from an answer that was cut off, as a new version beside it. */
export function goOn(conversation: Conversation, message: Message): void {
  if (!running.has(conversation.id)) void ask(conversation.id, message.parent, message);
}

export function stop(conversation: string): void {
  running.get(conversation)?.abort();
}

/** The question that an answer was given to. */
function questionOf(conversation: Conversation, message: Message, origin: Origin): client.Question {
  return {
    messages: sent(tree.pathTo(conversation, message.parent, true)),
    settings: { ...origin.settings, model: origin.model },
    seed: origin.seed,
    tools: origin.tools,
    begun: message.begun,
  };
}

/** What an answer said, calls included. */
function saidBy({ text, reasoning, calls }: Pick<Message, "text" | "reasoning" | "calls">): Said {
  const called = calls?.map((call) => `\n${call.name}(${call.arguments})`).join("") ?? "";
  return { reasoning, text: text + called };
}

/** Asks the question of an answer once more, with its own settings and seed, and compares. */
export async function check(conversation: Conversation, message: Message): Promise<void> {
  const origin = message.origin;
  if (!origin || comparisons.value[message.id]?.state === "running") return;
  const found = (comparison: Comparison) => {
    comparisons.value = { ...comparisons.value, [message.id]: comparison };
  };
  found({ state: "running" });
  const abort = new AbortController();
  const whole = message.state === "done";
  const first = saidBy(message);
  const second = { reasoning: "", text: message.begun ?? "", calls: [] as Call[] };
  let fingerprint: string | undefined;
  try {
    for await (const piece of client.answer(questionOf(conversation, message, origin), key.value, abort.signal)) {
      second.reasoning += piece.reasoning ?? "";
      second.text += piece.text ?? "";
      if (piece.calls) second.calls = withParts(second.calls, piece.calls);
      fingerprint ??= piece.fingerprint;
      if (!whole && reaches(second, first)) break;
    }
    const at = difference(first, saidBy(second), whole);
    found(at === undefined ? { state: "same", fingerprint: fingerprint === origin.fingerprint } : { state: "different", at });
  } catch (error) {
    found({ state: "failed", failure: failureOf(error) });
  } finally {
    abort.abort();
  }
}

/** Asks the question of an answer once more, with its own settings and seed, for the probabilities of its tokens. */
export async function weigh(conversation: Conversation, message: Message): Promise<void> {
  const origin = message.origin;
  if (!origin || probabilities.value[message.id]?.state === "running") return;
  const found = (known: Probabilities) => {
    probabilities.value = { ...probabilities.value, [message.id]: known };
  };
  found({ state: "running" });
  const abort = new AbortController();
  const whole = message.state === "done";
  const first = saidBy(message);
  const second = { reasoning: "", text: message.begun ?? "", calls: [] as Call[] };
  const chosen: Chosen[] = [];
  try {
    const question = { ...questionOf(conversation, message, origin), likely: LIKELY };
    // No more than the first answer had, since servers bound the probabilities of a request; no token is shorter than a byte.
    const most = origin.tokens ?? new TextEncoder().encode((first.reasoning ?? "") + first.text).length + 1;
    question.settings = { ...question.settings, max_tokens: Math.min(most, question.settings.max_tokens ?? most) };
    for await (const piece of client.answer(question, key.value, abort.signal)) {
      second.reasoning += piece.reasoning ?? "";
      second.text += piece.text ?? "";
      if (piece.calls) second.calls = withParts(second.calls, piece.calls);
      chosen.push(...(piece.likely ?? []));
      if (!whole && reaches(second, first)) break;
    }
    found({ state: "known", tokens: chosen, same: difference(first, saidBy(second), whole) === undefined });
  } catch (error) {
    found({ state: "failed", failure: failureOf(error) });
  } finally {
    abort.abort();
  }
}

export function forgetProbabilities(id: string): void {
  const { [id]: _, ...rest } = probabilities.value;
  probabilities.value = rest;
}

/** Allows calls of a message, all that are asked about or one: this time, or from now on in this conversation. */
export async function allow(conversation: string, message: Message, call: Call, always: boolean): Promise<void> {
  const permit = tools.permit(call);
  if (always && permit) {
    store.change(conversation, (before) => ({ ...before, allowed: [...new Set([...(before.allowed ?? []), permit])] }));
  }
  const same = (other: Call) => other.id === call.id || (always && other.state === "asked" && tools.permit(other) === permit);
  const asked = currentCalls(conversation, message.id).filter(same);
  await Promise.all(asked.map((each) => make(conversation, message.id, each)));
}

export function refuse(conversation: string, message: Message, call: Call): void {
  settle(conversation, message.id, { ...call, state: "refused" });
}

/** Makes a call, and lets the model go on once all calls of its message are settled. */
async function make(conversation: string, message: string, call: Call): Promise<void> {
  settle(conversation, message, { ...call, state: "running" });
  try {
    settle(conversation, message, { ...call, state: "done", result: await tools.call(call) });
  } catch (error) {
    settle(conversation, message, { ...call, state: "failed", result: error instanceof Error ? error.message : String(error) });
  }
}

function currentCalls(conversation: string, message: string): Call[] {
  const found = store.find(conversation);
  return (found && tree.find(found, message)?.calls) ?? [];
}

function settle(conversation: string, message: string, call: Call): void {
  store.change(conversation, (before) => {
    const found = tree.find(before, message);
    if (!found) return before;
    return tree.replace(before, { ...found, calls: found.calls?.map((other) => (other.id === call.id ? call : other)) });
  });
  const settled = currentCalls(conversation, message).every(({ state }) => state !== "asked" && state !== "running");
  const after = store.find(conversation);
  // Whoever looks at another version meanwhile is not taken away from it.
  if (settled && after?.leaf === message && !running.has(conversation)) void ask(conversation, message);
}

function say(conversation: string, parent: string | null, text: string, files: Attachment[]): void {
  const message: Message = { id: tree.newId(), parent, role: "user", text, created: Date.now() };
  if (files.length > 0) message.files = files;
  store.change(conversation, (before) => tree.append(before, message));
  void ask(conversation, message.id);
}

/** Asks for an answer to the path that ends with `parent`; with `from`, for one that goes on from that answer. */
async function ask(conversation: string, parent: string | null, from?: Message): Promise<void> {
  const before = store.find(conversation);
  if (!before) return;
  const abort = new AbortController();
  occupy(conversation, abort);
  const settings: Settings = { ...before.settings, model: model.value };
  const seed = settings.seed ?? newSeed();
  const offered = await tools.definitions();
  const origin: Origin = { model: settings.model, settings, seed, context: context.value };
  if (offered.length > 0) origin.tools = offered;
  const path = tree.pathTo(before, parent, true);
  const message: Message & { origin: Origin } = {
    id: tree.newId(),
    parent,
    role: "assistant",
    text: from?.text ?? "",
    created: Date.now(),
    state: "waiting",
    origin,
  };
  if (from) Object.assign(message, { begun: from.text, reasoning: from.reasoning });
  const writer = new Writer(conversation, message);
  let calls: Call[] = [];
  try {
    const question = questionOf(before, message, origin);
    for await (const piece of client.answer(question, key.value, abort.signal)) writer.take(piece);
    calls = writer.calls.map((call, index) => tools.found({ ...call, id: call.id || `call_${message.id}_${index}` }));
    writer.end(calls.length > 0 ? { state: "done", calls } : { state: "done" });
    if (trouble.value) void look();
  } catch (error) {
    const failure = failureOf(error);
    if (abort.signal.aborted || (failure.kind === "cut" && performance.now() - left < LEAVING)) writer.end({ state: "stopped" });
    else {
      writer.end({ state: "failed", failure });
      note(failure);
    }
  } finally {
    occupy(conversation, undefined);
  }
  if (calls.length > 0) await callAllowed(conversation, message.id, calls, path);
}

/** Makes the calls that need no question: those of tools that the person allowed in this conversation. */
async function callAllowed(conversation: string, message: string, calls: Call[], path: Message[]): Promise<void> {
  const rounds = [...path].reverse().findIndex(({ role }) => role === "user");
  if (rounds >= MOST_ROUNDS) return;
  const permits = store.find(conversation)?.allowed ?? [];
  // A function that nobody offers fails at once; the model reads that and goes on.
  const free = calls.filter((call) => call.tool === undefined || permits.includes(tools.permit(call) ?? ""));
  await Promise.all(free.map((call) => make(conversation, message, call)));
}

function failureOf(error: unknown): Failure {
  return error instanceof RequestFailed ? error.failure : { kind: "cut" };
}

function occupy(conversation: string, abort: AbortController | undefined): void {
  if (abort) running.set(conversation, abort);
  else running.delete(conversation);
  busy.value = new Set(running.keys());
}
