/** The list of conversations. */
import { useRef, useState } from "preact/hooks";
import * as tree from "../conversation/tree";
import type { Conversation } from "../conversation/types";
import * as exports from "../export";
import { conversationsIn, LARGEST, newOnes } from "../import";
import { busy } from "../store/answers";
import * as store from "../store/conversations";
import { number, words, type Words } from "../words";
import { Dialog } from "./Dialog";
import { Icon, Sign } from "./Icon";
import { Menu } from "./Menu";

const DAY = 24 * 3600 * 1000;

export function Sidebar({ close, chosen }: { close: () => void; chosen: () => void }) {
  const w = words.value;
  const [query, setQuery] = useState("");
  const [removing, setRemoving] = useState<Conversation | null>(null);
  const found = store.conversations.value.filter((each) => tree.matches(each, query));
  const open = (id: string | null) => {
    store.open(id);
    chosen();
  };
  return (
    <nav class="sidebar" id="conversations" aria-label={w.conversations}>
      <div class="sidebar-head">
        <a class="brand" href="./" onClick={(event) => (event.preventDefault(), open(null))}>
          <Sign />
          <span lang="zh-CN">合符</span>
          <small lang="en">Hefu</small>
        </a>
        <button type="button" class="icon-button" title={w.closeList} aria-label={w.closeList} onClick={close}>
          <Icon name="left" />
        </button>
      </div>
      <button type="button" class="new" onClick={() => open(null)}>
        <Icon name="plus" />
        {w.newConversation}
      </button>
      <label class="search">
        <Icon name="search" />
        <input
          type="search"
          value={query}
          placeholder={w.search}
          aria-label={w.search}
          id="search"
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </label>
      <div class="list">
        {store.loaded.value && found.length === 0 && <p class="hint">{query.trim() ? w.noMatch : w.noneYet}</p>}
        {byAge(found, w).map(([age, conversations]) => (
          <section key={age} aria-label={age}>
            <h2>{age}</h2>
            <ul>
              {conversations.map((each) => (
                <Item key={each.id} conversation={each} open={() => open(each.id)} remove={() => setRemoving(each)} />
              ))}
            </ul>
          </section>
        ))}
      </div>
      <p class="elsewhere">
        <a href={`./learn/${w.code}`}>{w.lessons}</a>
        <a href="./glass">{w.glassBox}</a>
      </p>
      <ImportAndExport />
      {removing && <Removal conversation={removing} close={() => setRemoving(null)} />}
    </nav>
  );
}

interface ItemProps {
  conversation: Conversation;
  open: () => void;
  remove: () => void;
}

function Item({ conversation, open, remove }: ItemProps) {
  const w = words.value;
  const [renaming, setRenaming] = useState(false);
  const { id } = conversation;
  const title = conversation.title || w.untitled;
  if (renaming) {
    const finish = (text: string | null) => {
      if (text !== null) store.rename(id, text);
      setRenaming(false);
    };
    return (
      <li class="item renaming">
        <input
          ref={(field) => field?.select()}
          value={title}
          aria-label={w.newTitle}
          maxLength={200}
          onBlur={(event) => finish(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.isComposing) return;
            if (event.key === "Enter") finish(event.currentTarget.value);
            if (event.key === "Escape") finish(null);
          }}
        />
      </li>
    );
  }
  const items = [
    { label: w.rename, act: () => setRenaming(true) },
    { label: w.exportMarkdown, act: () => exports.saveMarkdown(conversation) },
    { label: w.exportJson, act: () => exports.saveJson([conversation], title) },
    { label: w.exportAll, act: () => exports.saveJson(store.conversations.value, "hefu") },
    { label: w.remove, act: remove, danger: true },
  ];
  return (
    <li class={busy.value.has(id) ? "item busy" : "item"}>
      <a
        href={`#${id}`}
        aria-current={store.shown.value === id ? "page" : undefined}
        title={title}
        onClick={(event) => (event.preventDefault(), open())}
      >
        {title}
      </a>
      <Menu label={w.more(title)} items={items} />
    </li>
  );
}

/** What concerns all conversations: taking some from a file, and giving all into one. */
function ImportAndExport() {
  const w = words.value;
  const chooser = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState("");
  const take = async (file: File | undefined) => {
    if (!file) return;
    const found = file.size > LARGEST ? "too-large" : conversationsIn(await file.text());
    if (typeof found === "string") return setSaid(`${w.notImported(file.name)} ${w.importRefusals[found]}`);
    const added = newOnes(found, store.conversations.value);
    store.add(added);
    setSaid(added.length > 0 ? w.imported(number(added.length)) : w.alreadyThere);
  };
  const items = [
    { label: w.importFile, act: () => chooser.current?.click() },
    { label: w.exportAll, act: () => exports.saveJson(store.conversations.value, "hefu") },
  ];
  return (
    <footer class="sidebar-foot">
      <input
        ref={chooser}
        type="file"
        accept=".json,application/json"
        hidden
        aria-label={w.importFile}
        onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
      <Menu label={w.listMenu} items={items} labelled />
      <p class="hint" role="status">
        {said}
      </p>
    </footer>
  );
}

function Removal({ conversation, close }: { conversation: Conversation; close: () => void }) {
  const w = words.value;
  const remove = () => {
    close();
    store.remove(conversation.id);
  };
  return (
    <Dialog title={w.remove} place="middle" close={close}>
      <p>{w.removeQuestion(conversation.title || w.untitled)}</p>
      <div class="choices">
        <button type="button" class="button" onClick={close}>
          {w.cancel}
        </button>
        <button type="button" class="button danger" onClick={remove}>
          {w.remove}
        </button>
      </div>
    </Dialog>
  );
}

/** Conversations under headings of their age, newest first. */
function byAge(conversations: Conversation[], w: Words): [string, Conversation[]][] {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const ages: [string, number][] = [
    [w.today, midnight],
    [w.yesterday, midnight - DAY],
    [w.week, midnight - 6 * DAY],
    [w.earlier, -Infinity],
  ];
  const groups = ages.map(([age]): [string, Conversation[]] => [age, []]);
  for (const each of conversations) groups[ages.findIndex(([, since]) => each.changed >= since)]?.[1].push(each);
  return groups.filter(([, each]) => each.length > 0);
}
