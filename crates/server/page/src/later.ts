/** Parts of the page that are fetched when they are first needed. */
import { signal } from "@preact/signals";

/** A part that is fetched at the first use. Until it is there, and where it cannot be had, the value is `undefined`. */
export function later<T>(load: () => Promise<T>): () => T | undefined {
  const part = signal<T | undefined>(undefined);
  let asked = false;
  return () => {
    if (!asked) {
      asked = true;
      load().then(
        (loaded) => (part.value = loaded),
        () => (asked = false),
      );
    }
    return part.value;
  };
}
