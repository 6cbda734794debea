/** What is asked of `/v1/trace`, and what it tells. */
import { ofResponse, RequestFailed } from "../api/failures";
import { canBeKey } from "../api/client";
import type { Parameters } from "./sampling";

export interface Token {
  id: number;
  text: string;
}

export interface Told extends Token {
  logit: number;
  share: number;
}

/** Why a token was chosen, as the server tells it. */
export interface Step {
  position: number;
  id: number;
  /** The probability of the token by the model's own logits. */
  share: number;
  stages: { clause: string; name: string; left: number; best: Told[] }[];
  draw: null | { random: string; point: string; total: string; stretches: { id: number; weight: string }[] };
}

/** A value of the program at some positions. */
export interface Seen {
  name: string;
  layer: number | null;
  heads?: number[];
  positions: number[];
  numbers?: number[][];
  best?: Told[][];
}

export interface Trace {
  id: string | null;
  model: string;
  system_fingerprint: string;
  seed: string;
  parameters: Omit<Parameters, "seed">;
  prompt_tokens: number;
  tokens: Token[];
  steps: Step[];
  values: Seen[];
  timings?: { queue_ms?: number; cache_n?: number; prompt_n?: number; prompt_ms?: number; predicted_n?: number; predicted_ms?: number };
}

/** What can be seen of a model, and what its operations take for one token. */
export interface Visible {
  model: string;
  data: { name: string; layers: number[]; numbers: number | null; heads: number; kind: string }[];
  products?: Product[];
  operations?: { layer: number | null; name: string; weight_bytes: number; multiply_adds: number }[];
  /** What was measured of its steps; null before, absent where nothing can be. */
  measured?: Measured | null;
}

/** A step of the device, in all layers and for all tokens that were measured. */
export interface MeasuredStep {
  operation: string;
  bytes: number;
  seconds: number;
  /** The least time in which this machine could do it, and what it is bound by. */
  limit_seconds: number;
  bound: "memory" | "int8" | "f32" | "nothing";
  /** `limit_seconds / seconds`. */
  achieved: number;
}

/** Every step for some tokens of an answer, and what the machine could do meanwhile, as `hefu gap` measures them. */
export interface Measured {
  isa: string;
  threads: number;
  prompt: number;
  steps: number;
  /** Steps above their limit by more than clocks and neighbours explain. */
  faults: string[];
  limits: { read_bytes: number; int8_multiply_adds: number; f32_multiply_adds: number };
  all: MeasuredStep;
  operations: MeasuredStep[];
}

/** A value each of whose numbers is the sum of a row of weights times a row of numbers. */
export interface Product {
  name: string;
  layer: number | null;
  input: string;
  input_layer: number | null;
  weight: number;
  bias: number | null;
  tensor: string;
  format: string;
  rows: number;
}

/** A row of a weight as the file has it: bytes as hexadecimal digits, and what they stand for. */
export interface WeightRow {
  tensor: string;
  format: string;
  block_elements: number;
  block_bytes: number;
  bytes: string;
  numbers: number[];
  sub_blocks: { integers: number[]; scale: number; minimum: number | null }[];
}

export interface Wish {
  name: string;
  layers?: number[];
  heads?: number[];
  positions?: number[];
  best?: number;
}

/** What is asked: a conversation or a text, with its settings. */
export interface Question {
  model?: string;
  messages?: { role: string; content: string }[];
  prompt?: string;
  seed?: number;
  temperature?: number;
  max_tokens?: number;
  top_k?: number;
  top_p?: number;
  min_p?: number;
}

/** Candidates that are told of each token of a branch. */
const BRANCH = 8;

async function ask(path: string, key: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  if (!canBeKey(key)) throw new RequestFailed({ kind: "bad-key" });
  const headers = { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const init = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(path, { ...init, cache: "no-store", credentials: "same-origin", ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestFailed({ kind: "unreachable" });
  }
  if (response.ok) return response;
  const failure = await ofResponse(response);
  throw new RequestFailed(failure.kind === "key" && !key ? { ...failure, kind: "no-key" } : failure);
}

/** Has the model answer and says why each token was chosen. */
export async function answered(question: Question, candidates: number, key: string, signal?: AbortSignal): Promise<Trace> {
  return (await ask("v1/trace", key, { ...question, candidates }, signal)).json() as Promise<Trace>;
}

/** What is asked of an answer that is there: the prompt's tokens, and the answer's. */
function again({ tokens, prompt_tokens, model, seed, parameters }: Trace): object {
  const ids = tokens.map(({ id }) => id);
  // The settings make no difference to the numbers.
  return { model, prompt: ids.slice(0, prompt_tokens), answer: ids.slice(prompt_tokens), temperature: parameters.temperature, seed: Number(seed) % 2 ** 53, candidates: 0 };
}

/** Something that is changed on the way: a value off, numbers added to it, or numbers in its place. */
export interface Edit {
  off?: string;
  add?: string;
  put?: string;
  layers?: number[];
  heads?: number[];
  positions?: number[];
  numbers?: number[];
}

/** Another way on: these tokens continued, by the settings of the question, perhaps by an edited model. */
export async function branch(question: Question, trace: Trace, prompt: number[], tokens: number, edits: Edit[], key: string): Promise<Trace> {
  const { messages: _, ...settings } = question;
  const body = { ...settings, model: trace.model, seed: Number(trace.seed), prompt, max_tokens: tokens, candidates: BRANCH, ...(edits.length ? { edits } : {}) };
  return (await ask("v1/trace", key, body)).json() as Promise<Trace>;
}

/** Why the token at a position would be chosen by an edited model. */
export async function changed(trace: Trace, edits: Edit[], position: number, key: string): Promise<Trace> {
  return (await ask("v1/trace", key, { ...again(trace), edits, candidates: BRANCH, steps: [position] })).json() as Promise<Trace>;
}

/** A value's row at the end of a text. */
export async function rowOf(model: string, text: string, name: string, layer: number, key: string): Promise<number[]> {
  const tokens = (await (await ask("tokenize", key, { model, content: text, add_special: true })).json()) as { tokens: number[] };
  const last = tokens.tokens.length - 1;
  const body = { model, prompt: tokens.tokens, answer: [], candidates: 0, values: [{ name, layers: [layer], positions: [last] }] };
  const found = (await (await ask("v1/trace", key, body)).json()) as Trace;
  return found.values[0]?.numbers?.[0] ?? [];
}

/** Values of an answer. */
export async function values(trace: Trace, wishes: Wish[], key: string, signal?: AbortSignal): Promise<Seen[]> {
  const found = (await (await ask("v1/trace", key, { ...again(trace), values: wishes }, signal)).json()) as Trace;
  return found.values;
}

/** The logits by which the token at a position was chosen. */
export async function logits(trace: Trace, position: number, key: string, signal?: AbortSignal): Promise<Float32Array> {
  const body = { ...again(trace), values: [{ name: "logits", positions: [position - 1] }], format: "safetensors" };
  const tensors = tensorsIn(await (await ask("v1/trace", key, body, signal)).arrayBuffer());
  const found = tensors.get("logits");
  if (!found) throw new RequestFailed({ kind: "server" });
  return found;
}

export async function visible(key: string, model?: string): Promise<Visible> {
  return (await ask(model ? `v1/trace/${encodeURIComponent(model)}` : "v1/trace", key)).json() as Promise<Visible>;
}

/** Whether the first model can hold a conversation; one without a template can only continue a text. */
export async function converses(key: string): Promise<boolean> {
  return ((await (await ask("props", key)).json()) as { chat_template: string | null }).chat_template !== null;
}

/** A row of a weight, by the weight's number among the program's. */
export async function weightRow(model: string, weight: number, row: number, key: string, signal?: AbortSignal): Promise<WeightRow> {
  return (await ask("v1/weights", key, { model, weight, row }, signal)).json() as Promise<WeightRow>;
}

/** Has the steps of a model measured, which takes seconds; refused while others are answered. */
export async function measured(model: string, key: string): Promise<Measured> {
  return ((await (await ask("v1/cost", key, { model })).json()) as { measured: Measured }).measured;
}

export async function receipt(id: string, key: string): Promise<string> {
  return (await ask(`v1/receipts/${encodeURIComponent(id)}`, key)).text();
}

/** The tensors of a safetensors file, all of F32. */
export function tensorsIn(file: ArrayBuffer): Map<string, Float32Array> {
  const length = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length))) as Record<string, { data_offsets?: [number, number] }>;
  const tensors = new Map<string, Float32Array>();
  for (const [name, { data_offsets }] of Object.entries(header)) {
    if (!data_offsets || name === "__metadata__") continue;
    const [from, to] = data_offsets;
    tensors.set(name, new Float32Array(file.slice(8 + length + from, 8 + length + to)));
  }
  return tensors;
}
