/** Two answers to the same question, set beside one another like the halves of a tally. */

/** What an answer says. */
export interface Said {
  reasoning?: string;
  text: string;
}

/**
 * The first character in which the second answer differs from the first, if there is one: counted from 1, in the text or,
 * where that differs already, in the reasoning. A first answer that was stopped (`whole` is false) is compared only as far as it goes.
 */
export function difference(first: Said, second: Said, whole: boolean): number | undefined {
  const [a, b] = [characters(first), characters(second)];
  const differs = a.findIndex((character, index) => character !== b[index]);
  const at = differs >= 0 ? differs : whole && b.length > a.length ? a.length : undefined;
  const mark = a.indexOf("\0");
  return at === undefined ? undefined : mark >= 0 && at > mark ? at - mark : at + 1;
}

/** Whether the second answer has come as far as the first one, so that more of it tells nothing. */
export function reaches(second: Said, first: Said): boolean {
  if (first.text) return second.text.length >= first.text.length;
  return (second.reasoning ?? "").length >= (first.reasoning ?? "").length;
}

/** Characters of the reasoning, a mark between, characters of the text; a stopped answer without text has no mark. */
function characters({ reasoning = "", text }: Said): string[] {
  return [...Array.from(reasoning), ...(text ? ["\0", ...Array.from(text)] : [])];
}
