/** The language of the page: the person's choice, else the browser's. */
import { computed, effect } from "@preact/signals";
import { language } from "../store/preferences";
import { en, type Words } from "./en";
import { zh } from "./zh";

export const words = computed<Words>(() => {
  const chosen = language.value === "auto" ? (navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag)) ?? "en") : language.value;
  return chosen.toLowerCase().startsWith("zh") ? zh : en;
});

export type { Words };

effect(() => {
  document.documentElement.lang = words.value.code;
});

/** A number as people of this language write it. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString(words.value.code, { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
