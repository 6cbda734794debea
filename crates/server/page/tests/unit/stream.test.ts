import { describe, expect, it } from "vitest";
import { ofEvent, ofResponse } from "../../src/api/failures";
import { EventReader } from "../../src/api/sse";

describe("server-sent events", () => {
  const stream = ": remark\r\ndata: one\n\ndata:two\rdata: lines\r\revent: x\nid: 1\n\ndata: 符\r\n\r\ndata: unfinished";

  it("come out the same however the stream is cut", () => {
    for (let size = 1; size <= stream.length; size += 1) {
      const reader = new EventReader();
      const found: string[] = [];
      for (let at = 0; at < stream.length; at += size) found.push(...reader.push(stream.slice(at, at + size)));
      expect(found).toEqual(["one", "two\nlines", "符"]);
    }
  });
});

describe("failures", () => {
  const of = (status: number, body: string, headers = {}) => ofResponse(new Response(body, { status, headers }));

  it("keep the server's own sentence", async () => {
    expect(await of(400, '{"error":{"message":"no such thing"}}')).toEqual({
      kind: "request",
      status: 400,
      sentence: "no such thing",
    });
    expect((await of(500, '{"error":"short"}')).sentence).toBe("short");
    expect((await of(502, "<html>Bad gateway</html>")).sentence).toBeUndefined();
    expect((await of(500, '{"error":null}')).sentence).toBeUndefined();
  });

  it("know what kind they are, and when to ask again", async () => {
    const kinds = await Promise.all([401, 403, 404, 413, 422, 429, 503, 500].map((status) => of(status, "")));
    expect(kinds.map(({ kind }) => kind)).toEqual(["key", "request", "missing", "too-large", "request", "busy", "loading", "server"]);
    expect((await of(429, "", { "retry-after": "1.2" })).retryAfter).toBe(2);
    expect((await of(429, "", { "retry-after": "tomorrow" })).retryAfter).toBeUndefined();
  });

  it("inside a stream are read alike", () => {
    expect(ofEvent({ message: "full", code: 429 })).toEqual({ kind: "busy", sentence: "full" });
    expect(ofEvent({ code: "context_length" })).toEqual({ kind: "server" });
    expect(ofEvent("broken")).toEqual({ kind: "server", sentence: "broken" });
  });
});
