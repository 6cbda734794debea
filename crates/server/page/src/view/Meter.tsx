/** How much of the context the conversation takes, counted by the server with what is being written. */
import { useEffect, useState } from "preact/hooks";
import * as client from "../api/client";
import { question, sent } from "../conversation/sent";
import * as tree from "../conversation/tree";
import { busy } from "../store/answers";
import * as store from "../store/conversations";
import { draftOf } from "../store/drafts";
import { key } from "../store/preferences";
import { context, model } from "../store/server";
import { definitionsNow } from "../store/tools";
import { number, words } from "../words";

/** Counted so long after the last change, in milliseconds. */
const AFTER = 500;
/** Longer conversations are not sent only to be counted: what the last answer told is shown. */
const LONGEST = 400_000;
/** From this share of the context on the meter warns. */
const NARROW = 0.8;

export function Meter() {
  const w = words.value;
  const all = context.value;
  const used = useTokens();
  if (all === undefined || used === undefined || used === 0) return <p class="meter" />;
  const over = used >= all;
  const said = over ? w.contextOver(number(used), number(all)) : w.contextUse(number(used), number(all));
  return (
    <p class={`meter${over ? " over" : used > NARROW * all ? " narrow" : ""}`} title={w.contextHint}>
      <meter min={0} max={all} value={Math.min(used, all)} aria-label={w.contextHint} aria-valuetext={said} />
      <span>{said}</span>
    </p>
  );
}

/** Tokens of the conversation on show with its draft. */
function useTokens(): number | undefined {
  const conversation = store.current.value;
  const draft = draftOf(store.shown.value);
  const settings = store.settings.value;
  const isBusy = busy.value.has(store.shown.value ?? "");
  const path = conversation ? tree.path(conversation) : [];
  const last = path.at(-1);
  const [counted, setCounted] = useState<number | undefined>();
  const name = model.value;
  useEffect(() => {
    if (isBusy || !name) return;
    const messages = [...sent(path), ...(draft.text.trim() || draft.files.length > 0 ? [question(draft.text, draft.files)] : [])];
    if (messages.length === 0) return setCounted(undefined);
    const before = last?.origin && (last.origin.promptTokens ?? 0) + (last.origin.tokens ?? 0);
    if (messages.reduce((sum, { content }) => sum + content.length, 0) > LONGEST) return setCounted(before);
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const counting = client.count({ messages, settings: { ...settings, model: name }, tools: definitionsNow() }, key.value, abort.signal);
      counting.then(setCounted, () => abort.signal.aborted || setCounted(before));
    }, AFTER);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [conversation?.id, last?.id, last?.state, last?.calls, isBusy, draft.text, draft.files, settings.system, name]);
  return counted;
}
