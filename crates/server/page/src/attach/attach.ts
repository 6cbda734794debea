/** Attaching files to what is being written. */
import { signal } from "@preact/signals";
import type { Attachment } from "../conversation/types";
import { MOST, read, type Refusal } from "./read";

/** What became of a file that was not attached, or is being read. */
export interface Attempt {
  name: string;
  refusal?: Refusal | "many";
}

/** Files that are being read, and those that could not be taken at the last attempt. */
export const attempts = signal<Attempt[]>([]);

/** Reads files one after the other and hands each over; `room` is how many more are taken. */
export async function attachAll(files: File[], room: number, take: (file: Attachment) => void): Promise<void> {
  const taken = files.slice(0, Math.max(0, room));
  const refused: Attempt[] = files.slice(taken.length).map(({ name }) => ({ name, refusal: "many" }));
  for (const [index, file] of taken.entries()) {
    attempts.value = [...refused, ...taken.slice(index).map(({ name }) => ({ name }))];
    const found = await read(file).catch((): Refusal => "broken");
    if (typeof found === "string") refused.push({ name: file.name, refusal: found });
    else take(found);
  }
  attempts.value = refused;
}

/** How many more files go with a message that has some already. */
export function room(files: Attachment[]): number {
  return MOST - files.length;
}
