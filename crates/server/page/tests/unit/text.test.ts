import { describe, expect, it } from "vitest";
import { harmless } from "../../src/markdown/links";
import { sends } from "../../src/view/keys";
import { en } from "../../src/words/en";
import { zh } from "../../src/words/zh";

describe("addresses in a model's text", () => {
  it.each(["https://example.com/a?b=c", "http://example.com/", "mailto:a@example.com"])("%s may be a link", (address) => {
    expect(harmless(address)).toBe(address);
  });

  it.each(["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "/v1/models", "//host/x", "", "blob:x"])(
    "%s may not",
    (address) => {
      expect(harmless(address)).toBeUndefined();
    },
  );
});

describe("the Enter key", () => {
  const key = (more: object) => ({ key: "Enter", keyCode: 13, ...more }) as KeyboardEvent;

  it("sends, but not while a character is being chosen", () => {
    expect(sends(key({}), "send")).toBe(true);
    expect(sends(key({ shiftKey: true }), "send")).toBe(false);
    expect(sends(key({ isComposing: true }), "send")).toBe(false);
    expect(sends(key({ keyCode: 229 }), "send")).toBe(false);
  });

  it("makes a new line where a person wants that", () => {
    expect(sends(key({}), "line")).toBe(false);
    expect(sends(key({ ctrlKey: true }), "line")).toBe(true);
    expect(sends(key({ metaKey: true }), "line")).toBe(true);
  });
});

describe("the languages", () => {
  const shape = (value: unknown): unknown =>
    typeof value === "object" && value
      ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)]))
      : typeof value;

  it("have the same texts, none of them empty", () => {
    expect(shape(zh)).toEqual(shape(en));
    expect(JSON.stringify([en, zh])).not.toContain('""');
  });
});
