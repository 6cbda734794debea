import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { attachAll, attempts, room } from "../attach/attach";
import { busy, send, stop } from "../store/answers";
import * as store from "../store/conversations";
import { attach, clear, draftOf, write } from "../store/drafts";
import { enterKey } from "../store/preferences";
import { model } from "../store/server";
import { words } from "../words";
import { Files } from "./Files";
import { Icon } from "./Icon";
import { sends } from "./keys";
import { Meter } from "./Meter";

/** Puts text into the message field. */
export function suggest(text: string): void {
  write(store.shown.value, { text });
  focusMessage();
}

export function focusMessage(): void {
  document.querySelector<HTMLTextAreaElement>("#message")?.focus();
}

/** Attaches files to what is being written in the conversation on show. */
export function attachToDraft(files: File[]): void {
  const id = store.shown.value;
  void attachAll(files, room(draftOf(id).files), (file) => attach(id, [file]));
}

export function Composer({ editLast }: { editLast: () => void }) {
  const w = words.value;
  const field = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const id = store.shown.value;
  const shown = id ?? "";
  const { text, files } = draftOf(id);
  const writing = busy.value.has(shown);
  const reading = attempts.value.some(({ refusal }) => !refusal);
  const can = (text.trim() !== "" || files.length > 0) && model.value !== "" && !writing && !reading;

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
    clear(id);
    attempts.value = [];
    send(text.trim(), files);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowUp" && text === "" && !event.isComposing && !writing) {
      event.preventDefault();
      editLast();
    }
    if (!sends(event, enterKey.value)) return;
    event.preventDefault();
    submit();
  };
  const paste = (event: ClipboardEvent) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length === 0) return;
    event.preventDefault();
    attachToDraft(pasted);
  };
  return (
    <div class="composer-place">
      <Attempts />
      <form
        class="composer"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Files files={files} remove={(index) => write(id, { files: files.filter((_, at) => at !== index) })} />
        <div class="composer-row">
          <button type="button" class="attach" title={w.attach} aria-label={w.attach} onClick={() => chooser.current?.click()}>
            <Icon name="attach" />
          </button>
          <input
            ref={chooser}
            type="file"
            multiple
            hidden
            aria-label={w.attach}
            onChange={(event) => {
              attachToDraft([...(event.currentTarget.files ?? [])]);
              event.currentTarget.value = "";
            }}
          />
          <textarea
            ref={field}
            id="message"
            rows={1}
            value={text}
            placeholder={w.placeholder}
            aria-label={w.message}
            enterkeyhint={enterKey.value === "send" ? "send" : "enter"}
            onInput={(event) => write(id, { text: event.currentTarget.value })}
            onKeyDown={keys}
            onPaste={paste}
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
        </div>
      </form>
      <Meter />
    </div>
  );
}

/** Files that are being read, and those that could not be attached, with the reason. */
function Attempts() {
  const w = words.value;
  const all = attempts.value;
  if (all.length === 0) return null;
  const refused = all.filter(({ refusal }) => refusal);
  const reading = all.find(({ refusal }) => !refusal);
  return (
    <div class="attempts" role="status">
      {reading && <p>{w.reading(reading.name)}</p>}
      {refused.map(({ name, refusal }, index) => (
        <p key={index}>
          {w.notAttached(name)} {refusal && w.attachRefusals[refusal]}
        </p>
      ))}
      {refused.length > 0 && (
        <button type="button" class="icon-button" title={w.close} aria-label={w.close} onClick={() => (attempts.value = [])}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
