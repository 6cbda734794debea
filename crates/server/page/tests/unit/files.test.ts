import { describe, expect, it } from "vitest";
import { read, textOf } from "../../src/attach/read";
import { pageText } from "../../src/attach/pdf-text";
import { beginning } from "../../src/conversation/beginning";
import { cutBy, speeds } from "../../src/conversation/ends";
import { question, sent } from "../../src/conversation/sent";
import * as sound from "../../src/conversation/sound";
import type { Message, Origin } from "../../src/conversation/types";
import { conversationsIn, newOnes } from "../../src/import";

describe("files", () => {
  it.each([
    [[0x61, 0x0d, 0x0a, 0x62], "a\nb"],
    [[0xef, 0xbb, 0xbf, 0x61], "a"],
    [[0xff, 0xfe, 0x61, 0x00], "a"],
    [[0xfe, 0xff, 0x7b, 0x26], "符"],
    [[0xd0, 0xd5], "姓"],
    [[0x1b, 0x5b, 0x6d], "\u001b[m"],
  ])("of bytes %j are the text %j", (bytes, text) => {
    expect(textOf(new Uint8Array(bytes))).toBe(text);
  });

  it.each([[[0x50, 0x4b, 3, 4, 0, 0]], [[0xff, 0xff, 0xff]], [[0x00]]])("of bytes %j are no text", (bytes) => {
    expect(textOf(new Uint8Array(bytes))).toEqual({ refused: "no-text" });
  });

  it("are told by their names", async () => {
    expect(await read(new File(["a,b"], "a.CSV"))).toEqual({ name: "a.CSV", kind: "table", text: "a,b", size: 3 });
    expect(await read(new File(["  "], "a.txt"))).toBe("empty");
  });

  it("of PDF keep lines and paragraphs", () => {
    const line = (str: string, at: number) => [{ str, height: 10, transform: [1, 0, 0, 1, 0, at] }, { str: "", hasEOL: true }];
    expect(pageText([...line("one", 100), ...line("two", 88), ...line("three", 60)])).toBe("one\ntwo\n\nthree");
  });

  it("stand before the question, between fences longer than any of theirs", () => {
    const { content } = question("why?", [{ name: "a.md", kind: "text", text: "````\n", size: 5 }]);
    expect(content).toBe("a.md\n`````\n````\n`````\n\nwhy?");
  });
});

describe("what is sent", () => {
  it("has calls with their outcome, and no answer that says nothing", () => {
    const call = { id: "1", name: "f", arguments: "{}" };
    const path: Message[] = [
      { id: "q", parent: null, role: "user", text: "q", created: 1 },
      { id: "e", parent: "q", role: "assistant", text: "", created: 1 },
      { id: "a", parent: "e", role: "assistant", text: "", created: 1, calls: [{ ...call, state: "done", result: "r" }, { ...call, id: "2", state: "failed", result: "no" }] },
    ];
    expect(sent(path).map(({ role, content }) => `${role} ${content}`)).toEqual(["user q", "assistant ", "tool r", "tool The call failed: no"]);
  });
});

describe("an answer's end", () => {
  const origin = (more: Partial<Origin>): Origin => ({ model: "", settings: { model: "", system: "" }, seed: 1, finish: "length", promptTokens: 50, tokens: 10, ...more });

  it.each([
    [origin({ finish: "stop" }), undefined],
    [origin({ context: 60 }), "context"],
    [origin({ context: 60, settings: { model: "", system: "", max_tokens: 10 } }), "context"],
    [origin({ context: 100, settings: { model: "", system: "", max_tokens: 10 } }), "max_tokens"],
    [origin({ context: 100, settings: { model: "", system: "", max_tokens: 20 } }), "limit"],
    [origin({}), "limit"],
  ])("%j is by %s", (given, by) => {
    expect(cutBy(given)).toBe(by);
  });

  it("gives speeds only where there is something to measure", () => {
    const timings = { queue: 0, cached: 0, promptTokens: 100, prompt: 500, tokens: 11, answer: 500 };
    expect(speeds(origin({ timings }))).toEqual({ prompt: 200, answer: 20 });
    expect(speeds(origin({ timings: { ...timings, promptTokens: 4, tokens: 5, answer: 1 } }))).toEqual({ prompt: undefined, answer: undefined });
    expect(speeds(origin({}))).toEqual({});
  });
});

describe("imported conversations", () => {
  const message = { id: "a", parent: null, role: "user", text: "hi", created: 1 };
  const file = (...conversations: unknown[]) => JSON.stringify({ format: "hefu-conversations", version: 1, conversations });
  const whole = { id: "x", title: "t", named: false, created: 1, changed: 2, settings: { model: "", system: "" }, messages: [message], leaf: "a" };

  it("are those that a page exported", () => {
    expect(conversationsIn(file(whole))).toEqual([whole]);
    expect([conversationsIn("x"), conversationsIn("[]"), conversationsIn("null"), conversationsIn(file())]).toEqual(["no-json", "other-format", "other-format", "empty"]);
  });

  it("come once, and beside one that has changed", () => {
    const found = sound.conversation({ ...whole, allowed: ["everything"] })!;
    expect(newOnes([found], [])).toEqual([whole]);
    expect(newOnes([found], [found])).toEqual([]);
    const [copy] = newOnes([{ ...found, messages: [...found.messages, { ...found.messages[0]!, id: "b", parent: "a" }] }], [found]);
    expect(copy!.id).not.toBe("x");
  });

  it("keep only what has its shape", () => {
    const odd = sound.conversation({
      id: "x",
      messages: [message, { ...message, id: "a" }, { ...message, id: "b", parent: "c" }, { ...message, id: "d", role: "tool" }, { ...message, id: "e", parent: "a", role: "assistant", state: "x", origin: { model: "m", seed: -1 }, calls: [{ id: "1" }], files: [1] }, 7],
      leaf: "nowhere",
    });
    expect(odd!.messages).toEqual([message, { id: "e", parent: "a", role: "assistant", text: "hi", created: 1, state: "done" }]);
    expect(odd!.leaf).toBe("e");
    expect(sound.conversation({ id: "", messages: [] })).toBeUndefined();
  });
});

describe("long texts", () => {
  it("are shown by their beginning", () => {
    expect(beginning("short\ntext")).toBeUndefined();
    expect(beginning("x".repeat(1601))).toBe("x".repeat(900));
    expect(beginning("a\n".repeat(30))).toBe("a\n".repeat(10).trim());
    expect(beginning("😀".repeat(1000))).toBe("😀".repeat(900));
  });
});
