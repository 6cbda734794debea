/** The text of PDF files, read by PDF.js in a worker. Pictures of pages are not read. */
import { getDocument, PDFWorker } from "pdfjs-dist";
import file from "pdfjs-dist/build/pdf.worker.min.mjs?url";
import { worker } from "../workers";
import { LONGEST, type Refusal } from "./read";

/** Most pages that are read. */
const MOST_PAGES = 2000;

interface Item {
  str?: string;
  hasEOL?: boolean;
  height?: number;
  transform?: number[];
}

export async function textOfPdf(bytes: Uint8Array<ArrayBuffer>): Promise<string | { refused: Refusal }> {
  const thread = worker(file);
  const pdfWorker = PDFWorker.create({ port: thread });
  try {
    const folder = new URL("./", document.baseURI).href;
    const task = getDocument({ data: bytes, worker: pdfWorker, cMapUrl: folder, cMapPacked: true, disableFontFace: true, useSystemFonts: false, useWasm: false, verbosity: 0 });
    const pdf = await task.promise;
    const pages: string[] = [];
    let length = 0;
    for (let at = 1; at <= Math.min(pdf.numPages, MOST_PAGES) && length <= LONGEST; at += 1) {
      const page = await pdf.getPage(at);
      const { items } = await page.getTextContent();
      pages.push(pageText(items as Item[]));
      length += pages.at(-1)!.length;
      page.cleanup();
    }
    return pages.filter(Boolean).join("\n\n");
  } catch (error) {
    return { refused: (error as Error).name === "PasswordException" ? "locked" : "broken" };
  } finally {
    pdfWorker.destroy();
    thread.terminate();
  }
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
