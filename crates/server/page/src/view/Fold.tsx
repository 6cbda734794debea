/** Long texts, folded until somebody wants all of them. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { number, words } from "../words";

/** A question is folded beyond so many characters or lines, and then shows so many. */
const LONG = { characters: 1600, lines: 20 };
const SHOWN = { characters: 900, lines: 10 };

/** The beginning of a text that is too long to be shown whole. */
export function beginning(text: string): string | undefined {
  const lines = text.split("\n", LONG.lines + 1);
  if (text.length <= LONG.characters && lines.length <= LONG.lines) return undefined;
  return Array.from(lines.slice(0, SHOWN.lines).join("\n").slice(0, SHOWN.characters * 2)).slice(0, SHOWN.characters).join("");
}

export function FoldedText({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  const short = beginning(text);
  if (short === undefined) return <div class="said">{text}</div>;
  return (
    <div class="said">
      <div class={open ? undefined : "fading"}>{open ? text : short}</div>
      <Unfold open={open} length={text.length} turn={() => setOpen(!open)} />
    </div>
  );
}

/** An answer that is folded as long as `folded`, with its first part in sight. */
export function FoldedAnswer({ length, folded, children }: { length: number; folded: boolean; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  if (!folded) return <>{children}</>;
  return (
    <>
      <div class={open ? undefined : "folded fading"} inert={!open}>
        {children}
      </div>
      <Unfold open={open} length={length} turn={() => setOpen(!open)} />
    </>
  );
}

function Unfold({ open, length, turn }: { open: boolean; length: number; turn: () => void }) {
  const w = words.value;
  return (
    <button type="button" class="link unfold" aria-expanded={open} onClick={turn}>
      {open ? w.showLess : w.showWhole(number(length))}
    </button>
  );
}
