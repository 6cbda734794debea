/** A formula, set by KaTeX, which builds elements and parses no HTML. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { later } from "../later";

const library = later(async () => {
  const [katex] = await Promise.all([import("katex"), import("katex/dist/katex.min.css")]);
  return katex.default;
});

/** No commands that reach outside, no sizes beyond the line, no macros that grow without end. */
const LIMITS = { trust: false, strict: "ignore", maxSize: 20, maxExpand: 300, throwOnError: true, errorColor: "var(--danger)" } as const;

export function Formula({ source, raw, display }: { source: string; raw: string; display: boolean }) {
  const katex = library();
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    if (!place.current || !katex) return;
    try {
      katex.render(source, place.current, { ...LIMITS, displayMode: display });
    } catch {
      place.current.textContent = raw;
    }
  }, [katex, source, raw, display]);
  const kind = display ? "formula apart" : "formula";
  // What overflows is scrolled, which must be possible without a mouse.
  const scrolled = display ? { tabIndex: 0 } : {};
  return katex ? (
    <span key="set" class={kind} ref={place} {...scrolled} />
  ) : (
    <span key="raw" class={kind}>
      {raw}
    </span>
  );
}
