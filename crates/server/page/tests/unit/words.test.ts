import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SENTENCES, translated } from "../../src/words/server";

/** The text of all Rust files of a crate, with strings that go over several lines put together. */
function source(crate: string): string {
  const folder = new URL(`../../../../${crate}/src/`, import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".rs"));
  return files.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n").replace(/\\\n\s*/g, "").replaceAll('\\"', '"');
}

describe("the server's sentences", () => {
  const sources = ["server", "answer", "engine", "text"].map(source).join("\n");

  it.each(SENTENCES)("%s", (english, chinese) => {
    expect(chinese.match(/\{\}/g)?.length ?? 0).toBeLessThanOrEqual(english.match(/\{\}/g)?.length ?? 0);
    // What is advised behind a semicolon may stand elsewhere than what is wrong.
    for (const part of english.split(/\{\}|(?=; )/).map((part) => part.trim())) {
      expect(sources.includes(part), part).toBe(true);
    }
  });

  it("come in Chinese with what they name", () => {
    expect(translated('there is no model "x" here; the models are a, b', "zh-CN")).toBe('这里没有模型 "x"，现有模型：a, b。');
    expect(translated("something else", "zh-CN")).toBeUndefined();
    expect(translated("something else", "en")).toBe("something else");
    const greedy = "a has no chat template, so it cannot hold a conversation; use /v1/completions, or start the server with --template";
    expect(translated(greedy, "zh-CN")).toContain("a 没有对话模板");
  });
});
