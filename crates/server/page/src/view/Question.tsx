import { signal } from "@preact/signals";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Attachment, Conversation, Message } from "../conversation/types";
import { busy, edit } from "../store/answers";
import { enterKey } from "../store/preferences";
import { words } from "../words";
import { CopyButton } from "./CopyButton";
import { Files } from "./Files";
import { FoldedText } from "./Fold";
import { Icon } from "./Icon";
import { sends } from "./keys";
import { Versions } from "./Versions";

interface Props {
  conversation: Conversation;
  message: Message;
}

/** The id of the question that is being edited. */
export const edited = signal<string | null>(null);

/** What a person said. */
export function Question({ conversation, message }: Props) {
  const w = words.value;
  if (edited.value === message.id) return <Editor conversation={conversation} message={message} close={() => (edited.value = null)} />;
  return (
    <article class="question" aria-label={w.you}>
      {message.files && <Files files={message.files} />}
      {message.text && <FoldedText text={message.text} />}
      <div class="actions">
        <Versions conversation={conversation} message={message} />
        <CopyButton text={message.text} label={w.copy} />
        <button
          type="button"
          class="icon-button"
          title={w.edit}
          aria-label={w.edit}
          disabled={busy.value.has(conversation.id)}
          onClick={() => (edited.value = message.id)}
        >
          <Icon name="edit" />
        </button>
      </div>
    </article>
  );
}

function Editor({ conversation, message, close }: Props & { close: () => void }) {
  const w = words.value;
  const [text, setText] = useState(message.text);
  const [files, setFiles] = useState<Attachment[]>(message.files ?? []);
  const can = text.trim() !== "" || files.length > 0;
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const submit = () => {
    if (!can) return;
    close();
    edit(conversation, message, text, files);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
    if (sends(event, enterKey.value)) {
      event.preventDefault();
      submit();
    }
  };
  return (
    <article class="question editing" aria-label={w.edit}>
      <Files files={files} remove={(index) => setFiles(files.filter((_, at) => at !== index))} />
      <textarea
        ref={field}
        value={text}
        rows={Math.min(14, text.split("\n").length + 1)}
        aria-label={w.edit}
        aria-describedby={`edit-${message.id}`}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={keys}
      />
      <div class="choices">
        <p class="hint" id={`edit-${message.id}`}>
          {w.editHint}
        </p>
        <button type="button" class="button" onClick={close}>
          {w.cancel}
        </button>
        <button type="button" class="button main" disabled={!can} onClick={submit}>
          {w.sendEdited}
        </button>
      </div>
    </article>
  );
}
