/** What is known of the server: whether it answers, and which models it offers. */
import { computed, signal } from "@preact/signals";
import * as client from "../api/client";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";
import { settings } from "./conversations";
import { key } from "./preferences";

export const models = signal<client.Model[]>([]);
/** Why the list of models could not be had. */
export const trouble = signal<Failure | null>(null);
/** Whether the question for the API key is open. */
export const askingForKey = signal(false);

/** The model that answers next: the chosen one if the server has it, else the first. */
export const model = computed(() => {
  const chosen = settings.value.model;
  return models.value.some(({ name }) => name === chosen) ? chosen : (models.value[0]?.name ?? chosen);
});
/** Most tokens of prompt and answer together, of the model that answers next. */
export const context = computed(() => models.value.find(({ name }) => name === model.value)?.context);

/** Whether a failure is about the key, so that another key helps. */
export function isAboutKey({ kind }: Failure): boolean {
  return kind === "key" || kind === "no-key" || kind === "bad-key";
}

/** Notes a failure that is not about one answer alone. */
export function note(failure: Failure): void {
  if (!isAboutKey(failure)) return;
  trouble.value = failure;
  askingForKey.value = true;
}

/** Asks the server which models it has. */
export async function look(): Promise<void> {
  try {
    models.value = await client.models(key.value);
    trouble.value = null;
    askingForKey.value = false;
  } catch (error) {
    const failure: Failure = error instanceof RequestFailed ? error.failure : { kind: "unreachable" };
    trouble.value = failure;
    note(failure);
  }
}

/** Tries a key, and keeps it only if the server takes it; else says why not. */
export async function tryKey(candidate: string): Promise<Failure | undefined> {
  try {
    models.value = await client.models(candidate);
  } catch (error) {
    return error instanceof RequestFailed ? error.failure : { kind: "unreachable" };
  }
  key.value = candidate;
  trouble.value = null;
  return undefined;
}
