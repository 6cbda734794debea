/** Settings under a name, for conversations to come. */
import { effect, signal } from "@preact/signals";
import { NUMBERS, sound } from "../conversation/settings";
import type { Settings } from "../conversation/types";
import * as conversations from "./conversations";
import { parsed, load, save } from "./preferences";

export interface Preset {
  name: string;
  /** All but the model: a preset serves every model. */
  settings: Omit<Settings, "model">;
}

/** Most characters of a name. */
export const LONGEST_NAME = 60;

function stored(value: unknown): Preset[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: { name?: unknown; settings?: unknown } | null) => {
    if (typeof each?.name !== "string" || !each.name) return [];
    const { model: _, ...settings } = sound(each.settings);
    return [{ name: each.name.slice(0, LONGEST_NAME), settings }];
  });
}

export const presets = signal(stored(parsed(load("presets"))));
effect(() => save("presets", presets.value.length > 0 ? JSON.stringify(presets.value) : ""));

/** The preset that the settings of the conversation on show are equal to. */
export function current(): Preset | undefined {
  return presets.value.find(({ settings }) => same(settings, conversations.settings.value));
}

export function use(preset: Preset): void {
  const emptied = Object.fromEntries(NUMBERS.map(({ name }) => [name, undefined]));
  conversations.set({ ...emptied, ...preset.settings });
}

/** Keeps the settings of the conversation on show under a name; a preset of the same name gives way. */
export function keep(name: string): void {
  const { model: _, ...settings } = conversations.settings.value;
  const others = presets.value.filter((each) => each.name !== name);
  presets.value = [...others, { name, settings }].sort((a, b) => a.name.localeCompare(b.name));
}

export function remove(name: string): void {
  presets.value = presets.value.filter((each) => each.name !== name);
}

function same(a: Omit<Settings, "model">, b: Settings): boolean {
  return a.system === b.system && NUMBERS.every(({ name }) => a[name] === b[name]);
}
