/** Asking: sending, asking again, editing, stopping, and checking an answer against a second one. */
import { signal } from "@preact/signals";
import * as client from "../api/client";
import { RequestFailed } from "../api/failures";
import { difference, reaches, type Said } from "../conversation/compare";
import { newSeed } from "../conversation/settings";
import * as tree from "../conversation/tree";
import type { Conversation, Failure, Message, Origin, Settings } from "../conversation/types";
import * as store from "./conversations";
import { key } from "./preferences";
import { askingForKey, look, model, trouble } from "./server";

/** What a second answer to the same question said about the first. */
export type Comparison =
  | { state: "running" }
  | { state: "same"; fingerprint: boolean }
  | { state: "different"; at: number }
  | { state: "failed"; failure: Failure };

/** Conversations in which an answer is being written, with what stops it. */
const running = new Map<string, AbortController>();
/** The keys of `running`, to be shown. */
export const busy = signal<ReadonlySet<string>>(new Set());
/** By the id of the answer that was checked. */
export const comparisons = signal<Readonly<Record<string, Comparison>>>({});

/** Sends a message as the next one of the conversation on show, which begins with it if there is none. */
export function send(text: string): void {
  const conversation = store.begin();
  if (running.has(conversation.id)) return;
  say(conversation.id, conversation.leaf, text);
}

/** Says something else in place of a message, and asks from there. The first wording stays, beside the new one. */
export function edit(conversation: Conversation, message: Message, text: string): void {
  if (!running.has(conversation.id)) say(conversation.id, message.parent, text);
}

/** Asks again for an answer. The first one stays, beside the new one. */
export function again(conversation: Conversation, message: Message): void {
  if (!running.has(conversation.id)) void ask(conversation.id, message.parent);
}

export function stop(conversation: string): void {
  running.get(conversation)?.abort();
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
  const second: Said = { reasoning: "", text: "" };
  let fingerprint: string | undefined;
  try {
    const history = sent(tree.pathTo(conversation, message.parent, true));
    const pieces = client.answer(history, { ...origin.settings, model: origin.model }, origin.seed, key.value, abort.signal);
    for await (const piece of pieces) {
      second.reasoning += piece.reasoning ?? "";
      second.text += piece.text ?? "";
      fingerprint ??= piece.fingerprint;
      if (!whole && reaches(second, message)) break;
    }
    const at = difference(message, second, whole);
    found(at === undefined ? { state: "same", fingerprint: fingerprint === origin.fingerprint } : { state: "different", at });
  } catch (error) {
    found({ state: "failed", failure: failureOf(error) });
  } finally {
    abort.abort();
  }
}

function say(conversation: string, parent: string | null, text: string): void {
  const message: Message = { id: tree.newId(), parent, role: "user", text, created: Date.now() };
  store.change(conversation, (before) => tree.append(before, message));
  void ask(conversation, message.id);
}

/** What the server is told of a path. Reasoning is not sent back: templates drop it anyway. */
function sent(path: Message[]): client.ChatMessage[] {
  return path
    .filter((message) => message.role === "user" || message.text)
    .map(({ role, text }) => ({ role, content: text }));
}

/** Asks for an answer to the path that ends with `parent`. */
async function ask(conversation: string, parent: string | null): Promise<void> {
  const before = store.find(conversation);
  if (!before) return;
  const abort = new AbortController();
  occupy(conversation, abort);
  const settings: Settings = { ...before.settings, model: model.value };
  const seed = settings.seed ?? newSeed();
  const writer = new Writer(conversation, {
    id: tree.newId(),
    parent,
    role: "assistant",
    text: "",
    created: Date.now(),
    state: "waiting",
    origin: { model: settings.model, settings, seed },
  });
  try {
    const history = sent(tree.pathTo(before, parent, true));
    for await (const piece of client.answer(history, settings, seed, key.value, abort.signal)) writer.take(piece);
    writer.end({ state: "done" });
    if (trouble.value) void look();
  } catch (error) {
    if (abort.signal.aborted) writer.end({ state: "stopped" });
    else {
      const failure = failureOf(error);
      writer.end({ state: "failed", failure });
      if (failure.kind === "key") {
        trouble.value = failure;
        askingForKey.value = true;
      }
    }
  } finally {
    occupy(conversation, undefined);
  }
}

function failureOf(error: unknown): Failure {
  return error instanceof RequestFailed ? error.failure : { kind: "cut" };
}

function occupy(conversation: string, abort: AbortController | undefined): void {
  if (abort) running.set(conversation, abort);
  else running.delete(conversation);
  busy.value = new Set(running.keys());
}

/** Longest time between two views of a growing answer, in milliseconds. */
const SLOWEST_VIEW = 250;
/** Characters of an answer that delay its next view by a millisecond: cutting a long text takes time. */
const LETTERS_PER_MILLISECOND = 60;

/** Collects the pieces of one answer and shows them at most once per frame, long ones less often. */
class Writer {
  private readonly began = performance.now();
  private firstText: number | undefined;
  private timer = 0;

  constructor(
    private readonly conversation: string,
    private message: Message & { origin: Origin },
  ) {
    store.change(conversation, (before) => tree.append(before, message));
  }

  take(piece: client.Piece): void {
    const { message } = this;
    const origin = { ...message.origin };
    if (piece.id) origin.id = piece.id;
    if (piece.model) origin.model = piece.model;
    if (piece.fingerprint) origin.fingerprint = piece.fingerprint;
    if (piece.finish) origin.finish = piece.finish;
    if (piece.promptTokens !== undefined) origin.promptTokens = piece.promptTokens;
    if (piece.tokens !== undefined) origin.tokens = piece.tokens;
    if (piece.aigc) origin.aigc = piece.aigc;
    const changed = { ...message, origin };
    if (piece.text || piece.reasoning) {
      const now = performance.now();
      this.firstText ??= now;
      origin.firstText = Math.round(this.firstText - this.began);
      origin.writing = Math.round(now - this.firstText);
      changed.state = "writing";
      changed.text = message.text + (piece.text ?? "");
      if (piece.reasoning) changed.reasoning = (message.reasoning ?? "") + piece.reasoning;
    }
    this.message = changed;
    this.timer ||= window.setTimeout(this.show, Math.min(SLOWEST_VIEW, 16 + changed.text.length / LETTERS_PER_MILLISECOND));
  }

  end(how: Pick<Message, "state" | "failure">): void {
    this.message = { ...this.message, ...how };
    store.change(this.conversation, (before) => tree.replace(before, this.message));
  }

  private readonly show = (): void => {
    this.timer = 0;
    const state = this.message.state;
    if (state !== "waiting" && state !== "writing") return;
    store.change(this.conversation, (before) => tree.replace(before, this.message), true);
  };
}
