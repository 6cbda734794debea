/** The settings of the conversation on show, and those of the page. */
import { useState } from "preact/hooks";
import { NUMBERS, read, type NumberSetting } from "../conversation/settings";
import * as store from "../store/conversations";
import * as preferences from "../store/preferences";
import { askingForKey } from "../store/server";
import { words } from "../words";
import { Dialog } from "./Dialog";

export function Settings({ close }: { close: () => void }) {
  const w = words.value;
  const { system } = store.settings.value;
  const [emptied, setEmptied] = useState(0);
  const reset = () => {
    store.set(Object.fromEntries(NUMBERS.map(({ name }) => [name, undefined])));
    setEmptied(emptied + 1);
  };
  return (
    <Dialog title={w.openSettings} place="side" close={close}>
      <div class="field">
        <label for="system">{w.system}</label>
        <textarea
          id="system"
          rows={5}
          value={system}
          aria-describedby="system-hint"
          onInput={(event) => store.set({ system: event.currentTarget.value })}
        />
        <p class="hint" id="system-hint">
          {w.systemHint}
        </p>
      </div>
      <fieldset key={emptied}>
        <legend>{w.sampling}</legend>
        <p class="hint">{w.samplingHint}</p>
        <div class="numbers">
          {NUMBERS.map((setting) => (
            <NumberField key={setting.name} setting={setting} />
          ))}
        </div>
        <button type="button" class="button" onClick={reset}>
          {w.reset}
        </button>
      </fieldset>
      <PageSettings />
    </Dialog>
  );
}

function NumberField({ setting }: { setting: NumberSetting }) {
  const w = words.value;
  const { name, least, most, whole } = setting;
  const value = store.settings.value[name];
  const [text, setText] = useState(value === undefined ? "" : String(value));
  const wrong = read(setting, text) === null;
  const usual = name === "seed" ? w.seedUsual : name === "max_tokens" ? w.max_tokensUsual : String(setting.usual);
  const range = (whole ? w.outOfRangeWhole : w.outOfRange)(String(least), String(most));
  const onInput = (typed: string) => {
    setText(typed);
    const number = read(setting, typed);
    if (number !== null) store.set({ [name]: number });
  };
  return (
    <div class={name === "seed" || name === "max_tokens" ? "field wide" : "field"}>
      <label for={name}>{w[name]}</label>
      <input
        id={name}
        type="text"
        inputMode={whole ? "numeric" : "decimal"}
        autocomplete="off"
        value={text}
        placeholder={usual}
        aria-invalid={wrong}
        aria-describedby={`${name}-hint`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <p class={wrong ? "hint wrong" : "hint"} id={`${name}-hint`}>
        {wrong ? range : w[`${name}Hint`]}
      </p>
    </div>
  );
}

function PageSettings() {
  const w = words.value;
  return (
    <fieldset>
      <legend>{w.thisPage}</legend>
      <Choice
        id="language"
        label={w.language}
        value={preferences.language.value}
        options={{ auto: w.automatic, zh: "中文", en: "English" }}
        choose={(value) => (preferences.language.value = value)}
      />
      <Choice
        id="colours"
        label={w.colours}
        value={preferences.colours.value}
        options={{ auto: w.automatic, light: w.light, dark: w.dark }}
        choose={(value) => (preferences.colours.value = value)}
      />
      <Choice
        id="enter"
        label={w.enterKey}
        value={preferences.enterKey.value}
        options={{ send: w.enterSends, line: w.enterBreaks }}
        choose={(value) => (preferences.enterKey.value = value)}
      />
      {preferences.key.value ? (
        <button type="button" class="button" onClick={() => (preferences.key.value = "")}>
          {w.forgetKey}
        </button>
      ) : (
        <button type="button" class="button" onClick={() => (askingForKey.value = true)}>
          {w.apiKey}
        </button>
      )}
    </fieldset>
  );
}

interface ChoiceProps<T extends string> {
  id: string;
  label: string;
  value: T;
  options: Record<T, string>;
  choose: (value: T) => void;
}

function Choice<T extends string>({ id, label, value, options, choose }: ChoiceProps<T>) {
  return (
    <div class="field choice">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => choose(event.currentTarget.value as T)}>
        {(Object.entries(options) as [T, string][]).map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
