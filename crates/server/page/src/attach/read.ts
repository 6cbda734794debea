/** Files as the text that a model reads. */
import type { Attachment } from "../conversation/types";

/** Most bytes of a file, and most files with one message. */
export const LARGEST = 32 * 1024 * 1024;
export const MOST = 16;
/** Most characters of a file's text: the server takes no more in one request. */
export const LONGEST = 4_000_000;

/** Why a file cannot be attached. */
export type Refusal = "too-large" | "too-long" | "no-text" | "empty" | "locked" | "broken";

/** A file's text, or why there is none. */
export async function read(file: File): Promise<Attachment | Refusal> {
  if (file.size > LARGEST) return "too-large";
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    return "broken";
  }
  const isPdf = startsWith(bytes, "%PDF-");
  const text = isPdf ? await (await import("./pdf")).textOfPdf(bytes) : textOf(bytes);
  if (typeof text !== "string") return text.refused;
  if (!text.trim()) return isPdf ? "no-text" : "empty";
  if (text.length > LONGEST) return "too-long";
  const kind = isPdf ? "pdf" : /\.(csv|tsv)$/i.test(file.name) || file.type === "text/csv" ? "table" : "text";
  return { name: file.name || "file", kind, text, size: file.size };
}

function startsWith(bytes: Uint8Array, mark: string): boolean {
  return [...mark].every((character, index) => bytes[index] === character.charCodeAt(0));
}

/** Text in UTF-8, in UTF-16 with its mark, or in GB 18030, as spreadsheets in China write it. Everything else is no text. */
export function textOf(bytes: Uint8Array): string | { refused: Refusal } {
  const sixteen = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : undefined;
  for (const encoding of sixteen ? [sixteen] : ["utf-8", "gb18030"]) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
      // Control characters other than those of lines and pages are of programs, pictures and archives.
      if (!/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) return text.replace(/\r\n?/g, "\n");
    } catch {
      // Not in this encoding.
    }
  }
  return { refused: "no-text" };
}
