/**
 * The Model Context Protocol over streamable HTTP, as far as tools need it: `initialize`, `tools/list`, `tools/call`.
 *
 * The protocol's own library is not used: it brings a compiler of schemas that makes code from text, which the page's policy forbids,
 * and is larger than the whole page.
 *
 * Source: the specification of 2025-06-18, “Transports” and “Tools”.
 */
import { EventReader } from "../api/sse";

const VERSION = "2025-06-18";
/** Most bytes of one answer. */
const LARGEST = 8 * 1024 * 1024;
/** Most tools of one server, and most pages in which it lists them. */
const MOST_TOOLS = 128;
const MOST_PAGES = 32;
/** Most characters of a result that go to the model. */
export const LONGEST_RESULT = 64_000;

/** A tool as its server describes it. */
export interface Tool {
  name: string;
  title?: string;
  description?: string;
  inputSchema: Record<string, unknown>;
}

/** Why a server could not be used: `unreachable` also where the browser does not let the answer through. */
export type Trouble = "unreachable" | "refused" | "no-mcp" | "too-large" | "too-slow";

export class ToolTrouble extends Error {
  constructor(
    readonly kind: Trouble,
    detail = "",
  ) {
    super(detail || kind);
  }
}

interface Message {
  id?: unknown;
  method?: unknown;
  result?: unknown;
  error?: { message?: unknown } | null;
}

/** A session with one server. */
export class Session {
  private last = 0;
  private session: string | undefined;
  private version: string | undefined;

  constructor(
    private readonly address: string,
    private readonly token: string,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** Begins the session and lists the tools. */
  async open(signal: AbortSignal): Promise<Tool[]> {
    this.session = undefined;
    this.version = undefined;
    const hello = { protocolVersion: VERSION, capabilities: {}, clientInfo: { name: "hefu-page", version: "1" } };
    const welcome = (await this.ask("initialize", hello, signal)) as { protocolVersion?: unknown } | null;
    if (typeof welcome?.protocolVersion !== "string") throw new ToolTrouble("no-mcp");
    this.version = welcome.protocolVersion;
    await this.post({ jsonrpc: "2.0", method: "notifications/initialized" }, signal);
    const tools: Tool[] = [];
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES && tools.length < MOST_TOOLS; page += 1) {
      const list = (await this.ask("tools/list", cursor === undefined ? {} : { cursor }, signal)) as { tools?: unknown; nextCursor?: unknown } | null;
      tools.push(...(Array.isArray(list?.tools) ? list.tools.flatMap(tool) : []));
      cursor = list?.nextCursor;
      if (typeof cursor !== "string") break;
    }
    return tools.slice(0, MOST_TOOLS);
  }

  /** Calls a tool; a result that says it is an error is thrown. */
  async call(name: string, input: Record<string, unknown>, signal: AbortSignal): Promise<string> {
    const result = (await this.ask("tools/call", { name, arguments: input }, signal)) as { content?: unknown; structuredContent?: unknown; isError?: unknown } | null;
    const text = textOf(result?.content) || (result?.structuredContent === undefined ? "" : JSON.stringify(result.structuredContent));
    const shown = text.length > LONGEST_RESULT ? `${text.slice(0, LONGEST_RESULT)}\n[cut off here: the result has ${text.length} characters]` : text;
    if (result?.isError === true) throw new ToolTrouble("refused", shown || "the tool reports an error");
    return shown;
  }

  private async ask(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const id = ++this.last;
    const answer = await this.post({ jsonrpc: "2.0", id, method, params }, signal, id);
    if (!answer) throw new ToolTrouble("no-mcp");
    if (answer.error) throw new ToolTrouble("refused", typeof answer.error.message === "string" ? answer.error.message : "");
    return answer.result;
  }

  /** Sends one message; with `id`, waits for the answer to it. */
  private async post(message: unknown, signal: AbortSignal, id?: number): Promise<Message | undefined> {
    const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    if (this.session) headers["mcp-session-id"] = this.session;
    if (this.version) headers["mcp-protocol-version"] = this.version;
    let response: Response;
    try {
      response = await this.fetch(this.address, { method: "POST", headers, body: JSON.stringify(message), signal, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
    } catch {
      throw new ToolTrouble(signal.aborted ? "too-slow" : "unreachable");
    }
    this.session = response.headers.get("mcp-session-id") ?? this.session;
    if (!response.ok) {
      const said = (await response.text().catch(() => "")).trim().slice(0, 200);
      throw new ToolTrouble("refused", `HTTP ${response.status}${said ? `: ${said}` : ""}`);
    }
    if (id === undefined) {
      void response.body?.cancel();
      return undefined;
    }
    try {
      for await (const found of messages(response)) {
        if (found.id === id && found.method === undefined) return found;
        // The server asks something of its own, of which only a sign of life can be given.
        if (found.method !== undefined && found.id !== undefined) void this.post(replyTo(found), signal).catch(() => {});
      }
    } catch (error) {
      if (error instanceof ToolTrouble) throw error;
      throw new ToolTrouble(signal.aborted ? "too-slow" : "unreachable");
    }
    return undefined;
  }
}

function replyTo({ id, method }: Message): unknown {
  if (method === "ping") return { jsonrpc: "2.0", id, result: {} };
  return { jsonrpc: "2.0", id, error: { code: -32601, message: "this client only calls tools" } };
}

/** The messages of a response, which is one JSON value or a stream of events. */
async function* messages(response: Response): AsyncGenerator<Message> {
  const isStream = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const events = new EventReader();
  let whole = "";
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      size += value?.length ?? 0;
      if (size > LARGEST) throw new ToolTrouble("too-large");
      const piece = done ? decoder.decode() : decoder.decode(value, { stream: true });
      if (!isStream) whole += piece;
      else for (const data of events.push(piece)) yield* parsed(data);
      if (done) break;
    }
    if (!isStream) yield* parsed(whole);
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(text: string): Message[] {
  try {
    const value = JSON.parse(text) as Message | Message[] | null;
    return (Array.isArray(value) ? value : [value]).filter((each): each is Message => typeof each === "object" && each !== null);
  } catch {
    throw new ToolTrouble("no-mcp");
  }
}

function tool(given: { name?: unknown; title?: unknown; description?: unknown; inputSchema?: unknown } | null): Tool[] {
  if (typeof given?.name !== "string" || !given.name) return [];
  const schema = typeof given.inputSchema === "object" && given.inputSchema ? (given.inputSchema as Record<string, unknown>) : { type: "object" };
  const found: Tool = { name: given.name, inputSchema: schema };
  if (typeof given.title === "string") found.title = given.title;
  if (typeof given.description === "string") found.description = given.description;
  return [found];
}

/** The texts of a result; of what is none, its kind. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return "";
  const parts = content.map((part: { type?: unknown; text?: unknown; uri?: unknown; mimeType?: unknown; resource?: { text?: unknown; uri?: unknown } | null } | null) => {
    if (typeof part?.text === "string") return part.text;
    if (typeof part?.resource?.text === "string") return part.resource.text;
    const what = [part?.type, part?.mimeType, part?.uri ?? part?.resource?.uri].filter((each) => typeof each === "string").join(", ");
    return `[${what || "something"}: not shown to a model that reads text]`;
  });
  return parts.join("\n");
}
