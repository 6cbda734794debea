/** The text of PDF files, read by PDF.js in a worker. Pictures of pages are not read. */
import { getDocument, PDFWorker } from "pdfjs-dist";
import file from "pdfjs-dist/build/pdf.worker.min.mjs?url";
import { worker } from "../workers";
import { pageText, type Item } from "./pdf-text";
import { LONGEST, type Refusal } from "./read";

/** Most pages that are read. */
const MOST_PAGES = 2000;

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
