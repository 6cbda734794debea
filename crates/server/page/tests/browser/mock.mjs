// A small server that speaks what the page needs of the API. What it answers is decided by the last message, and by the
// seed: the same seed gives the same answer.
//
//     node tests/browser/mock.mjs        serves dist/ on a free port and prints the address
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const DIST = new URL("../../dist/", import.meta.url);
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", mjs: "text/javascript", css: "text/css", svg: "image/svg+xml", woff2: "font/woff2" };
const policy = (name) => readFileSync(new URL(`../../policies/${name}.txt`, import.meta.url), "utf8").trim();

/** The rules of a file, as the real server gives them. */
function rules(name, query) {
  if (name === "diagram.html") return policy("diagram");
  if (name.startsWith("tools-")) return policy("tools").replace("ORIGIN", query.get("to") ?? "'none'");
  return policy("page");
}

export const MARKDOWN = `## Merging two lists

Take the **smaller** head each time; see \`merge\` and *compare*:

\`\`\`python
def merge(a, b):
    while a and b:
        yield (a if a[0] <= b[0] else b).pop(0)
    yield from a or b  # a long line, so that it must scroll sideways on a phone and never the page
\`\`\`

1. one
2. two
   - nested

> Quoted &amp; kept.

| size | time |
| ---- | ---: |
| 10   | 1 ms |
| 1000 | 90 ms |

- [x] done
- [ ] open

[a site](https://example.com/a) ~~gone~~`;

export const RICH = `Inline \\(a^2 + b^2\\), a thin space \\(a\\,b\\), money: $5 and $10, and $x_1 < y$.

$$
\\int_0^1 x^2 \\, dx = \\frac{1}{3}
$$

\\[ E = mc^2 \\]

A broken one: $\\frac{1$ stays, \\(\\href{javascript:window.hacked=6}{x}\\) too.

\`\`\`mermaid
flowchart LR
  A[Start] --> B{Choice}
  B -->|yes| C[Good]
  B -->|no| D[Again]
\`\`\`

\`\`\`mermaid
this is no diagram
\`\`\`

\`\`\`rust
// A comment
fn main() { let x: u32 = 42; println!("hello {x}"); }
\`\`\`

A claim[^1] and another[^note], and one without a note[^none].

[^1]: The *first* note.
[^note]: The second.

| one | two | three | four | five | six | seven | eight | nine | ten |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| unbreakable-1 | unbreakable_2 | unbreakable_3 | unbreakable_4 | unbreakable_5 | unbreakable_6 | unbreakable_7 | unbreakable_8 | unbreakable_9 | unbreakable_ten |
`;

export const HOSTILE = `<img src=x onerror="window.hacked=1"> <script>window.hacked=2</script>

[click](javascript:window.hacked=3) ![picture](https://example.com/track.png) <b>bold?</b>

<div onclick="window.hacked=4">block</div>

[data](data:text/html,<script>window.hacked=5</script>) [own](/v1/models)`;

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Starts the server. `key`: the API key that it asks for. Returns its address, what it was asked, and `close`. */
export async function start({ key = "", port = 0, pace = 4 } = {}) {
  const asked = [];
  const state = { key, models: ["qwen2.5-coder-0.5b-instruct", "gemma-3-270m"], open: 0, count: 0, context: 32768 };
  const server = createServer((request, response) => {
    handle(request, response, asked, state, pace).catch(() => response.destroy());
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)));
  return { url: `http://127.0.0.1:${server.address().port}/`, asked, state, close };
}

async function handle(request, response, asked, state, pace) {
  const url = new URL(request.url, "http://x");
  const path = url.pathname;
  if (!path.startsWith("/v1/") && path !== "/tokenize") return file(url, response);
  if (state.key && request.headers.authorization !== `Bearer ${state.key}`) {
    return fail(response, 401, "This server needs an API key.");
  }
  if (path === "/tokenize") {
    const ask = JSON.parse(await bodyOf(request));
    return json(response, 200, { count: countOf(ask.messages), tokens: [] });
  }
  if (path === "/v1/models") {
    const data = state.models.map((id) => ({ id, object: "model", created: 1, owned_by: "hefu", meta: { n_ctx: state.context } }));
    return json(response, 200, { object: "list", data });
  }
  if (path.startsWith("/v1/receipts/")) {
    const id = path.split("/").pop();
    return id.endsWith("1") ? json(response, 200, { id, version: 1 }) : fail(response, 404, "no such receipt");
  }
  if (path === "/v1/chat/completions") {
    const ask = JSON.parse(await bodyOf(request));
    asked.push(ask);
    state.open += 1;
    response.on("close", () => (state.open -= 1));
    return answer(ask, response, state, pace);
  }
  return fail(response, 404, `there is nothing at ${path}`);
}

async function bodyOf(request) {
  let body = "";
  for await (const piece of request) body += piece;
  return body;
}

/** Words stand for tokens here. */
const countOf = (messages) => messages.reduce((sum, { content }) => sum + pieces(content ?? "").length + 3, 0);

async function answer(ask, response, state, pace) {
  const begun = ask.continue_final_message ? ask.messages.pop() : undefined;
  const said = ask.messages.at(-1).content;
  state.count += 1;
  const prompt = countOf(ask.messages);
  if (prompt >= state.context) {
    return fail(response, 400, `the prompt is too long: it has ${prompt} tokens, but this model's maximum context length is ${state.context} tokens, and the answer needs at least one of them; shorten the prompt or start the server with a larger --context`, {}, "context_length_exceeded");
  }
  if (said.includes("refuse")) return fail(response, 400, '"top_k" must be a whole number.');
  if (said.includes("busy") && state.count % 2) return fail(response, 429, "The queue is full.", { "retry-after": "2" });
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const chunk = (delta, more = {}) => ({
    id: `chatcmpl-0199c0de-7a11-7000-8000-00000000000${state.count % 10}`,
    object: "chat.completion.chunk",
    created: 1,
    model: ask.model,
    system_fingerprint: "hefu1-6f1d0c3a9be27754a1c04d9e52b7f380",
    choices: delta ? [{ index: 0, delta, finish_reason: null, ...more }] : [],
    ...(said.includes("label") ? { aigc: { Label: "1", ContentProducer: "hefu-test" } } : {}),
  });
  const send = (value) => response.write(`data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`);
  send(chunk({ role: "assistant", content: "" }));
  const call = callFor(said, ask, state);
  if (call) {
    send(chunk({ tool_calls: [{ index: 0, id: `call_${state.count}`, type: "function", function: { name: call.name, arguments: "" } }] }));
    for (const piece of call.arguments.match(/.{1,6}/gs)) send(chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] }));
    send(chunk({}, { finish_reason: "tool_calls" }));
    return void (send("[DONE]"), response.end());
  }
  // Without a pace, lines come at once.
  const all = pace === 0 ? textFor(said, ask, state).match(/[^\n]*\n|[^\n]+$/g) : pieces(textFor(said, ask, state));
  const from = begun ? pieces(begun.content).length : 0;
  const room = Math.min(ask.max_tokens ?? Infinity, state.context - prompt);
  const text = all.slice(from, from + room);
  let tokens = 0;
  if (said.includes("reason")) {
    for (const word of pieces("First I look at the question. **Then** I answer it.")) {
      send(chunk({ reasoning_content: word, reasoning: word }));
      tokens += 1;
      await wait(pace);
    }
  }
  for (const word of text) {
    if (response.destroyed) return;
    const likely = { token: word, logprob: tokens % 3 ? -0.01 : -1.2, top_logprobs: [{ token: word, logprob: tokens % 3 ? -0.01 : -1.2 }, { token: " other", logprob: -2 }] };
    send(chunk({ content: word }, ask.logprobs ? { logprobs: { content: [likely] } } : {}));
    tokens += 1;
    if (said.includes("break") && tokens > 3) {
      // A browser drops what it has not read yet when a connection breaks; here it shall have read it.
      await wait(200);
      return response.destroy();
    }
    if (said.includes("quota") && tokens > 3) {
      send({ error: { message: "The model's memory ran out.", code: 500 } });
      return response.end();
    }
    await wait(pace);
  }
  send(chunk({}, { finish_reason: from + text.length < all.length ? "length" : "stop" }));
  if (ask.stream_options?.include_usage) {
    const timings = { queue_ms: 3, cache_n: 5, prompt_n: prompt - 5, prompt_ms: 500, predicted_n: tokens, predicted_ms: (tokens - 1) * 50 };
    send({ ...chunk(null), usage: { prompt_tokens: prompt, completion_tokens: tokens, total_tokens: prompt + tokens }, timings });
  }
  send("[DONE]");
  response.end();
}

/** The call that the model makes, if it is offered tools and asked to use one. */
function callFor(said, ask, state) {
  if (!ask.tools || !said.includes("use ")) return undefined;
  const name = /use (\S+)/.exec(said)[1];
  return { name, arguments: JSON.stringify({ text: `call ${state.count}`, times: 2 }) };
}

function textFor(said, ask, state) {
  if (said.includes("markdown")) return MARKDOWN;
  if (said.includes("rich")) return RICH;
  if (said.includes("hostile")) return HOSTILE;
  if (said.includes("drift")) return `This is answer number ${state.count}.`;
  if (said.includes("endless")) return "word ".repeat(4000);
  if (ask.messages.at(-1).role === "tool") return `The tool said: ${said}`;
  const sampled = ask.temperature === 0 ? "greedy" : `seed ${ask.seed}`;
  return `You said: ${said} (${sampled}; ${ask.messages.length} messages)`;
}

/** Words with the space before them, as tokens are. */
function pieces(text) {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

async function file(url, response) {
  const name = url.pathname === "/" ? "index.html" : url.pathname.slice(1);
  if (!/^[\w.-]+\.[a-z\d]+$/.test(name)) return fail(response, 404, "no such file");
  const body = await readFile(new URL(name, DIST)).catch(() => null);
  if (!body) return fail(response, 404, "no such file");
  const type = TYPES[name.split(".").pop()] ?? "application/octet-stream";
  response.writeHead(200, { "content-type": type, "content-security-policy": rules(name, url.searchParams), "x-content-type-options": "nosniff" });
  response.end(body);
}

function json(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function fail(response, status, message, headers, code = null) {
  json(response, status, { error: { message, type: "invalid_request_error", param: null, code } }, headers);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start({ port: Number(process.argv[2] ?? 0), pace: 30 });
  console.log(url);
}
