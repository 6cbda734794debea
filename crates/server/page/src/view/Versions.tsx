import * as tree from "../conversation/tree";
import type { Conversation, Message } from "../conversation/types";
import { busy } from "../store/answers";
import * as store from "../store/conversations";
import { words } from "../words";
import { Icon } from "./Icon";

/** Moves between a message and those that stand in for it. */
export function Versions({ conversation, message }: { conversation: Conversation; message: Message }) {
  const w = words.value;
  const all = tree.siblings(conversation, message);
  if (all.length < 2) return null;
  const at = all.findIndex((each) => each.id === message.id);
  const locked = busy.value.has(conversation.id);
  const step = (by: number, label: string, icon: "left" | "right") => {
    const other = all[at + by];
    const show = () => other && store.change(conversation.id, (before) => tree.show(before, other.id));
    return (
      <button type="button" class="icon-button" title={label} aria-label={label} disabled={!other || locked} onClick={show}>
        <Icon name={icon} />
      </button>
    );
  };
  return (
    <span class="versions" role="group" aria-label={w.versions}>
      {step(-1, w.previous, "left")}
      <span>
        {at + 1}/{all.length}
      </span>
      {step(1, w.next, "right")}
    </span>
  );
}
