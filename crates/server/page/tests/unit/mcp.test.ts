import { describe, expect, it } from "vitest";
import { LONGEST_RESULT, Session } from "../../src/mcp/protocol";

type Answer = (message: { id?: number; method: string; params?: Record<string, unknown> }) => Response | undefined;

const json = (id: unknown, result: unknown, headers = {}) =>
  new Response(JSON.stringify({ jsonrpc: "2.0", id, result }), { headers: { "content-type": "application/json", ...headers } });

/** A session with a server that answers so; what was asked is kept. */
function session(answer: Answer) {
  const asked: { method?: string; headers: Record<string, string>; body: unknown }[] = [];
  const fetch = async (_: unknown, init?: RequestInit) => {
    const body = JSON.parse(String(init?.body));
    asked.push({ method: body.method, headers: init?.headers as Record<string, string>, body });
    if (body.method === "initialize") return json(body.id, { protocolVersion: "2025-03-26" }, { "mcp-session-id": "s" });
    return answer(body) ?? new Response(null, { status: 202 });
  };
  return { asked, session: new Session("http://tools/mcp", "t", fetch as typeof globalThis.fetch) };
}

const signal = new AbortController().signal;

describe("a server of tools", () => {
  it("is greeted, and asked page by page, with its session and version in the headers", async () => {
    const { asked, session: opened } = session(({ id, method, params }) => {
      if (method !== "tools/list") return undefined;
      return params?.cursor ? json(id, { tools: [{ name: "b", inputSchema: { type: "object" } }] }) : json(id, { tools: [{ name: "a" }, { no: 1 }], nextCursor: "2" });
    });
    expect((await opened.open(signal)).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(asked.map(({ method }) => method)).toEqual(["initialize", "notifications/initialized", "tools/list", "tools/list"]);
    expect(asked[0]!.headers).not.toHaveProperty("mcp-session-id");
    expect(asked[2]!.headers).toMatchObject({ "mcp-session-id": "s", "mcp-protocol-version": "2025-03-26", authorization: "Bearer t" });
  });

  it.each([
    [{ content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] }, "a\nb"],
    [{ content: [{ type: "resource", resource: { uri: "u", text: "r" } }] }, "r"],
    [{ content: [{ type: "image", mimeType: "image/png", data: "x" }] }, "[image, image/png: not shown to a model that reads text]"],
    [{ structuredContent: { a: 1 } }, '{"a":1}'],
    [{ content: "x" }, ""],
    [null, ""],
  ])("gives %j as %j", async (result, text) => {
    const { session: opened } = session(({ id }) => json(id, result));
    expect(await opened.call("t", {}, signal)).toBe(text);
  });

  it("may answer as a stream, and ask for a sign of life in between", async () => {
    const { asked, session: opened } = session(({ id, method }) => {
      if (method !== "tools/call") return undefined;
      const events = [{ id: 9, method: "ping" }, { id: 8, method: "sampling/createMessage" }, { method: "notifications/progress" }, { id, result: { content: [{ type: "text", text: "符" }] } }];
      return new Response(events.map((event) => `data: ${JSON.stringify({ jsonrpc: "2.0", ...event })}\n\n`).join(""), { headers: { "content-type": "text/event-stream" } });
    });
    expect(await opened.call("t", {}, signal)).toBe("符");
    expect(asked.slice(1).map(({ body }) => body)).toMatchObject([{ id: 9, result: {} }, { id: 8, error: { code: -32601 } }]);
  });

  it("that reports an error, or is none, is told", async () => {
    const fails = async (answer: Answer) => session(answer).session.call("t", {}, signal).then(() => "went well", (error: Error & { kind?: string }) => `${error.kind} ${error.message}`);
    expect(await fails(({ id }) => json(id, { isError: true, content: [{ type: "text", text: "no" }] }))).toBe("refused no");
    expect(await fails(({ id }) => new Response(JSON.stringify({ jsonrpc: "2.0", id, error: { code: 1, message: "unknown tool" } })))).toBe("refused unknown tool");
    expect(await fails(() => new Response("gone", { status: 404 }))).toBe("refused HTTP 404: gone");
    expect(await fails(() => new Response("<html>"))).toBe("no-mcp no-mcp");
    expect(await fails(() => json(77, {}))).toBe("no-mcp no-mcp");
    expect(await fails(() => new Response(new Uint8Array(9 * 1024 * 1024)))).toBe("too-large too-large");
    const long = await session(({ id }) => json(id, { content: [{ type: "text", text: "x".repeat(LONGEST_RESULT + 1) }] })).session.call("t", {}, signal);
    expect(long).toContain("[cut off here: the result has 64001 characters]");
  });
});
