/** Footnotes in Markdown: `[^name]` in the text, `[^name]: …` where the note stands. */
import { walkTokens, type Token, type TokenizerAndRendererExtension, type Tokens } from "marked";

export interface Note extends Tokens.Generic {
  type: "note";
  name: string;
  tokens: Token[];
}

export const note: TokenizerAndRendererExtension = {
  name: "note",
  level: "block",
  childTokens: ["tokens"],
  start: (text) => {
    const at = text.search(/\n\[\^[^\]\s]{1,60}\]:/);
    return at < 0 ? undefined : at + 1;
  },
  tokenizer(text) {
    const found = /^\[\^([^\]\s]{1,60})\]:[ \t]*([^\n]*(?:\n(?: {2,}|\t)[^\n]+)*)(?:\n|$)/.exec(text);
    if (!found) return undefined;
    const tokens: Token[] = [];
    this.lexer.blockTokens(found[2]!.replace(/\n(?: {1,4}|\t)/g, "\n"), tokens);
    return { type: "note", raw: found[0], name: found[1]!, tokens };
  },
};

export const reference: TokenizerAndRendererExtension = {
  name: "reference",
  level: "inline",
  start: (text) => {
    const at = text.indexOf("[^");
    return at < 0 ? undefined : at;
  },
  tokenizer: (text) => {
    const found = /^\[\^([^\]\s]{1,60})\]/.exec(text);
    return found ? { type: "reference", raw: found[0], name: found[1]! } : undefined;
  },
};

/** The notes that the text refers to, in the order of their first reference; a note is numbered by its place here, from 1. */
export function notesOf(tokens: Token[]): Note[] {
  const written = new Map<string, Note>();
  const named: string[] = [];
  walkTokens(tokens, (token) => {
    if (token.type === "note" && !written.has((token as Note).name)) written.set((token as Note).name, token as Note);
    if (token.type === "reference" && !named.includes(token.name)) named.push(token.name);
  });
  return named.flatMap((name) => written.get(name) ?? []);
}
