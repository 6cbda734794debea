// The OpenAI client for JavaScript. Prints what the Python scripts print: see checks.py.
import assert from "node:assert/strict";
import OpenAI from "openai";

const { HEFU_URL: url, HEFU_KEY: key, HEFU_MODEL: model, HEFU_TINY: tiny, HEFU_SHARED: shared } = process.env;
// What every client asks is written once, in checks.py.
const { messages, system, question, settings, weather, askWeather, count, tooLong } = JSON.parse(shared);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 120_000 });
const tools = [{ type: "function", function: { name: "weather", description: "The weather of a city", parameters: weather } }];
const ask = [{ role: "user", content: askWeather }];
const same = {};

const complete = (more) => client.chat.completions.create({ model, messages, ...settings, ...more });
const holds = (text) => {
  const found = JSON.parse(text);
  assert.deepEqual(Object.keys(found).sort(), ["city", "unit"]);
  return found;
};

const checks = [
  ["models", async () => {
    const names = [];
    for await (const each of client.models.list()) names.push(each.id);
    assert.ok(names.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  }],
  ["chat", async () => {
    const answer = await complete({});
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    same.question = answer.choices[0].message.content;
  }],
  ["stream", async () => {
    let [text, usage] = ["", null];
    for await (const chunk of await complete({ stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, (await complete({})).choices[0].message.content);
    assert.ok(usage.completion_tokens > 0);
    const runner = client.chat.completions.stream({ model, messages, ...settings });
    assert.equal(await runner.finalContent(), text);
  }],
  ["tools: auto", async () => {
    const { message } = (await complete({ messages: ask, tools, temperature: 0, max_tokens: 120 })).choices[0];
    assert.ok(message.content || message.tool_calls);
  }],
  ["tools: none", async () => {
    const { message } = (await complete({ messages: ask, tools, tool_choice: "none", temperature: 0 })).choices[0];
    assert.ok(message.content && !message.tool_calls);
  }],
  ["tools: required", async () => {
    const more = { messages: ask, tools, tool_choice: "required", parallel_tool_calls: false, temperature: 0, max_tokens: 200 };
    holds((await complete(more)).choices[0].message.tool_calls[0].function.arguments);
  }],
  ["tools: named", async () => {
    const tool_choice = { type: "function", function: { name: "weather" } };
    const runner = client.chat.completions.stream({ model, messages: ask, tools, tool_choice, temperature: 0 });
    holds((await runner.finalMessage()).tool_calls[0].function.arguments);
  }],
  ["tools: result", async () => {
    const more = { messages: ask, tools, tool_choice: "required", parallel_tool_calls: false, temperature: 0, max_tokens: 200 };
    const { message } = (await complete(more)).choices[0];
    const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: '{"degrees": 21}' };
    const said = await complete({ messages: [...ask, message, result], tools, tool_choice: "none", temperature: 0, max_tokens: 60 });
    assert.match(said.choices[0].message.content, /21/);
  }],
  ["schema", async () => {
    const response_format = { type: "json_schema", json_schema: { name: "weather", strict: true, schema: weather } };
    holds((await complete({ messages: ask, response_format, temperature: 0, max_tokens: 200 })).choices[0].message.content);
  }],
  ["error: model", () => assert.rejects(complete({ model: "no-such" }), { status: 404, code: "model_not_found" })],
  ["error: parameter", () => assert.rejects(complete({ colour: 1 }), { status: 400, param: "colour" })],
  ["error: too long", () =>
    assert.rejects(complete({ messages: [{ role: "user", content: tooLong }] }), { status: 400, code: "context_length_exceeded" })],
  ["error: key", () => assert.rejects(new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 }).models.list(), { status: 401 })],
  ["embeddings", async () => {
    const answer = await client.embeddings.create({ model: tiny, input: "one", encoding_format: "float" });
    same.embedding = answer.data[0].embedding.slice(0, 8).map((x) => x.toFixed(5));
    // The client asks for base64 by itself, and decodes it.
    const decoded = await client.embeddings.create({ model: tiny, input: ["one", "two"] });
    assert.equal(decoded.data[1].embedding.length, answer.data[0].embedding.length);
  }],
  ["completions", async () => {
    const answer = await client.completions.create({ model, prompt: "The capital of France is", temperature: 0, max_tokens: 8 });
    assert.match(answer.choices[0].text, /Paris/);
  }],
  ["responses", async () => {
    const body = { model, instructions: system, input: question, temperature: settings.temperature, seed: settings.seed, max_output_tokens: settings.max_tokens };
    const answer = await client.responses.create(body);
    same.question = answer.output_text;
    let text = "";
    for await (const event of await client.responses.create({ ...body, stream: true })) {
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    assert.equal(text, answer.output_text);
  }],
  ["logprobs", async () => {
    const { logprobs } = (await complete({ logprobs: true, top_logprobs: 2, max_tokens: 5, temperature: 0 })).choices[0];
    assert.deepEqual(logprobs.content.map((entry) => entry.top_logprobs.length), [2, 2, 2, 2, 2]);
  }],
  ["n", async () => assert.equal((await complete({ n: 3 })).choices.length, 3)],
  ["seed", async () => {
    const [a, b] = await Promise.all([complete({ temperature: 1.5 }), complete({ temperature: 1.5 })]);
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
  }],
  ["stop", async () => {
    const text = (await complete({ messages: count, temperature: 0, stop: ["7"] })).choices[0].message.content;
    assert.ok(text.includes("6") && !text.includes("7"), text);
  }],
];

for (const [check, run] of checks) {
  let why = "";
  try {
    await run();
  } catch (error) {
    console.error(error);
    why = `${error.name}: ${error.message}`.slice(0, 600);
  }
  console.log(JSON.stringify({ check, passed: why === "", why }));
}
console.log(JSON.stringify({ same }));
