/** The text, token by token, coloured by how likely each token was. */
import { useEffect, useRef } from "preact/hooks";
import { number } from "../words";
import { at, found } from "./state";
import { words } from "./words";

/** Shades, by the least probability of each. */
const SHADES = [0.9, 0.6, 0.3, 0.1, 0];

export function percent(share: number): string {
  const value = 100 * share;
  return value > 0 && value < 0.01 ? `< ${number(0.01, 2)} %` : `${number(value, value >= 99.995 ? 0 : 2)} %`;
}

/** The pictures of control characters, which have none of their own (Unicode, block "Control Pictures"). */
const PICTURES = 0x2400;

/** A token with its white space and its control characters in sight. With its number, where it is but a part of a character. */
export function visible(text: string, id?: number): string {
  const shown = text
    .replace(/\n/g, "⏎\n")
    .replace(/\t/g, "⇥")
    .replace(/[\0-\x08\x0b-\x1f\x7f]/g, (control) => String.fromCharCode(control === "\x7f" ? PICTURES + 0x21 : PICTURES + control.charCodeAt(0)))
    .replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length));
  return id !== undefined && text.includes("\ufffd") ? `${shown} #${id}` : shown || "∅";
}

export const quoted = (text: string, id: number) => `“${visible(text, id).replace(/\n/g, "")}”`;

export function Text() {
  const w = words.value;
  const list = useRef<HTMLDivElement>(null);
  const trace = found.value;
  const focus = useRef(false);
  useEffect(() => {
    if (!focus.current) return;
    focus.current = false;
    list.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }, [at.value]);
  if (!trace) return null;
  const shares = new Map(trace.steps.map(({ position, share }) => [position, share]));
  const go = (to: number) => {
    focus.current = true;
    at.value = Math.min(trace.tokens.length - 1, Math.max(0, to));
  };
  const moves: Record<string, number> = { ArrowRight: at.value + 1, ArrowLeft: at.value - 1, Home: trace.prompt_tokens, End: trace.tokens.length - 1 };
  return (
    <section aria-labelledby="glass-answer">
      <h2 id="glass-answer">{w.answer}</h2>
      <p class="hint">{w.legend}</p>
      <div
        class="tokens"
        ref={list}
        role="listbox"
        aria-labelledby="glass-answer"
        aria-orientation="horizontal"
        onKeyDown={(event) => {
          const to = moves[event.key];
          if (to === undefined) return;
          event.preventDefault();
          go(to);
        }}
      >
        {trace.tokens.map(({ id, text }, position) => {
          const share = shares.get(position);
          const kind = share === undefined ? "prompt" : `shade-${SHADES.findIndex((least) => share >= least)}`;
          const label = share === undefined ? w.promptToken(visible(text, id)) : w.tokenOf(visible(text, id), percent(share));
          return (
            <span key={position} role="option" class={`token ${kind}`} tabIndex={at.value === position ? 0 : -1} aria-selected={at.value === position} aria-label={label} title={label} onClick={() => go(position)}>
              {text.startsWith(" ") && <wbr />}
              {visible(text)}
            </span>
          );
        })}
      </div>
    </section>
  );
}
