import type { Token } from "marked";
import { describe, expect, it } from "vitest";
import { cut } from "../../src/markdown/cut";
import { notesOf } from "../../src/markdown/footnotes";

/** All tokens of a text, inner ones too, as `type:what`. */
function formulas(text: string): string[] {
  const found: string[] = [];
  const walk = (tokens: Token[]) => {
    for (const token of tokens) {
      if (token.type === "formula") found.push(`${token.display ? "apart" : "within"} ${token.source}`);
      if ("tokens" in token && token.tokens) walk(token.tokens);
      if (token.type === "list") walk(token.items);
    }
  };
  walk(cut(text));
  return found;
}

describe("formulas", () => {
  it.each([
    ["\\(a^2\\) and \\(b\\,c\\)", ["within a^2", "within b\\,c"]],
    ["\\[ E = mc^2 \\]", ["apart E = mc^2"]],
    ["$$\nx\n\ny\n$$", ["apart x\n\ny"]],
    ["so $$x$$ then", ["apart x"]],
    ["the sum is\n\\[\n\\sum_i x_i\n\\]\nas said", ["apart \\sum_i x_i"]],
    ["\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}", ["apart \\begin{align}\na &= b \\\\\nc &= d\n\\end{align}"]],
    ["$x_1 * y_2 * z_3$", ["within x_1 * y_2 * z_3"]],
    ["- a $x$\n- b", ["within x"]],
    ["它等于$x$。", ["within x"]],
    ["costs $5 and $10", []],
    ["from $5–$10 a piece", []],
    ["US$5 to US$10b", []],
    ["`$x$` and `\\(y\\)`", []],
    ["```\n$$x$$\n```", []],
    ["$ x $ and $$ $$", []],
    ["unfinished \\(x and $y", []],
    ["a backslash \\\\(x\\\\)", []],
    ["\\$x\\$", []],
  ])("%j has %j", (text, expected) => {
    expect(formulas(text)).toEqual(expected);
  });

  it("keep the text around them", () => {
    const text = "a \\(x\\) b $y$ c\n\n\\[z\\]\n\nd";
    expect(cut(text).map(({ raw }) => raw).join("")).toBe(text);
  });

  it("of hostile length end soon", () => {
    for (const text of ["\\(".repeat(30_000), "$a".repeat(30_000), "$$".repeat(30_001), "\\begin{align}".repeat(5000), "[^1]".repeat(20_000)]) {
      expect(cut(text).map(({ raw }) => raw).join("").length).toBe(text.length);
    }
  });
});

describe("footnotes", () => {
  it("are numbered by their first reference; what nothing refers to is left out", () => {
    const tokens = cut("One[^b], two[^a], again[^b], none[^c].\n\n[^a]: *A*\n[^b]: B\n  goes on\n[^d]: D");
    expect(notesOf(tokens).map(({ name }) => name)).toEqual(["b", "a"]);
  });
});
