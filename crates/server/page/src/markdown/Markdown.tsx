/**
 * Markdown as elements.
 *
 * `marked` only cuts the text into tokens; every token becomes an element here, and its text a text node. No HTML is ever
 * parsed: what looks like HTML in a model's text is shown as it stands. Images are links, so that nothing is fetched.
 */
import { lexer, type Token, type Tokens } from "marked";
import { Component, type ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { CopyButton } from "../view/CopyButton";
import { words } from "../words";
import { harmless } from "./links";

/** Headings in an answer stand below the page's own. */
const FIRST_HEADING = 3;

/** Quotes in quotes and lists in lists beyond what anybody writes: nesting that would exhaust the stack. */
const DEEP = /^(?:[ \t]*(?:>|[-*+] |\d{1,9}[.)] )){24}|^[ \t]{200}/m;

/** The entities that models write; others are shown as they stand. */
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", nbsp: "\u00a0" };

export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => cut(text), [text]);
  return (
    <div class="markdown">
      {tokens.map((token, index) => (
        <Block key={index} token={token} />
      ))}
    </div>
  );
}

/** A text's blocks. What nests too deeply to be cut is shown as it stands. */
export function cut(text: string): Token[] {
  if (DEEP.test(text)) return plain(text);
  try {
    return lexer(text, { gfm: true, breaks: true });
  } catch {
    return plain(text);
  }
}

function plain(text: string): Token[] {
  return text.split(/\n{2,}/).map((raw) => ({ type: "paragraph", raw, text: raw, tokens: [{ type: "text", raw, text: raw }] }));
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
      return null;
    case "heading": {
      const Heading = `h${Math.min(6, token.depth + FIRST_HEADING - 1)}` as "h3";
      return <Heading>{inlines(token.tokens)}</Heading>;
    }
    case "paragraph":
      return <p>{inlines(token.tokens)}</p>;
    case "code":
      return <Code text={token.text} language={(token.lang ?? "").split(/\s/, 1)[0] ?? ""} />;
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
      return <input type="checkbox" checked={token.checked} disabled />;
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
    <div class="table" tabIndex={0} role="region" aria-label={table.header.map((each) => each.text).join(", ")}>
      <table>
        <thead>
          <tr>{table.header.map(cell("th"))}</tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={index}>{row.map(cell("td"))}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Code({ text, language }: { text: string; language: string }) {
  return (
    <figure class="code">
      <figcaption>
        <span>{language}</span>
        <CopyButton text={text} label={words.value.copyCode} />
      </figcaption>
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </figure>
  );
}
