/** The whole page. */
import { useEffect, useState } from "preact/hooks";
import * as tree from "../conversation/tree";
import type { Conversation, Message } from "../conversation/types";
import { again, busy, goOn, stop } from "../store/answers";
import * as store from "../store/conversations";
import { askingForKey, isAboutKey, look, model, models, trouble } from "../store/server";
import * as tools from "../store/tools";
import { words } from "../words";
import { canGoOn } from "./Answer";
import { attachToDraft, Composer, focusMessage, suggest } from "./Composer";
import { copy } from "./CopyButton";
import { FailureText } from "./FailureText";
import { Help } from "./Help";
import { Icon, Sign } from "./Icon";
import { KeyDialog } from "./KeyDialog";
import { edited } from "./Question";
import { Settings } from "./Settings";
import { named, shortcutOf, type Shortcut } from "./shortcuts";
import { Sidebar } from "./Sidebar";
import { Thread } from "./Thread";

/** Up to this width the list of conversations lies over the page. */
const NARROW = "(max-width: 860px)";

export function Page() {
  const w = words.value;
  const [listed, setListed] = useState(!matchMedia(NARROW).matches);
  const [adjusting, setAdjusting] = useState(false);
  const [helping, setHelping] = useState(false);
  const conversation = store.current.value;
  const overlaid = listed && matchMedia(NARROW).matches;

  const search = () => {
    setListed(true);
    // The field is there once the list is.
    setTimeout(() => document.getElementById("search")?.focus());
  };
  const act: Record<Shortcut, () => void> = {
    help: () => setHelping(true),
    settings: () => setAdjusting(true),
    fresh: () => store.open(null),
    list: () => setListed(!listed),
    focus: focusMessage,
    search,
    ...ofLastAnswer,
  };
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.defaultPrevented || document.querySelector("dialog[open], [role=menu]")) return;
      const shortcut = shortcutOf(event);
      if (shortcut) {
        event.preventDefault();
        act[shortcut]();
      }
      if (event.key !== "Escape") return;
      if (listed && matchMedia(NARROW).matches) setListed(false);
      else if (store.shown.value) stop(store.shown.value);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [listed]);
  useEffect(() => {
    document.title = conversation?.title ? `${conversation.title} · ${w.title}` : `合符 Hefu`;
  }, [conversation?.title, w]);

  const dropping = useDrop();
  return (
    <div class={listed ? "page listed" : "page"}>
      <a class="skip" href="#message" onClick={(event) => (event.preventDefault(), document.getElementById("message")?.focus())}>
        {w.skip}
      </a>
      {listed && <Sidebar close={() => setListed(false)} chosen={() => matchMedia(NARROW).matches && setListed(false)} />}
      {listed && <div class="veil" onClick={() => setListed(false)} />}
      <main inert={overlaid}>
        <Head listed={listed} openList={() => setListed(true)} openSettings={() => setAdjusting(true)} openHelp={() => setHelping(true)} />
        {!store.kept.value && <p class="notice">{w.notKept}</p>}
        {conversation && tree.path(conversation).length > 0 ? <Thread conversation={conversation} /> : <Welcome />}
        <Trouble />
        <Composer editLast={editLast} />
        <Progress />
        {dropping && <div class="drop">{w.dropHere}</div>}
      </main>
      {helping && <Help close={() => setHelping(false)} />}
      {adjusting && <Settings close={() => setAdjusting(false)} />}
      {askingForKey.value && <KeyDialog />}
    </div>
  );
}

/** Opens the last question on show for editing. */
function editLast(): void {
  const conversation = store.current.value;
  const last = conversation && tree.path(conversation).findLast(({ role }) => role === "user");
  if (last) edited.value = last.id;
}

/** What shortcuts do with the last answer on show, where it can be done. */
const ofLastAnswer = { copy: withLast(({ last }) => void copy(last.text)), again: withLast(({ conversation, last }) => again(conversation, last)), goOn: withLast(({ conversation, last }) => canGoOn(conversation, last) && goOn(conversation, last)) };

function withLast(act: (of: { conversation: Conversation; last: Message }) => unknown): () => void {
  return () => {
    const conversation = store.current.value;
    const last = conversation && tree.path(conversation).at(-1);
    if (conversation && last?.role === "assistant") act({ conversation, last });
  };
}

/** Whether files are held over the page; letting go of them attaches them. */
function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const listeners: [string, (event: DragEvent) => void][] = [
      ["dragover", (event) => hasFiles(event) && (event.preventDefault(), setOver(true))],
      ["dragleave", (event) => event.relatedTarget === null && setOver(false)],
      [
        "drop",
        (event) => {
          setOver(false);
          if (!hasFiles(event)) return;
          event.preventDefault();
          attachToDraft([...event.dataTransfer!.files]);
        },
      ],
    ];
    for (const [name, listener] of listeners) addEventListener(name, listener as EventListener);
    return () => listeners.forEach(([name, listener]) => removeEventListener(name, listener as EventListener));
  }, []);
  return over;
}

interface HeadProps {
  listed: boolean;
  openList: () => void;
  openSettings: () => void;
  openHelp: () => void;
}

function Head({ listed, openList, openSettings, openHelp }: HeadProps) {
  const w = words.value;
  const choices = models.value.length > 0 ? models.value.map(({ name }) => name) : [model.value || w.noModel];
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
      {tools.count() > 0 && (
        <button
          type="button"
          class="icon-button labelled"
          title={w.toolsOffered(tools.count())}
          aria-label={w.toolsOffered(tools.count())}
          onClick={openSettings}
        >
          <Icon name="tool" />
          {tools.count()}
        </button>
      )}
      <button type="button" class="icon-button keyboard" title={`${w.shortcuts} (${named("Mod+/")})`} aria-label={w.shortcuts} onClick={openHelp}>
        <Icon name="keyboard" />
      </button>
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
        {isAboutKey(trouble.value) && (
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
