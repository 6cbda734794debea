/**
 * Markdown as elements.
 *
 * `marked` only cuts the text into tokens; every token becomes an element here, and its text a text node. No HTML is ever
 * parsed: what looks like HTML in a model's text is shown as it stands. Images are links, so that nothing is fetched.
 */
import type { Token, Tokens } from "marked";
import { Component, createContext, type ComponentChildren } from "preact";
import { useContext, useId, useMemo } from "preact/hooks";
import { words } from "../words";
import { Code } from "./Code";
import { cut } from "./cut";
import { Diagram } from "./Diagram";
import { notesOf, type Note } from "./footnotes";
import { Formula } from "./Formula";
import { harmless } from "./links";
import { ScrolledTable } from "./Table";

/** Headings in an answer stand below the page's own. */
const FIRST_HEADING = 3;

/** The entities that models write; others are shown as they stand. */
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", nbsp: "\u00a0" };

/** The notes of a text, and what makes their places' names its own. */
const Notes = createContext<{ notes: Note[]; prefix: string }>({ notes: [], prefix: "" });

export function Markdown({ text }: { text: string }) {
  const prefix = useId();
  const { tokens, notes } = useMemo(() => {
    const found = cut(text);
    return { tokens: found, notes: notesOf(found) };
  }, [text]);
  const names = notes.map(({ name }) => name).join(" ");
  const context = useMemo(() => ({ notes, prefix }), [names, prefix]);
  return (
    <Notes.Provider value={context}>
      <div class="markdown">
        {tokens.map((token, index) => (
          <Block key={index} token={token} />
        ))}
        {notes.length > 0 && (
          <section class="footnotes" aria-label={words.value.footnotes}>
            <ol>
              {notes.map((note, index) => (
                <li key={note.name} id={`${prefix}-note-${index}`} tabIndex={-1}>
                  {blocks(note.tokens)}
                  <Jump to={`${prefix}-reference-${index}`} label={words.value.backToText}>
                    ↩
                  </Jump>
                </li>
              ))}
            </ol>
          </section>
        )}
      </div>
    </Notes.Provider>
  );
}

/** A way to another place of the same text. Not a link: addresses name conversations here. */
function Jump({ to, label, children }: { to: string; label: string; children: ComponentChildren }) {
  const jump = () => {
    const place = document.getElementById(to);
    place?.scrollIntoView({ block: "center" });
    place?.focus({ preventScroll: true });
  };
  return (
    <button type="button" class="link jump" title={label} aria-label={label} onClick={jump}>
      {children}
    </button>
  );
}

function Reference({ name, raw }: { name: string; raw: string }) {
  const { notes, prefix } = useContext(Notes);
  const at = notes.findIndex((note) => note.name === name);
  if (at < 0) return <>{raw}</>;
  return (
    <sup id={`${prefix}-reference-${at}`} tabIndex={-1}>
      <Jump to={`${prefix}-note-${at}`} label={words.value.footnote(String(at + 1))}>
        {at + 1}
      </Jump>
    </sup>
  );
}

/** One block. While an answer grows, only its last one changes. */
class Block extends Component<{ token: Token }> {
  shouldComponentUpdate({ token }: { token: Token }) {
    return token.raw !== this.props.token.raw || token.type !== this.props.token.type;
  }

  render() {
    return <>{block(this.props.token)}</>;
  }
}

function block(token: Token): ComponentChildren {
  switch (token.type) {
    case "space":
    case "def":
    case "note":
      return null;
    case "heading": {
      const Heading = `h${Math.min(6, token.depth + FIRST_HEADING - 1)}` as "h3";
      return <Heading>{inlines(token.tokens)}</Heading>;
    }
    case "paragraph":
      return <p>{inlines(token.tokens)}</p>;
    case "code":
      return fenced(token as Tokens.Code);
    case "formula":
      return (
        <p>
          {inline(token)}
          {token.after}
        </p>
      );
    case "blockquote":
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case "list":
      return <List list={token as Tokens.List} />;
    case "table":
      return <Table table={token as Tokens.Table} />;
    case "hr":
      return <hr />;
    case "html":
      return <p>{token.raw.trim()}</p>;
    default:
      return inline(token);
  }
}

/** Code between fences; some languages are shown as what they describe. */
function fenced(token: Tokens.Code): ComponentChildren {
  const language = (token.lang ?? "").split(/\s/, 1)[0] ?? "";
  const whole = /(?:^|\n) {0,3}(?:`{3,}|~{3,})\s*$/.test(token.raw.slice(token.raw.indexOf("\n") + 1));
  if (language === "mermaid") return <Diagram text={token.text} whole={whole} />;
  if (language === "math" && whole && token.text.trim()) return <Formula source={token.text} raw={token.text} display />;
  return <Code text={token.text} language={language} />;
}

function blocks(tokens: Token[] | undefined): ComponentChildren {
  return tokens?.map((token, index) => <Block key={index} token={token} />);
}

function inlines(tokens: Token[] | undefined): ComponentChildren {
  return tokens?.map(inline);
}

function inline(token: Token): ComponentChildren {
  switch (token.type) {
    case "strong":
      return <strong>{inlines(token.tokens)}</strong>;
    case "em":
      return <em>{inlines(token.tokens)}</em>;
    case "del":
      return <del>{inlines(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "link":
      return <Link address={token.href}>{inlines(token.tokens)}</Link>;
    case "image":
      return <Link address={token.href}>{token.text || token.href}</Link>;
    case "checkbox":
      return <input type="checkbox" checked={token.checked} aria-label="✓" disabled />;
    case "formula":
      return <Formula source={token.source} raw={token.raw.trim()} display={token.display} />;
    case "reference":
      return <Reference name={token.name} raw={token.raw} />;
    case "escape":
      return token.text;
    case "text":
      return token.tokens ? inlines(token.tokens) : decoded(token.text);
    default:
      return token.raw;
  }
}

function decoded(text: string): string {
  return text.replace(/&(#39|[a-z]+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}

function Link({ address, children }: { address: string; children: ComponentChildren }) {
  const href = harmless(address);
  if (!href) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function List({ list }: { list: Tokens.List }) {
  const items = list.items.map((item, index) => (
    <li key={index} class={item.task ? "task" : undefined}>
      {item.tokens.map((token) => (token.type === "text" || token.type === "checkbox" ? inline(token) : block(token)))}
    </li>
  ));
  return list.ordered ? <ol start={Number(list.start) || undefined}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ table }: { table: Tokens.Table }) {
  const cell = (Cell: "th" | "td") => (each: Tokens.TableCell, index: number) => (
    <Cell key={index} class={each.align ? `align-${each.align}` : undefined}>
      {inlines(each.tokens)}
    </Cell>
  );
  return (
    <ScrolledTable label={table.header.map((each) => each.text).join(", ")}>
      <thead>
        <tr>{table.header.map(cell("th"))}</tr>
      </thead>
      <tbody>
        {table.rows.map((row, index) => (
          <tr key={index}>{row.map(cell("td"))}</tr>
        ))}
      </tbody>
    </ScrolledTable>
  );
}
