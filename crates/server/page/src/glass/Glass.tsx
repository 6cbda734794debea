/** The glass box: a question, the answer token by token, and views of the chosen token. */
import { useEffect, useRef, useState } from "preact/hooks";
import { newSeed } from "../conversation/settings";
import { key } from "../store/preferences";
import { askingForKey, isAboutKey } from "../store/server";
import { FailureText } from "../view/FailureText";
import { KeyDialog } from "../view/KeyDialog";
import { Sign } from "../view/Icon";
import { number, words as page } from "../words";
import { Cost } from "./Cost";
import { Inside } from "./Inside";
import { NumberView } from "./Number";
import { Proof } from "./Proof";
import { at, begin, failure, found, handedOver, step, view, VIEWS, working, type View } from "./state";
import { percent, Text, visible } from "./Text";
import { converses, type Question } from "./trace";
import { WhatIf } from "./WhatIf";
import { Why } from "./Why";
import { words } from "./words";

/** Tokens of an answer unless the person says otherwise. */
const TOKENS = 48;

const BODIES: Record<View, () => preact.JSX.Element | null> = { why: Why, inside: Inside, number: NumberView, whatif: WhatIf, cost: Cost, proof: Proof };

export function Glass() {
  const w = words.value;
  useEffect(() => {
    document.title = `${w.title} · 合符 Hefu`;
  }, [w]);
  const learn = `./learn/${page.value.code}`;
  return (
    <>
      <a class="skip" href="#glass-main">
        {w.skip}
      </a>
      <header class="glass-head">
        <a class="brand" href="./">
          <Sign />
          <span lang="zh-CN">合符</span>
          <small lang="en">Hefu</small>
        </a>
        <nav>
          <a href="./">{w.toChat}</a>
          <a href={learn}>{w.toLessons}</a>
        </nav>
      </header>
      <main class="glass-main" id="glass-main">
        <h1>{w.title}</h1>
        <p class="lead">{w.lead}</p>
        <Ask />
        {failure.value && (
          <div class="failure" role="alert">
            <FailureText failure={failure.value} />
            {isAboutKey(failure.value) && (
              <button type="button" class="button" onClick={() => (askingForKey.value = true)}>
                {page.value.enterApiKey}
              </button>
            )}
          </div>
        )}
        <p role="status" class="hint">
          {working.value ? w.looking : ""}
        </p>
        {found.value && (
          <>
            <Text />
            <Chosen />
            <Views />
          </>
        )}
      </main>
      {askingForKey.value && <KeyDialog />}
    </>
  );
}

function Ask() {
  const w = words.value;
  const [given] = useState(handedOver);
  const last = given?.messages?.at(-1)?.content;
  const [text, setText] = useState(last ?? w.usual);
  const [raw, setRaw] = useState(false);
  const [seed, setSeed] = useState(String(given?.seed ?? newSeed()));
  const [temperature, setTemperature] = useState(given?.temperature === undefined ? "" : String(given.temperature));
  const [tokens, setTokens] = useState(String(Math.min(given?.max_tokens ?? TOKENS, 512)));
  const ask = () => {
    const messages = [...(given?.messages?.slice(0, -1) ?? []), { role: "user", content: text }];
    const question: Question = { ...given, ...(raw ? { prompt: text } : { messages }) };
    if (raw) delete question.messages;
    const set = (name: "seed" | "temperature" | "max_tokens", value: string) => {
      if (value.trim() && Number.isFinite(Number(value))) question[name] = Number(value);
      else delete question[name];
    };
    set("seed", seed);
    set("temperature", temperature);
    set("max_tokens", tokens);
    void begin(question);
  };
  useEffect(() => {
    if (given) return ask();
    // What goes wrong here goes wrong again with the question, and is told there.
    converses(key.value).then((can) => can || setRaw(true), () => {});
  }, []);
  return (
    <form class="glass-ask" onSubmit={(event) => (event.preventDefault(), ask())}>
      <label>
        <span>{w.question}</span>
        <textarea rows={2} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <p class="fields">
        <Field name={page.value.temperature} value={temperature} set={setTemperature} />
        <Field name={w.seed} value={seed} set={setSeed} />
        <Field name={page.value.max_tokens} value={tokens} set={setTokens} />
        <label class="check">
          <input type="checkbox" checked={raw} onChange={(event) => setRaw(event.currentTarget.checked)} /> {w.asText}
        </label>
      </p>
      <button type="submit" class="button main" disabled={working.value || !text.trim()}>
        {w.look}
      </button>
    </form>
  );
}

function Field({ name, value, set }: { name: string; value: string; set: (value: string) => void }) {
  return (
    <label>
      <span>{name}</span> <input type="text" inputMode="decimal" size={8} autocomplete="off" value={value} onInput={(event) => set(event.currentTarget.value)} />
    </label>
  );
}

/** What is known of the chosen token at once. */
function Chosen() {
  const w = words.value;
  const token = found.value?.tokens[at.value];
  if (!token) return null;
  const facts: [string, string][] = [
    [w.chosen, visible(token.text)],
    [w.position, number(at.value)],
    [w.number, String(token.id)],
  ];
  if (step.value) facts.push([w.probability, percent(step.value.share)]);
  return (
    <dl class="chosen" aria-live="polite">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Views() {
  const w = words.value;
  const list = useRef<HTMLDivElement>(null);
  const Body = BODIES[view.value];
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    view.value = VIEWS[(VIEWS.indexOf(view.value) + by + VIEWS.length) % VIEWS.length]!;
    list.current?.querySelector<HTMLElement>(`#tab-${view.value}`)?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={w.views} ref={list} onKeyDown={keys}>
        {VIEWS.map((each) => (
          <button
            key={each}
            type="button"
            role="tab"
            id={`tab-${each}`}
            aria-selected={view.value === each}
            aria-controls="glass-view"
            tabIndex={view.value === each ? 0 : -1}
            onClick={() => (view.value = each)}
          >
            {w.viewNames[each]}
          </button>
        ))}
      </div>
      <section id="glass-view" role="tabpanel" aria-labelledby={`tab-${view.value}`} tabIndex={-1}>
        <Body />
      </section>
    </>
  );
}
