/** Cutting Markdown into tokens. Nothing here makes elements, and no HTML is ever made or parsed. */
import { Marked, type Token } from "marked";
import { note, reference } from "./footnotes";
import { blockFormula, inlineFormula } from "./math";

/** Quotes in quotes and lists in lists beyond what anybody writes: nesting that would exhaust the stack. */
const DEEP = /^(?:[ \t]*(?:>|[-*+] |\d{1,9}[.)] )){24}|^[ \t]{200}/m;

const cutter = new Marked({ gfm: true, breaks: true });
cutter.use({ extensions: [blockFormula, inlineFormula, note, reference] });

/** A text's blocks. What nests too deeply to be cut is shown as it stands. */
export function cut(text: string): Token[] {
  if (DEEP.test(text)) return plain(text);
  try {
    return cutter.lexer(text);
  } catch {
    return plain(text);
  }
}

function plain(text: string): Token[] {
  return text.split(/\n{2,}/).map((raw) => ({ type: "paragraph", raw, text: raw, tokens: [{ type: "text", raw, text: raw }] }));
}
