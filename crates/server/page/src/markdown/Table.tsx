/** A table that scrolls sideways where it is wider than the text, and says so. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { words } from "../words";

export function ScrolledTable({ label, children }: { label: string; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  const [hidden, setHidden] = useState({ left: false, right: false });
  const look = () => {
    const at = place.current;
    if (!at) return;
    const left = at.scrollLeft > 1;
    const right = at.scrollLeft + at.clientWidth < at.scrollWidth - 1;
    setHidden((before) => (before.left === left && before.right === right ? before : { left, right }));
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    if (place.current) observer.observe(place.current);
    if (place.current?.firstElementChild) observer.observe(place.current.firstElementChild);
    return () => observer.disconnect();
  }, []);
  const kind = `table-box${hidden.left ? " more-left" : ""}${hidden.right ? " more-right" : ""}`;
  return (
    <div class={kind}>
      <div class="table" ref={place} onScroll={look} tabIndex={0} role="region" aria-label={label}>
        <table>{children}</table>
      </div>
      {(hidden.left || hidden.right) && <p class="table-hint">{words.value.scrollTable}</p>}
    </div>
  );
}
