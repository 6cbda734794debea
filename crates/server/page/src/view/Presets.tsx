/** Presets: choosing one, keeping the present settings as one, deleting one. */
import { useState } from "preact/hooks";
import * as presets from "../store/presets";
import { words } from "../words";

/** `used` is told when the settings were replaced, so that their fields are filled anew. */
export function Presets({ used }: { used: () => void }) {
  const w = words.value;
  const [naming, setNaming] = useState(false);
  const current = presets.current();
  const choose = (name: string) => {
    const preset = presets.presets.value.find((each) => each.name === name);
    if (!preset) return;
    presets.use(preset);
    used();
  };
  return (
    <div class="field presets">
      <label for="preset">{w.preset}</label>
      <div class="beside">
        <select
          id="preset"
          value={current?.name ?? ""}
          aria-describedby="preset-hint"
          disabled={presets.presets.value.length === 0}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          <option value="">
            {w.presetNone}
          </option>
          {presets.presets.value.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        {current ? (
          <button type="button" class="button" onClick={() => presets.remove(current.name)}>
            {w.presetRemove}
          </button>
        ) : (
          !naming && (
            <button type="button" class="button" onClick={() => setNaming(true)}>
              {w.presetKeep}
            </button>
          )
        )}
      </div>
      {naming && <Name done={() => setNaming(false)} />}
      <p class="hint" id="preset-hint">
        {w.presetHint}
      </p>
    </div>
  );
}

function Name({ done }: { done: () => void }) {
  const w = words.value;
  const [name, setName] = useState("");
  const keep = (event: Event) => {
    event.preventDefault();
    if (!name.trim()) return;
    presets.keep(name.trim());
    done();
  };
  return (
    <form class="beside" onSubmit={keep}>
      <input
        ref={(field) => field?.focus()}
        value={name}
        maxLength={presets.LONGEST_NAME}
        aria-label={w.presetName}
        placeholder={w.presetName}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" class="button main" disabled={!name.trim()}>
        {w.save}
      </button>
      <button type="button" class="button" onClick={done}>
        {w.cancel}
      </button>
    </form>
  );
}
