/** What is known of the server: whether it answers, and which models it offers. */
import { computed, signal } from "@preact/signals";
import * as client from "../api/client";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";
import { settings } from "./conversations";
import { key } from "./preferences";

export const models = signal<string[]>([]);
/** Why the list of models could not be had. */
export const trouble = signal<Failure | null>(null);
/** Whether the question for the API key is open. */
export const askingForKey = signal(false);

/** The model that answers next: the chosen one if the server has it, else the first. */
export const model = computed(() => {
  const chosen = settings.value.model;
  return models.value.includes(chosen) ? chosen : (models.value[0] ?? chosen);
});

/** Asks the server which models it has. */
export async function look(): Promise<void> {
  try {
    models.value = await client.models(key.value);
    trouble.value = null;
    askingForKey.value = false;
  } catch (error) {
    const failure: Failure = error instanceof RequestFailed ? error.failure : { kind: "unreachable" };
    trouble.value = failure;
    if (failure.kind === "key") askingForKey.value = true;
  }
}
