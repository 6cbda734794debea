// What is asked of the server that serves the page: its model, by the interfaces that every program uses.

import { words } from "./words.js";

function kept(name) {
  try {
    return localStorage.getItem(`hefu.${name}`);
  } catch {
    return null; // Storage may be forbidden.
  }
}

async function ask(path, body) {
  const key = kept("key");
  const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  const request = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Error(words.unreachable);
  }
  const answer = await response.json().catch(() => null);
  if (response.status === 401) throw new Error(words.needsKey);
  if (!response.ok) throw new Error(answer?.error?.message ?? `${response.status}`);
  return { answer, headers: response.headers };
}

/** The tokens of a text: ids with their pieces. */
export async function tokens(text) {
  const { answer } = await ask("/tokenize", { content: text, with_pieces: true, parse_special: false });
  return answer.tokens;
}

/** One token after a text, with the likeliest candidates and their log-probabilities, best first. */
export async function next(prompt, { count = 10, ...settings } = {}) {
  const { answer } = await ask("/v1/completions", { prompt, max_tokens: 1, logprobs: count, temperature: 0, ...settings });
  const { tokens, top_logprobs } = answer.choices[0].logprobs ?? {};
  const candidates = Object.entries(top_logprobs?.[0] ?? {}).map(([token, logprob]) => ({ token, logprob }));
  // Objects of scripts put keys that are numbers first.
  candidates.sort((a, b) => b.logprob - a.logprob);
  return { chosen: tokens?.[0] ?? answer.choices[0].text, candidates, position: answer.usage.prompt_tokens };
}

/** A text continued. */
export async function complete(prompt, settings) {
  const { answer, headers } = await ask("/v1/completions", { prompt, ...settings });
  return { text: answer.choices[0].text, id: headers.get("x-hefu-answer-id") ?? answer.id, fingerprint: headers.get("x-hefu-fingerprint") };
}

/** An answer to a question; a model without a template continues the text instead. */
export async function reply(question, settings) {
  const { answer, headers } = await ask("/v1/chat/completions", { messages: [{ role: "user", content: question }], ...settings });
  const id = headers.get("x-hefu-answer-id") ?? answer.id;
  return { text: answer.choices[0].message.content ?? "", id, fingerprint: headers.get("x-hefu-fingerprint") };
}

/** The receipt of an answer. */
export async function receipt(id) {
  return (await ask(`/v1/receipts/${encodeURIComponent(id)}`)).answer;
}
