import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { busy, send, stop } from "../store/answers";
import * as store from "../store/conversations";
import { enterKey } from "../store/preferences";
import { model } from "../store/server";
import { words } from "../words";
import { Icon } from "./Icon";
import { sends } from "./keys";

/** What is typed and not sent yet, by conversation. */
const drafts = signal<Readonly<Record<string, string>>>({});

/** Puts text into the message field. */
export function suggest(text: string): void {
  draft(text);
  document.querySelector<HTMLTextAreaElement>("#message")?.focus();
}

function draft(text: string): void {
  drafts.value = { ...drafts.value, [store.shown.value ?? ""]: text };
}

export function Composer() {
  const w = words.value;
  const field = useRef<HTMLTextAreaElement>(null);
  const shown = store.shown.value ?? "";
  const text = drafts.value[shown] ?? "";
  const writing = busy.value.has(shown);
  const can = text.trim() !== "" && model.value !== "" && !writing;

  // The field grows with its text.
  useLayoutEffect(() => {
    const at = field.current;
    if (!at) return;
    at.style.height = "auto";
    at.style.height = `${at.scrollHeight}px`;
  }, [text]);
  // A keyboard that covers half of a phone's screen opens only when it is asked for.
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, [shown]);

  const submit = () => {
    if (!can) return;
    draft("");
    send(text.trim());
  };
  const keys = (event: KeyboardEvent) => {
    if (!sends(event, enterKey.value)) return;
    event.preventDefault();
    submit();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        ref={field}
        id="message"
        rows={1}
        value={text}
        placeholder={w.placeholder}
        aria-label={w.message}
        enterkeyhint={enterKey.value === "send" ? "send" : "enter"}
        onInput={(event) => draft(event.currentTarget.value)}
        onKeyDown={keys}
      />
      {writing ? (
        <button type="button" class="send stop" title={`${w.stop} (Esc)`} aria-label={w.stop} onClick={() => stop(shown)}>
          <Icon name="stop" />
        </button>
      ) : (
        <button type="submit" class="send" title={w.send} aria-label={w.send} disabled={!can}>
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}
