import { useEffect, useState } from "preact/hooks";
import { cutBy } from "../conversation/ends";
import type { Conversation, Failure, Message } from "../conversation/types";
import { Markdown } from "../markdown/Markdown";
import { again, busy, goOn } from "../store/answers";
import { askingForKey, isAboutKey } from "../store/server";
import { words } from "../words";
import { Calls } from "./Calls";
import { CopyButton } from "./CopyButton";
import { FailureText } from "./FailureText";
import { FoldedAnswer } from "./Fold";
import { Icon, Sign } from "./Icon";
import { Probabilities } from "./Probabilities";
import { Tally } from "./Tally";
import { Versions } from "./Versions";

/** Earlier answers of more characters are folded. */
const LONG = 20_000;

interface Props {
  conversation: Conversation;
  message: Message;
}

/** What the model said. */
export function Answer({ conversation, message }: Props) {
  const w = words.value;
  const { state, text, reasoning, origin } = message;
  const isLast = conversation.leaf === message.id;
  const cut = state === "done" && origin ? cutBy(origin) : undefined;
  return (
    <article class="answer" aria-label={w.answer} aria-busy={state === "waiting" || state === "writing"}>
      {reasoning && (
        <details class="reasoning">
          <summary>{state === "writing" && !text ? w.reasoningNow : w.reasoning}</summary>
          <Markdown text={reasoning} />
        </details>
      )}
      {text && (
        <FoldedAnswer length={text.length} folded={!isLast && text.length > LONG}>
          <Markdown text={text} />
        </FoldedAnswer>
      )}
      {state === "waiting" && (
        <p class="waiting">
          <Sign apart />
          <span>{w.waiting}</span>
        </p>
      )}
      <Calls conversation={conversation} message={message} />
      {message.begun !== undefined && state !== "waiting" && <p class="remark">{w.wentOn}</p>}
      {state === "stopped" && <p class="remark">{w.stopped}</p>}
      {cut && <p class="remark">{w.cutBy[cut]}</p>}
      {message.failure && <Failed conversation={conversation} message={message} failure={message.failure} />}
      {origin?.aigc && <p class="remark generated">{w.generated}</p>}
      {state !== "waiting" && state !== "failed" && (
        <Tally conversation={conversation} message={message}>
          <Versions conversation={conversation} message={message} />
          {state !== "writing" && <CopyButton text={text} label={w.copy} />}
          {state !== "writing" && <Again conversation={conversation} message={message} />}
          {canGoOn(conversation, message) && <GoOn conversation={conversation} message={message} />}
        </Tally>
      )}
      <Probabilities message={message} />
    </article>
  );
}

/** Whether the model can go on from an answer: it was cut off, there is text, and there is room. */
export function canGoOn(conversation: Conversation, { id, state, text, origin, calls, role }: Message): boolean {
  if (role !== "assistant" || !text || calls || conversation.leaf !== id) return false;
  if (state === "done") return origin !== undefined && ["max_tokens", "limit"].includes(cutBy(origin) ?? "");
  return state === "stopped" || state === "failed";
}

function Again({ conversation, message }: Props) {
  const w = words.value;
  return (
    <button
      type="button"
      class="icon-button"
      title={w.again}
      aria-label={w.again}
      disabled={busy.value.has(conversation.id)}
      onClick={() => again(conversation, message)}
    >
      <Icon name="again" />
    </button>
  );
}

function GoOn({ conversation, message }: Props) {
  const w = words.value;
  return (
    <button
      type="button"
      class="icon-button labelled"
      title={w.goOnHint}
      disabled={busy.value.has(conversation.id)}
      onClick={() => goOn(conversation, message)}
    >
      <Icon name="go-on" />
      {w.goOn}
    </button>
  );
}

function Failed({ conversation, message, failure }: Props & { failure: Failure }) {
  const w = words.value;
  const [left, setLeft] = useState(failure.retryAfter ?? 0);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return (
    <div class="failure" role="alert" aria-label={w.failed}>
      <FailureText failure={failure} />
      <div class="choices">
        <Versions conversation={conversation} message={message} />
        {isAboutKey(failure) && (
          <button type="button" class="button" onClick={() => (askingForKey.value = true)}>
            {w.enterApiKey}
          </button>
        )}
        {canGoOn(conversation, message) && <GoOn conversation={conversation} message={message} />}
        <button
          type="button"
          class="button main"
          disabled={busy.value.has(conversation.id)}
          onClick={() => again(conversation, message)}
        >
          {left > 0 ? w.retryIn(String(left)) : w.retry}
        </button>
      </div>
    </div>
  );
}
