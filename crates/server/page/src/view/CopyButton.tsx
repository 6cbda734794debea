import { useEffect, useState } from "preact/hooks";
import { words } from "../words";
import { Icon } from "./Icon";

/** How long a button says that it has copied, in milliseconds. */
const SAID_FOR = 1600;

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SAID_FOR);
    return () => clearTimeout(timer);
  }, [copied]);
  const said = copied ? words.value.copied : label;
  return (
    <button type="button" class="icon-button" title={said} aria-label={said} onClick={() => copy(text).then(setCopied)}>
      <Icon name={copied ? "done" : "copy"} />
    </button>
  );
}

/** Copies, and says whether it worked. Plain HTTP from another machine has no clipboard, but still the old way. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
