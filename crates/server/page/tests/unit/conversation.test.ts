import { describe, expect, it } from "vitest";
import { difference, reaches } from "../../src/conversation/compare";
import { NUMBERS, read, sound } from "../../src/conversation/settings";
import * as tree from "../../src/conversation/tree";
import type { Conversation, Message } from "../../src/conversation/types";

const message = (id: string, parent: string | null, role: Message["role"] = "user", text = id): Message => ({
  id,
  parent,
  role,
  text,
  created: 1,
});

function of(...messages: Message[]): Conversation {
  return messages.reduce(tree.append, tree.empty({ model: "", system: "" }, 0));
}

const ids = (messages: Message[]) => messages.map(({ id }) => id).join(" ");

describe("the tree of messages", () => {
  const asked = of(message("q", null), message("a", "q", "assistant"), message("r", "a"), message("b", "r", "assistant"));

  it("shows the path to the newest message", () => {
    expect(ids(tree.path(asked))).toBe("q a r b");
  });

  it("keeps what was edited beside the new wording, and can go back to it", () => {
    const edited = tree.append(asked, message("r2", "a"));
    expect(ids(tree.path(edited))).toBe("q a r2");
    expect(ids(tree.siblings(edited, message("r2", "a")))).toBe("r r2");
    expect(ids(tree.path(tree.show(edited, "r")))).toBe("q a r b");
  });

  it("gives the path up to a message, with or without it", () => {
    expect(ids(tree.pathTo(asked, "r", true))).toBe("q a r");
    expect(ids(tree.pathTo(asked, "r", false))).toBe("q a");
  });

  it("ends on a tree that turns in a circle", () => {
    const circle = { ...asked, messages: [message("x", "y"), message("y", "x")], leaf: "x" };
    expect(ids(tree.path(circle))).toBe("y x");
  });

  it("takes its title from the first message, cut between characters, until a person names it", () => {
    const long = of(message("q", null, "user", `${"符".repeat(70)}\nmore`));
    expect(long.title).toBe("符".repeat(60) + "…");
    expect(of(message("q", null, "user", "  one\ntwo")).title).toBe("one");
    expect(tree.append({ ...long, title: "mine", named: true }, message("r", "q")).title).toBe("mine");
  });

  it("finds conversations that have all words, in any case", () => {
    const conversation = of(message("q", null, "user", "Merge two Lists"), message("a", "q", "assistant", "合符"));
    expect(tree.matches(conversation, "lists merge 合符")).toBe(true);
    expect(tree.matches(conversation, "lists absent")).toBe(false);
  });

  it("marks answers that a closed tab cut off", () => {
    const cut = of(message("q", null), { ...message("a", "q", "assistant"), state: "writing" });
    expect(tree.settle(cut).messages[1]?.state).toBe("stopped");
  });
});

describe("settings", () => {
  const named = (name: string) => NUMBERS.find((each) => each.name === name)!;

  it.each([
    ["temperature", "", undefined],
    ["temperature", " 0.7 ", 0.7],
    ["temperature", "hot", null],
    ["temperature", "-1", null],
    ["top_p", "1.01", null],
    ["top_k", "2.5", null],
    ["top_k", "1e400", null],
    ["seed", "9007199254740991", 9007199254740991],
    ["seed", "9007199254740993", null],
    ["max_tokens", "0", null],
  ])("reads %s from %j as %j", (name, text, value) => {
    expect(read(named(name), text)).toBe(value);
  });

  it("leaves out of stored settings what does not fit", () => {
    expect(sound({ model: 3, system: "s", temperature: "0", top_p: 7, top_k: 5, other: 1 })).toEqual({
      model: "",
      system: "s",
      top_k: 5,
    });
    expect(sound(null)).toEqual({ model: "", system: "" });
  });
});

describe("two answers side by side", () => {
  const said = (text: string, reasoning = "") => ({ text, reasoning });

  it.each([
    [said("abc"), said("abc"), true, undefined],
    [said("abc"), said("abd"), true, 3],
    [said("abc"), said("abcd"), true, 4],
    [said("abcd"), said("abc"), true, 4],
    [said("abc"), said("abcd"), false, undefined],
    [said("abc"), said("ab"), false, 3],
    [said("x", "why"), said("x", "who"), true, 3],
    [said("", "wh"), said("", "why not"), false, undefined],
    [said("一😀二"), said("一😀三"), true, 3],
  ])("%j and %j (whole: %j) differ at %j", (first, second, whole, at) => {
    expect(difference(first, second, whole)).toBe(at);
  });

  it("stops asking where the first answer stopped", () => {
    expect(reaches(said("ab", "long reasoning"), said("abc", "long reasoning"))).toBe(false);
    expect(reaches(said("abcd"), said("abc"))).toBe(true);
    expect(reaches(said("", "abc"), said("", "ab"))).toBe(true);
  });
});
