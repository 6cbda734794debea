// A small server of tools: MCP over streamable HTTP, as a browser may ask it.
import { createServer } from "node:http";

const TOOLS = [
  { name: "echo", description: "Says it again.", inputSchema: { type: "object", properties: { text: { type: "string" }, times: { type: "integer" } } } },
  { name: "break.it", description: "Always fails.", inputSchema: { type: "object" } },
];

/** `origin`: the page that may ask; `token`: what it must show. Returns its address, the calls that came, and `close`. */
export async function startTools({ origin = "*", token = "" } = {}) {
  const state = { calls: [], tools: structuredClone(TOOLS) };
  const server = createServer((request, response) => void handle(request, response, state, origin, token).catch(() => response.destroy()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => (server.close(), server.closeAllConnections());
  return { address: `http://127.0.0.1:${server.address().port}/mcp`, state, close };
}

async function handle(request, response, state, origin, token) {
  const cors = { "access-control-allow-origin": origin, "access-control-expose-headers": "Mcp-Session-Id" };
  if (request.method === "OPTIONS") {
    return response.writeHead(204, { ...cors, "access-control-allow-headers": "*, authorization", "access-control-allow-methods": "POST" }).end();
  }
  let body = "";
  for await (const piece of request) body += piece;
  if (token && request.headers.authorization !== `Bearer ${token}`) return response.writeHead(401, cors).end("no token");
  const { id, method, params } = JSON.parse(body);
  const json = (result) => {
    response.writeHead(200, { ...cors, "content-type": "application/json", "mcp-session-id": "session-1" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  };
  if (method === "initialize") return json({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "test", version: "1" } });
  if (request.headers["mcp-session-id"] !== "session-1") return response.writeHead(400, cors).end("no session");
  if (id === undefined || method === undefined) return response.writeHead(202, cors).end();
  if (method === "tools/list") return params.cursor ? json({ tools: state.tools.slice(1) }) : json({ tools: state.tools.slice(0, 1), nextCursor: "2" });
  state.calls.push(params);
  // Answers to calls come as a stream, with a question of the server's own before them.
  response.writeHead(200, { ...cors, "content-type": "text/event-stream" });
  response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: "server-1", method: "ping" })}\n\n`);
  const broken = params.name === "break.it";
  const text = broken ? "It broke, as it should." : `${params.arguments.text} <b>${params.arguments.times}</b>`;
  response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: broken } })}\n\n`);
}
