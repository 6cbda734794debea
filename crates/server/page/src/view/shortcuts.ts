/** Keyboard shortcuts of the whole page. */

export type Shortcut = "fresh" | "search" | "list" | "settings" | "focus" | "copy" | "again" | "goOn" | "help";

/** `Mod` is Ctrl, and on Apple's machines Command. A single sign works only outside of fields. */
export const SHORTCUTS: readonly { name: Shortcut; keys: readonly string[] }[] = [
  { name: "focus", keys: ["/"] },
  { name: "fresh", keys: ["Mod+Shift+O"] },
  { name: "search", keys: ["Mod+K"] },
  { name: "list", keys: ["Mod+B"] },
  { name: "settings", keys: ["Mod+,"] },
  { name: "copy", keys: ["Alt+C"] },
  { name: "again", keys: ["Alt+R"] },
  { name: "goOn", keys: ["Alt+G"] },
  { name: "help", keys: ["Mod+/", "?"] },
];

const isApple = typeof navigator === "object" && /Mac|iPhone|iPad/.test(navigator.platform);

/** A shortcut as it is written on this machine's keys. */
export function named(keys: string): string {
  return isApple ? keys.replace("Mod", "⌘").replace("Alt", "⌥") : keys.replace("Mod", "Ctrl");
}

/** The shortcut that a key press is. */
export function shortcutOf(event: KeyboardEvent): Shortcut | undefined {
  if (event.isComposing || event.repeat) return undefined;
  return SHORTCUTS.find(({ keys }) => keys.some((each) => matches(event, each)))?.name;
}

function matches(event: KeyboardEvent, keys: string): boolean {
  const parts = keys.split("+");
  const key = parts.at(-1)!;
  const [mod, alt, shift] = ["Mod", "Alt", "Shift"].map((each) => parts.includes(each));
  if ((event.ctrlKey || event.metaKey) !== mod || event.altKey !== alt) return false;
  if (parts.length === 1) return event.key === key && !isField(event.target);
  // Other layouts and Option write other letters; the key's place tells.
  return event.shiftKey === shift && (event.key.toUpperCase() === key || (/^[A-Z]$/.test(key) && event.code === `Key${key}`));
}

function isField(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
}
