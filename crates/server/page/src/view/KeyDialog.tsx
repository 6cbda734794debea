import { useState } from "preact/hooks";
import { canBeKey } from "../api/client";
import type { Failure } from "../conversation/types";
import { key } from "../store/preferences";
import { askingForKey, trouble, tryKey } from "../store/server";
import { words } from "../words";
import { Dialog } from "./Dialog";
import { FailureText } from "./FailureText";

/** Asks for the API key. One that the server does not take is not kept, and the dialog stays for another try. */
export function KeyDialog() {
  const w = words.value;
  const [refused, setRefused] = useState<Failure | null>(null);
  const [trying, setTrying] = useState(false);
  const [text, setText] = useState(key.value);
  const close = () => (askingForKey.value = false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const candidate = text.trim();
    if (!canBeKey(candidate)) return setRefused({ kind: "bad-key" });
    setTrying(true);
    const failure = await tryKey(candidate);
    setTrying(false);
    if (failure) setRefused(failure);
    else close();
  };
  return (
    <Dialog title={trouble.value?.kind === "no-key" ? w.apiKeyQuestion : w.apiKey} place="middle" close={close}>
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
            aria-invalid={refused !== null}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setRefused(null);
            }}
          />
          <p class="hint" id="key-hint">
            {w.apiKeyHint}
          </p>
          <Refused failure={refused} />
        </div>
        <div class="choices">
          <button type="button" class="button" onClick={close}>
            {w.cancel}
          </button>
          <button type="submit" class="button main" disabled={trying}>
            {w.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Refused({ failure }: { failure: Failure | null }) {
  const w = words.value;
  if (!failure) return null;
  if (failure.kind === "key" || failure.kind === "no-key" || failure.kind === "bad-key") {
    return (
      <p class="hint wrong" role="alert">
        {failure.kind === "bad-key" ? w.apiKeyWrong : failure.kind === "no-key" ? w.apiKeyQuestion : w.apiKeyRefused}
      </p>
    );
  }
  return (
    <div class="hint wrong" role="alert">
      <FailureText failure={failure} />
    </div>
  );
}
