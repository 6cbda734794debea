/** A question is folded beyond so many characters or lines, and then shows so many. */
const LONG = { characters: 1600, lines: 20 };
const SHOWN = { characters: 900, lines: 10 };

/** The beginning of a text that is too long to be shown whole. */
export function beginning(text: string): string | undefined {
  const lines = text.split("\n", LONG.lines + 1);
  if (text.length <= LONG.characters && lines.length <= LONG.lines) return undefined;
  return Array.from(lines.slice(0, SHOWN.lines).join("\n").slice(0, SHOWN.characters * 2)).slice(0, SHOWN.characters).join("");
}
