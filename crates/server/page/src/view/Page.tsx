/** The whole page. */
import { useEffect, useState } from "preact/hooks";
import * as tree from "../conversation/tree";
import { busy, stop } from "../store/answers";
import * as store from "../store/conversations";
import { askingForKey, look, model, models, trouble } from "../store/server";
import { words } from "../words";
import { Composer, suggest } from "./Composer";
import { FailureText } from "./FailureText";
import { Icon, Sign } from "./Icon";
import { KeyDialog } from "./KeyDialog";
import { Settings } from "./Settings";
import { Sidebar } from "./Sidebar";
import { Thread } from "./Thread";

/** Up to this width the list of conversations lies over the page. */
const NARROW = "(max-width: 860px)";

export function Page() {
  const w = words.value;
  const [listed, setListed] = useState(!matchMedia(NARROW).matches);
  const [adjusting, setAdjusting] = useState(false);
  const conversation = store.current.value;
  const overlaid = listed && matchMedia(NARROW).matches;

  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open], [role=menu]")) return;
      if (listed && matchMedia(NARROW).matches) setListed(false);
      else if (store.shown.value) stop(store.shown.value);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [listed]);
  useEffect(() => {
    document.title = conversation?.title ? `${conversation.title} · ${w.title}` : `合符 Hefu`;
  }, [conversation?.title, w]);

  return (
    <div class={listed ? "page listed" : "page"}>
      <a class="skip" href="#message" onClick={(event) => (event.preventDefault(), document.getElementById("message")?.focus())}>
        {w.skip}
      </a>
      {listed && <Sidebar close={() => setListed(false)} chosen={() => matchMedia(NARROW).matches && setListed(false)} />}
      {listed && <div class="veil" onClick={() => setListed(false)} />}
      <main inert={overlaid}>
        <Head listed={listed} openList={() => setListed(true)} openSettings={() => setAdjusting(true)} />
        {!store.kept.value && <p class="notice">{w.notKept}</p>}
        {conversation && tree.path(conversation).length > 0 ? <Thread conversation={conversation} /> : <Welcome />}
        <Trouble />
        <Composer />
        <Progress />
      </main>
      {adjusting && <Settings close={() => setAdjusting(false)} />}
      {askingForKey.value && <KeyDialog />}
    </div>
  );
}

interface HeadProps {
  listed: boolean;
  openList: () => void;
  openSettings: () => void;
}

function Head({ listed, openList, openSettings }: HeadProps) {
  const w = words.value;
  const choices = models.value.length > 0 ? models.value : [model.value || w.noModel];
  return (
    <header class="head">
      {!listed && (
        <button type="button" class="icon-button" title={w.openList} aria-label={w.openList} aria-expanded={false} onClick={openList}>
          <Icon name="list" />
        </button>
      )}
      <label class="model">
        <span class="unseen">{w.model}</span>
        <select
          value={model.value || choices[0]}
          disabled={models.value.length === 0}
          onChange={(event) => store.set({ model: event.currentTarget.value })}
        >
          {choices.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {!listed && (
        <button type="button" class="icon-button" title={w.newConversation} aria-label={w.newConversation} onClick={() => store.open(null)}>
          <Icon name="plus" />
        </button>
      )}
      <button type="button" class="icon-button" title={w.openSettings} aria-label={w.openSettings} onClick={openSettings}>
        <Icon name="settings" />
      </button>
    </header>
  );
}

function Welcome() {
  const w = words.value;
  return (
    <div class="scroller welcome">
      <Sign />
      <h1>{w.promise}</h1>
      <p>{w.promiseMore}</p>
      <ul>
        {w.examples.map((example) => (
          <li key={example}>
            <button type="button" onClick={() => suggest(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Why no model can be asked, where that is so. */
function Trouble() {
  const w = words.value;
  if (!trouble.value) return null;
  return (
    <div class="failure" role="alert">
      <FailureText failure={trouble.value} />
      <div class="choices">
        {trouble.value.kind === "key" && (
          <button type="button" class="button" onClick={() => (askingForKey.value = true)}>
            {w.enterApiKey}
          </button>
        )}
        <button type="button" class="button main" onClick={() => void look()}>
          {w.retry}
        </button>
      </div>
    </div>
  );
}

/** Says to a screen reader what goes on, once and not at every word. */
function Progress() {
  const w = words.value;
  const last = store.current.value && tree.path(store.current.value).at(-1);
  const writing = busy.value.has(store.shown.value ?? "");
  const said = writing ? w.writing : last?.state === "done" ? w.ready : last?.state === "stopped" ? w.stopped : "";
  return (
    <p class="unseen" role="status">
      {said}
    </p>
  );
}
