/** The lines of a page of a PDF file, out of its pieces of text. */

export interface Item {
  str?: string;
  hasEOL?: boolean;
  height?: number;
  transform?: number[];
}

/** Lines of a page; a gap of more than a line between two lines is a paragraph's end. */
export function pageText(items: Item[]): string {
  let text = "";
  let before: number | undefined;
  for (const { str, hasEOL, height, transform } of items) {
    const at = transform?.[5];
    if (str?.trim() && at !== undefined && before !== undefined && text.endsWith("\n") && height && before - at > 1.9 * height) text += "\n";
    text += str ?? "";
    if (str?.trim()) before = at;
    if (hasEOL) text += "\n";
  }
  return text.replace(/[ \t]+$/gm, "").replace(/\n{3,}/g, "\n\n").trim();
}
