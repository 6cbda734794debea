/** Formulas in Markdown: `$…$`, `\(…\)` within a line, `$$…$$`, `\[…\]` and environments of AMS apart. */
import type { TokenizerAndRendererExtension, Tokens } from "marked";

/** Most characters of one formula; what is longer stays text, and the search for an end stays short. */
const LONGEST = 4000;

const ENVIRONMENT = /^ {0,3}\\begin\{((?:equation|align|alignat|gather|multline|aligned|gathered|cases|[bpvBV]?matrix)\*?)\}/;

export interface FormulaToken extends Tokens.Generic {
  type: "formula";
  source: string;
  display: boolean;
}

function token(raw: string, source: string, display: boolean): FormulaToken | undefined {
  return source.trim() ? { type: "formula", raw, source: source.trim(), display } : undefined;
}

/** A formula between two marks at the start of a text. */
function between(text: string, open: string, close: string, display: boolean): FormulaToken | undefined {
  if (!text.startsWith(open)) return undefined;
  const end = text.slice(0, LONGEST).indexOf(close, open.length);
  return end < 0 ? undefined : token(text.slice(0, end + close.length), text.slice(open.length, end), display);
}

/** `$…$`: no space inside the marks and no letter or digit behind them, so that prices stay prices. */
function dollars(text: string): FormulaToken | undefined {
  const found = /^\$(?![\s$])((?:\\[^\n]|[^\\$\n]){1,1000}?)(?<!\s)\$(?![\p{L}\d])/u.exec(text);
  return found ? token(found[0], found[1]!, false) : undefined;
}

function environment(text: string): FormulaToken | undefined {
  const name = ENVIRONMENT.exec(text)?.[1];
  if (!name) return undefined;
  const close = `\\end{${name}}`;
  const end = text.slice(0, LONGEST).indexOf(close);
  return end < 0 ? undefined : token(text.slice(0, end + close.length), text.slice(0, end + close.length), true);
}

/** Formulas that stand apart from the text. */
export const blockFormula: TokenizerAndRendererExtension = {
  name: "formula",
  level: "block",
  start: (text) => {
    const at = text.search(/\n {0,3}(?:\$\$|\\\[|\\begin\{)/);
    return at < 0 ? undefined : at + 1;
  },
  tokenizer(text) {
    const indent = /^ {0,3}/.exec(text)![0].length;
    const rest = text.slice(indent);
    const found = between(rest, "$$", "$$", true) ?? between(rest, "\\[", "\\]", true) ?? environment(rest);
    if (!found) return undefined;
    // Text behind the end makes it part of a paragraph.
    const behind = /^[ \t]*[.,;:，。；：]?[ \t]*(?:\n|$)/.exec(rest.slice(found.raw.length));
    return behind ? { ...found, raw: text.slice(0, indent) + found.raw + behind[0], after: behind[0].trim() } : undefined;
  },
};

/** Formulas within a line. */
export const inlineFormula: TokenizerAndRendererExtension = {
  name: "formula",
  level: "inline",
  start: (text) => {
    const at = text.search(/\$|(?<!\\)\\[([]/);
    return at < 0 ? undefined : at;
  },
  tokenizer: (text) => between(text, "$$", "$$", true) ?? between(text, "\\[", "\\]", true) ?? between(text, "\\(", "\\)", false) ?? dollars(text),
};
