/** Long texts, folded until somebody wants all of them. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { beginning } from "../conversation/beginning";
import { number, words } from "../words";

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
