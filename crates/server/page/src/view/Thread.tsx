/** The messages on show. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import * as tree from "../conversation/tree";
import type { Conversation } from "../conversation/types";
import { words } from "../words";
import { Answer } from "./Answer";
import { Icon } from "./Icon";
import { Question } from "./Question";

/** Whoever is this close to the end, in pixels, is taken along by new text. */
const NEAR = 80;

export function Thread({ conversation }: { conversation: Conversation }) {
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [away, setAway] = useState(false);
  const shown = tree.path(conversation);
  const last = shown.at(-1);

  const toEnd = () => scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  useLayoutEffect(() => {
    following.current = true;
    toEnd();
  }, [conversation.id, last?.id]);
  useLayoutEffect(() => {
    if (following.current) toEnd();
  });
  const onScroll = () => {
    const at = scroller.current;
    if (!at) return;
    following.current = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR;
    setAway(!following.current);
  };

  return (
    <div class="scroller" ref={scroller} onScroll={onScroll}>
      <ol class="thread" aria-label={conversation.title || words.value.untitled}>
        {shown.map((message) => (
          <li key={message.id}>
            {message.role === "user" ? (
              <Question conversation={conversation} message={message} />
            ) : (
              <Answer conversation={conversation} message={message} />
            )}
          </li>
        ))}
      </ol>
      {away && (
        <button type="button" class="to-end icon-button" title={words.value.toEnd} aria-label={words.value.toEnd} onClick={toEnd}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}
