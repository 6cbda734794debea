/** Writing an answer into its conversation, piece by piece. */
import type { CallPart, Piece } from "../api/pieces";
import * as tree from "../conversation/tree";
import type { Call, Message, Origin } from "../conversation/types";
import * as store from "./conversations";

/** Longest time between two views of a growing answer, in milliseconds. */
const SLOWEST_VIEW = 250;
/** Characters of an answer that delay its next view by a millisecond: cutting a long text takes time. */
const LETTERS_PER_MILLISECOND = 60;

/** Puts the parts of calls together. */
export function withParts(calls: Call[], parts: CallPart[]): Call[] {
  const all = [...calls];
  for (const part of parts) {
    const before = all[part.index] ?? { id: "", name: "", arguments: "", state: "asked" as const };
    all[part.index] = {
      ...before,
      id: part.id ?? before.id,
      name: part.name ?? before.name,
      arguments: before.arguments + (part.arguments ?? ""),
    };
  }
  return all.filter(Boolean);
}

/** Collects the pieces of one answer and shows them at most once per frame, long ones less often. */
export class Writer {
  private readonly began = performance.now();
  private timer = 0;

  constructor(
    private readonly conversation: string,
    private message: Message & { origin: Origin },
  ) {
    store.change(conversation, (before) => tree.append(before, message));
  }

  get calls(): Call[] {
    return this.message.calls ?? [];
  }

  take(piece: Piece): void {
    const { message } = this;
    const { text, reasoning, calls, likely: _, ...facts } = piece;
    const origin: Origin = { ...message.origin, ...facts };
    const changed = { ...message, origin };
    if (text || reasoning || calls) {
      origin.firstText ??= Math.round(performance.now() - this.began);
      changed.state = "writing";
      changed.text = message.text + (text ?? "");
      if (reasoning) changed.reasoning = (message.reasoning ?? "") + reasoning;
      if (calls) changed.calls = withParts(message.calls ?? [], calls);
    }
    this.message = changed;
    this.timer ||= window.setTimeout(this.show, Math.min(SLOWEST_VIEW, 16 + changed.text.length / LETTERS_PER_MILLISECOND));
  }

  end(how: Pick<Message, "state" | "failure" | "calls">): void {
    this.message = { ...this.message, ...how };
    // Calls that were cut off are none.
    if (how.state !== "done") delete this.message.calls;
    store.change(this.conversation, (before) => tree.replace(before, this.message));
  }

  private readonly show = (): void => {
    this.timer = 0;
    const state = this.message.state;
    if (state !== "waiting" && state !== "writing") return;
    store.change(this.conversation, (before) => tree.replace(before, this.message), true);
  };
}
