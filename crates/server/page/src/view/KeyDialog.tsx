import { useState } from "preact/hooks";
import { key } from "../store/preferences";
import { askingForKey, look, trouble } from "../store/server";
import { words } from "../words";
import { Dialog } from "./Dialog";

/** Asks for the API key, and tries it before it closes. */
export function KeyDialog() {
  const w = words.value;
  const [tried, setTried] = useState(false);
  const [text, setText] = useState(key.value);
  const submit = async (event: Event) => {
    event.preventDefault();
    key.value = text.trim();
    await look();
    setTried(true);
    if (trouble.value?.kind !== "key") askingForKey.value = false;
  };
  return (
    <Dialog title={trouble.value?.kind === "key" ? w.apiKeyQuestion : w.apiKey} place="middle" close={() => (askingForKey.value = false)}>
      <form onSubmit={submit}>
        <div class="field">
          <label for="key">{w.apiKey}</label>
          <input
            id="key"
            type="password"
            autofocus
            autocomplete="current-password"
            value={text}
            aria-describedby="key-hint"
            aria-invalid={tried}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <p class="hint" id="key-hint">
            {w.apiKeyHint}
          </p>
          {tried && (
            <p class="hint wrong" role="alert">
              {w.apiKeyRefused}
            </p>
          )}
        </div>
        <div class="choices">
          <button type="button" class="button" onClick={() => (askingForKey.value = false)}>
            {w.cancel}
          </button>
          <button type="submit" class="button main">
            {w.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
