/** Code with its language's words in colours. The colours come as a tree, whose texts become text nodes. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { later } from "../later";
import { CopyButton } from "../view/CopyButton";
import { words } from "../words";

/** Longer code stays in one colour: it would hold the page up. */
const LONGEST = 60_000;

const library = later(async () => {
  const { common, createLowlight } = await import("lowlight");
  return createLowlight(common);
});

type Node = ReturnType<ReturnType<typeof import("lowlight").createLowlight>["highlight"]>["children"][number];

export function Code({ text, language }: { text: string; language: string }) {
  return (
    <figure class="code">
      <figcaption>
        <span>{language}</span>
        <CopyButton text={text} label={words.value.copyCode} />
      </figcaption>
      <Coloured text={text} language={language} />
    </figure>
  );
}

export function Coloured({ text, language }: { text: string; language: string }) {
  const name = language.toLowerCase();
  const colours = name && text.length <= LONGEST ? library() : undefined;
  const shown = useMemo<ComponentChildren>(
    () => (colours?.registered(name) ? colours.highlight(name, text).children.map(element) : text),
    [colours, name, text],
  );
  return (
    <pre tabIndex={0}>
      <code>{shown}</code>
    </pre>
  );
}

function element(node: Node, index: number): ComponentChildren {
  if (node.type === "text") return node.value;
  if (node.type !== "element") return null;
  const names = node.properties.className;
  return (
    <span key={index} class={Array.isArray(names) ? names.join(" ") : undefined}>
      {(node.children as Node[]).map(element)}
    </span>
  );
}
