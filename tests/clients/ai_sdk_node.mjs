// The AI SDK, by way of Chat completions, Responses and Messages. Prints what the Python scripts print: see checks.py.
import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, streamText, tool } from "ai";
import { z } from "zod";

const { HEFU_URL: url, HEFU_KEY: key, HEFU_MODEL: name, HEFU_SHARED: shared } = process.env;
const { system, question, settings } = JSON.parse(shared);
const compatible = createOpenAICompatible({ name: "hefu", baseURL: `${url}/v1`, apiKey: key, supportsStructuredOutputs: true })(name);
const responses = createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).responses(name);
const messages = createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(name);
const asked = { system, prompt: question, maxOutputTokens: settings.max_tokens, temperature: settings.temperature, seed: settings.seed, maxRetries: 0 };
const greedy = { temperature: 0, maxOutputTokens: 200, maxRetries: 0 };
const city = z.object({ name: z.string(), inhabitants: z.number().int() });
const same = {};

const checks = [
  ["chat", async () => { same.question = (await generateText({ model: compatible, ...asked })).text; }],
  ["stream", async () => {
    let text = "";
    for await (const part of streamText({ model: compatible, ...asked }).textStream) text += part;
    assert.equal(text, (await generateText({ model: compatible, ...asked })).text);
  }],
  ["chat", async () => assert.ok((await generateText({ model: messages, system, prompt: question, ...greedy })).text)],
  ["responses", async () => {
    const first = await generateText({ model: responses, prompt: "My name is Ada.", ...greedy });
    const history = [{ role: "user", content: "My name is Ada." }, ...first.response.messages, { role: "user", content: "What is my name?" }];
    assert.match((await generateText({ model: responses, messages: history, ...greedy })).text, /Ada/);
  }],
  ["tools: required", async () => {
    const weather = tool({ description: "The weather of a city", inputSchema: z.object({ city: z.string() }) });
    const more = { tools: { weather }, toolChoice: "required", prompt: "What is the weather in Paris?" };
    const answer = await generateText({ model: compatible, ...more, ...greedy });
    assert.equal(typeof answer.toolCalls[0].input.city, "string");
  }],
  ["schema", async () => {
    const { object } = await generateObject({ model: compatible, schema: city, prompt: "Paris has two million inhabitants.", ...greedy });
    assert.equal(typeof object.name, "string");
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
