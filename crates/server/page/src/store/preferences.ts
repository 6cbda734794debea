/** Small things that this browser remembers: language, colours, the API key, the settings used last. */
import { computed, effect, signal } from "@preact/signals";
import { sound } from "../conversation/settings";

export function load(name: string): string | null {
  try {
    return localStorage.getItem(`hefu.${name}`);
  } catch {
    return null; // Storage may be forbidden; then nothing is remembered.
  }
}

export function save(name: string, value: string): void {
  try {
    if (value) localStorage.setItem(`hefu.${name}`, value);
    else localStorage.removeItem(`hefu.${name}`);
  } catch {
    // As above.
  }
}

function kept<T extends string>(name: string, allowed: readonly T[], usual: T) {
  const found = load(name) as T | null;
  const value = signal<T>(found && allowed.includes(found) ? found : usual);
  effect(() => save(name, value.value === usual ? "" : value.value));
  return value;
}

export const language = kept("language", ["auto", "en", "zh"] as const, "auto");
export const colours = kept("colours", ["auto", "light", "dark"] as const, "auto");

const system = signal(false);
if (typeof matchMedia === "function") {
  const wanted = matchMedia("(prefers-color-scheme: dark)");
  system.value = wanted.matches;
  wanted.addEventListener("change", () => (system.value = wanted.matches));
}
/** Whether the page is dark now. */
export const dark = computed(() => (colours.value === "auto" ? system.value : colours.value === "dark"));

/** Which of its two things the Enter key does. */
export const enterKey = kept("enter", ["send", "line"] as const, "send");

/** The API key, if the server asked for one. */
export const key = signal(load("key") ?? "");
effect(() => save("key", key.value));

/** The settings that a new conversation begins with. */
export const lastSettings = signal(sound(parsed(load("settings"))));
effect(() => save("settings", JSON.stringify(lastSettings.value)));

export function parsed(text: string | null): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
