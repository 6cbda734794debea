/** Sentences of the server in the page's language. */

/**
 * The server's sentences and what they are in Chinese; `{}` stands for what differs from one to the next, in the same order in both.
 * A test holds the English to the server's source.
 */
export const SENTENCES: readonly (readonly [string, string])[] = [
  ["this server needs an API key, in the header Authorization: Bearer KEY", "此服务器需要 API 密钥"],
];

const known = SENTENCES.map(([english, chinese]) => [new RegExp(`^${english.split("{}").map(escaped).join("(.*?)")}$`, "s"), chinese] as const);

/** A sentence of the server in a language, if it is known there. English is what the server speaks. */
export function translated(sentence: string, language: string): string | undefined {
  if (language === "en") return sentence;
  for (const [pattern, chinese] of known) {
    const parts = pattern.exec(sentence);
    if (!parts) continue;
    let at = 0;
    return chinese.replace(/\{\}/g, () => parts[++at] ?? "");
  }
  return undefined;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
