/** The settings of the conversation on show, and apart from them those of all. */
import { useRef, useState } from "preact/hooks";
import { NUMBERS, read, type NumberName, type NumberSetting } from "../conversation/settings";
import * as store from "../store/conversations";
import * as preferences from "../store/preferences";
import { askingForKey } from "../store/server";
import { words } from "../words";
import { Dialog } from "./Dialog";
import { Presets } from "./Presets";
import { ToolServers } from "./ToolServers";

type Wrong = Partial<Record<NumberName, string>>;

export function Settings({ close }: { close: () => void }) {
  const w = words.value;
  const { system } = store.settings.value;
  const [filled, setFilled] = useState(0);
  const wrong = useRef<Wrong>({});
  const [asked, setAsked] = useState<Wrong>({});
  const anew = () => {
    wrong.current = {};
    setAsked({});
    setFilled(filled + 1);
  };
  const reset = () => {
    store.set(Object.fromEntries(NUMBERS.map(({ name }) => [name, undefined])));
    anew();
  };
  // What is wrong would be lost in silence.
  const tryToClose = () => {
    const names = Object.keys(wrong.current);
    if (names.length === 0 || Object.keys(asked).length > 0) return close();
    setAsked({ ...wrong.current });
    document.getElementById(names[0]!)?.focus();
  };
  return (
    <Dialog title={w.openSettings} place="side" close={tryToClose}>
      {Object.keys(asked).length > 0 && <Unused wrong={asked} correct={() => setAsked({})} close={close} />}
      <fieldset>
        <legend>{w.forConversation}</legend>
        <p class="hint">{w.forConversationHint}</p>
        <Presets used={anew} />
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
        <div class="sampling" role="group" aria-label={w.sampling} key={filled}>
          <h3>{w.sampling}</h3>
          <p class="hint">{w.samplingHint}</p>
          <div class="numbers">
            {NUMBERS.map((setting) => (
              <NumberField key={setting.name} setting={setting} wrong={wrong.current} />
            ))}
          </div>
          <button type="button" class="button" onClick={reset}>
            {w.reset}
          </button>
        </div>
      </fieldset>
      <PageSettings />
      <ToolServers />
    </Dialog>
  );
}

/** Says which fields are not used, before they are lost. */
function Unused({ wrong, correct, close }: { wrong: Wrong; correct: () => void; close: () => void }) {
  const w = words.value;
  const names = Object.keys(wrong) as NumberName[];
  return (
    <div class="failure" role="alert">
      {names.map((name) => (
        <p key={name}>{w.unused(w[name], wrong[name]!)}</p>
      ))}
      <div class="choices">
        <button type="button" class="button" onClick={close}>
          {w.discard}
        </button>
        <button
          type="button"
          class="button main"
          onClick={() => {
            correct();
            document.getElementById(names[0]!)?.focus();
          }}
        >
          {w.correct}
        </button>
      </div>
    </div>
  );
}

function NumberField({ setting, wrong }: { setting: NumberSetting; wrong: Wrong }) {
  const w = words.value;
  const { name, least, most, whole } = setting;
  const value = store.settings.value[name];
  const [text, setText] = useState(value === undefined ? "" : String(value));
  const isWrong = read(setting, text) === null;
  const usual = name === "seed" ? w.seedUsual : name === "max_tokens" ? w.max_tokensUsual : String(setting.usual);
  const range = (whole ? w.outOfRangeWhole : w.outOfRange)(String(least), String(most));
  const onInput = (typed: string) => {
    setText(typed);
    const number = read(setting, typed);
    if (number === null) wrong[name] = range;
    else {
      delete wrong[name];
      store.set({ [name]: number });
    }
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
        aria-invalid={isWrong}
        aria-describedby={`${name}-hint`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <p class={isWrong ? "hint wrong" : "hint"} id={`${name}-hint`}>
        {isWrong ? range : w[`${name}Hint`]}
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
      <div class="choices start">
        <button type="button" class="button" onClick={() => (askingForKey.value = true)}>
          {preferences.key.value ? w.apiKeyChange : w.apiKeyEnter}
        </button>
        {preferences.key.value && (
          <button type="button" class="button" onClick={() => (preferences.key.value = "")}>
            {w.forgetKey}
          </button>
        )}
      </div>
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
