import { useEffect, useState } from "preact/hooks";
import type { Conversation, Failure, Message } from "../conversation/types";
import { Markdown } from "../markdown/Markdown";
import { again, busy } from "../store/answers";
import { askingForKey } from "../store/server";
import { words } from "../words";
import { CopyButton } from "./CopyButton";
import { FailureText } from "./FailureText";
import { Icon, Sign } from "./Icon";
import { Tally } from "./Tally";
import { Versions } from "./Versions";

interface Props {
  conversation: Conversation;
  message: Message;
}

/** What the model said. */
export function Answer({ conversation, message }: Props) {
  const w = words.value;
  const { state, text, reasoning, origin } = message;
  return (
    <article class="answer" aria-label={w.answer} aria-busy={state === "waiting" || state === "writing"}>
      {state === "waiting" && (
        <p class="waiting">
          <Sign apart />
          <span>{w.waiting}</span>
        </p>
      )}
      {reasoning && (
        <details class="reasoning">
          <summary>{state === "writing" && !text ? w.reasoningNow : w.reasoning}</summary>
          <Markdown text={reasoning} />
        </details>
      )}
      {text && <Markdown text={text} />}
      {state === "stopped" && <p class="remark">{w.stopped}</p>}
      {state === "done" && origin?.finish === "length" && <p class="remark">{w.cutByLength}</p>}
      {message.failure && <Failed conversation={conversation} message={message} failure={message.failure} />}
      {origin?.aigc && <p class="remark generated">{w.generated}</p>}
      {state !== "waiting" && state !== "failed" && (
        <Tally conversation={conversation} message={message}>
          <Versions conversation={conversation} message={message} />
          {state !== "writing" && <CopyButton text={text} label={w.copy} />}
          {state !== "writing" && <Again conversation={conversation} message={message} />}
        </Tally>
      )}
    </article>
  );
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
        {failure.kind === "key" && (
          <button type="button" class="button" onClick={() => (askingForKey.value = true)}>
            {w.enterApiKey}
          </button>
        )}
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
