/** The settings that a person may change: names, ranges and what they are when nobody said anything. */
import type { Settings } from "./types";

export type NumberName = "temperature" | "top_p" | "top_k" | "min_p" | "seed" | "max_tokens";

export interface NumberSetting {
  name: NumberName;
  least: number;
  most: number;
  whole: boolean;
  /** What the server takes where neither person nor model file says anything. */
  usual?: number;
}

/** As the server accepts them; the seed only as far as a number here is exact. */
export const NUMBERS: readonly NumberSetting[] = [
  { name: "temperature", least: 0, most: 100, whole: false, usual: 0.8 },
  { name: "top_p", least: 0, most: 1, whole: false, usual: 0.95 },
  { name: "top_k", least: 0, most: 4294967295, whole: true, usual: 40 },
  { name: "min_p", least: 0, most: 1, whole: false, usual: 0.05 },
  { name: "seed", least: 0, most: Number.MAX_SAFE_INTEGER, whole: true },
  { name: "max_tokens", least: 1, most: 4294967295, whole: true },
];

export const NOTHING_SET: Settings = { model: "", system: "" };

/** What a field's text says: a number, `undefined` for an empty field, or `null` for what is no number in range. */
export function read(setting: NumberSetting, text: string): number | undefined | null {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const value = Number(trimmed);
  const fits = Number.isFinite(value) && value >= setting.least && value <= setting.most;
  return fits && (!setting.whole || Number.isSafeInteger(value)) ? value : null;
}

/** Settings that were stored or imported; whatever does not fit is left out. */
export function sound(stored: unknown): Settings {
  const given = (typeof stored === "object" && stored ? stored : {}) as Record<string, unknown>;
  const settings: Settings = {
    model: typeof given.model === "string" ? given.model : "",
    system: typeof given.system === "string" ? given.system : "",
  };
  for (const setting of NUMBERS) {
    const value = given[setting.name];
    const number = typeof value === "number" ? read(setting, String(value)) : undefined;
    if (typeof number === "number") settings[setting.name] = number;
  }
  return settings;
}

/** A new seed: 32 random bits. */
export function newSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
