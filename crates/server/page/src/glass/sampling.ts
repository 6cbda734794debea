/**
 * The choice of a token as docs/readers/sampling.md defines it, clause by clause, from the model's own logits: to the bit what the engine
 * chooses. Tests hold it to the engine's explanations.
 */
import * as exact from "../../../../lessons/page/exact.js";

/** As the server tells them; the seed as text, for it has 64 bits. */
export interface Parameters {
  temperature: number;
  top_k: number;
  top_p: number;
  min_p: number;
  typical_p: number;
  repetition_penalty: number;
  repeat_last_n: number;
  presence_penalty: number;
  frequency_penalty: number;
  dry: { multiplier: number; base: number; allowed_length: number; penalty_last_n: number; breakers: number[][] };
  xtc: { probability: number; threshold: number };
  logit_bias: Record<string, number>;
  banned: number[];
  ignore_eos: number[];
  seed: string;
  min_keep: number;
}

/** A token in the running. */
export interface Candidate {
  id: number;
  logit: number;
  /** Its weight divided by that of all that are left, at temperature 1. */
  share: number;
}

/** What is in the running after a clause. */
export interface Stage {
  clause: string;
  name: string;
  left: number;
  best: Candidate[];
}

/** The draw of clause S16. */
export interface Draw {
  random: bigint;
  total: bigint;
  point: bigint;
  /** The stretches of the candidates, in their order. */
  stretches: { id: number; weight: number }[];
}

export interface Explanation {
  stages: Stage[];
  /** Missing where the likeliest token is taken. */
  draw?: Draw;
  id: number;
}

const f = Math.fround;
const MAX = 3.4028234663852886e38;

/** Ids with their logits, in the order of clause S6. */
class Candidates {
  constructor(
    readonly logits: Float32Array,
    readonly ids: number[],
  ) {}

  static of(logits: Float32Array): Candidates {
    const ids: number[] = [];
    for (let id = 0; id < logits.length; id++) if (logits[id]! > -Infinity) ids.push(id);
    return new Candidates(logits, ids.sort((a, b) => logits[b]! - logits[a]! || a - b));
  }

  logit(rank: number): number {
    return this.logits[this.ids[rank]!]!;
  }

  first(count: number): Candidates {
    return new Candidates(this.logits, this.ids.slice(0, count));
  }

  /** The weights of clause S4, in order. */
  weights(temperature = 1): number[] {
    const best = this.ids.length > 0 ? this.logit(0) : 0;
    return this.ids.map((id) => exact.weightOf(f(f(this.logits[id]! - best) / temperature)));
  }
}

/** A sum of weights, exact: numbers hold 53 bits, and each weight has 41. */
function sum(weights: number[]): bigint {
  let [high, low] = [0, 0];
  for (const weight of weights) {
    const upper = Math.floor(weight / 2 ** 20);
    high += upper;
    low += weight - upper * 2 ** 20;
  }
  return (BigInt(high) << 20n) + BigInt(low);
}

const reaches = (part: bigint, share: number, total: bigint) => Number(part) >= f(share) * Number(total);
const exceeds = (part: bigint, share: number, total: bigint) => Number(part) > f(share) * Number(total);

/** Changes a logit and brings it back between the greatest finite numbers; what is ruled out stays out. */
function change(logits: Float32Array, id: number, by: (logit: number) => number): void {
  const logit = logits[id];
  if (logit === undefined || logit === -Infinity) return;
  logits[id] = Math.min(MAX, Math.max(-MAX, by(logit)));
}

const last = (history: number[], count: number) => (count < 0 ? history : history.slice(history.length - Math.min(count, history.length)));

/** Clause S9. */
function penalise(logits: Float32Array, history: number[], p: Parameters): void {
  const counts = new Map<number, number>();
  for (const id of last(history, p.repeat_last_n)) counts.set(id, (counts.get(id) ?? 0) + 1);
  const repetition = f(p.repetition_penalty);
  for (const [id, count] of counts) {
    change(logits, id, (logit) => f(logit > 0 ? logit / repetition : logit * repetition));
    const taken = f(f(count * f(p.frequency_penalty)) + f(p.presence_penalty));
    change(logits, id, (logit) => f(logit - taken));
  }
}

/** `base^exponent` by squaring, from the exponent's lowest bit up. */
function power(base: number, exponent: number): number {
  let [result, square] = [1, base];
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

/** How many tokens follow the last breaker of a window. */
function afterBreaker(window: number[], breakers: number[][]): number {
  for (let at = window.length - 1; at >= 0; at--) {
    const fits = breakers.filter((breaker) => at + breaker.length <= window.length && breaker.every((id, i) => window[at + i] === id));
    if (fits.length > 0) return window.length - at - Math.max(...fits.map(({ length }) => length));
  }
  return window.length;
}

/** Clause S10. */
function dry(logits: Float32Array, history: number[], { multiplier, base, allowed_length, penalty_last_n, breakers }: Parameters["dry"]): void {
  const window = last(history, penalty_last_n);
  const limit = afterBreaker(window, breakers);
  const longest = new Map<number, number>();
  for (let j = 1; j < window.length; j++) {
    let m = 0;
    while (m < limit && m < j && window[j - 1 - m] === window[window.length - 1 - m]) m++;
    longest.set(window[j]!, Math.max(m, longest.get(window[j]!) ?? 0));
  }
  for (const [id, r] of longest) {
    if (r < allowed_length || breakers.some((breaker) => breaker.length === 1 && breaker[0] === id)) continue;
    const penalty = Math.min(f(f(multiplier) * power(f(base), r - allowed_length)), MAX);
    change(logits, id, (logit) => f(logit - penalty));
  }
}

/** Clause S12. */
function typical(candidates: Candidates, p: number, keep: number): Candidates {
  const weights = candidates.weights();
  const total = sum(weights);
  const surprise = (weight: number) => -f(exact.log64(weight / Number(total)));
  let entropy = 0;
  for (const weight of weights) if (weight > 0) entropy += (weight / Number(total)) * surprise(weight);
  const distance = weights.map((weight) => (weight === 0 ? Infinity : Math.abs(surprise(weight) - entropy)));
  const order = weights.map((_, rank) => rank).sort((a, b) => (distance[a] === distance[b] ? a - b : distance[a]! - distance[b]!));
  const kept: number[] = [];
  let part = 0n;
  for (const rank of order) {
    part += BigInt(weights[rank]!);
    kept.push(rank);
    if (kept.length >= keep && exceeds(part, p, total)) break;
  }
  return new Candidates(candidates.logits, kept.sort((a, b) => a - b).map((rank) => candidates.ids[rank]!));
}

/** Clause S13. */
function topP(candidates: Candidates, p: number, keep: number): Candidates {
  const weights = candidates.weights();
  const total = sum(weights);
  let part = 0n;
  for (let rank = 0; rank < weights.length; rank++) {
    part += BigInt(weights[rank]!);
    if (rank + 1 >= keep && reaches(part, p, total)) return candidates.first(rank + 1);
  }
  return candidates;
}

/** Clause S14. */
function minP(candidates: Candidates, p: number, keep: number): Candidates {
  const best = candidates.logit(0);
  for (let rank = keep; rank < candidates.ids.length; rank++) {
    if (f(exact.exp64(f(candidates.logit(rank) - best))) < f(p)) return candidates.first(rank);
  }
  return candidates;
}

/** Clause S15. */
function xtc(candidates: Candidates, { threshold }: Parameters["xtc"], keep: number): Candidates {
  const weights = candidates.weights();
  const total = sum(weights);
  let likely = 0;
  while (likely < weights.length && reaches(BigInt(weights[likely]!), threshold, total)) likely++;
  const removed = Math.max(0, likely - 1);
  return candidates.ids.length - removed >= keep ? new Candidates(candidates.logits, candidates.ids.slice(removed)) : candidates;
}

const uniform = (bits: bigint) => Number(bits >> 11n) * 2 ** -53;

/** All clauses up to the temperature, and what they leave. */
function narrow(logits: Float32Array, history: number[], position: number, p: Parameters, most: number): { stages: Stage[]; left: Candidates } {
  const stages: Stage[] = [];
  let adjusted = logits;
  let candidates = Candidates.of(logits);
  const told = (clause: string, name: string) => {
    const weights = candidates.weights();
    const total = Number(sum(weights));
    const best = candidates.ids.slice(0, most).map((id, rank) => ({ id, logit: candidates.logit(rank), share: weights[rank]! / total }));
    stages.push({ clause, name, left: candidates.ids.length, best });
  };
  const adjust = (clause: string, name: string, by: (logits: Float32Array) => void) => {
    adjusted = adjusted.slice();
    by(adjusted);
    candidates = Candidates.of(adjusted);
    told(clause, name);
  };
  told("S1", "logits");
  const banned = [...p.banned, ...p.ignore_eos];
  if (banned.length > 0) adjust("S7", "banned", (logits) => banned.forEach((id) => id < logits.length && (logits[id] = -Infinity)));
  const biases = Object.entries(p.logit_bias);
  if (biases.length > 0) adjust("S8", "logit_bias", (logits) => biases.forEach(([id, bias]) => change(logits, Number(id), (logit) => f(logit + f(bias)))));
  if (p.repetition_penalty !== 1 || p.presence_penalty !== 0 || p.frequency_penalty !== 0) adjust("S9", "penalties", (logits) => penalise(logits, history, p));
  if (p.dry.multiplier > 0) adjust("S10", "dry", (logits) => dry(logits, history, p.dry));
  if (p.temperature === 0 || candidates.ids.length === 0) return { stages, left: candidates };
  const keep = Math.max(1, p.min_keep);
  const cut = (isOn: boolean, clause: string, name: string, by: () => Candidates) => {
    if (!isOn) return;
    candidates = by();
    told(clause, name);
  };
  cut(p.top_k > 0, "S11", "top_k", () => candidates.first(Math.max(p.top_k, keep)));
  cut(p.typical_p < 1, "S12", "typical_p", () => typical(candidates, p.typical_p, keep));
  cut(p.top_p < 1, "S13", "top_p", () => topP(candidates, p.top_p, keep));
  cut(p.min_p > 0, "S14", "min_p", () => minP(candidates, p.min_p, keep));
  cut(p.xtc.probability > 0, "S15", "xtc", () => {
    const off = p.xtc.threshold > 0.5;
    const acts = !off && uniform(exact.random(BigInt(p.seed), BigInt(position), 1n)) < f(p.xtc.probability);
    return acts ? xtc(candidates, p.xtc, keep) : candidates;
  });
  return { stages, left: candidates };
}

/** Clause S16. */
function drawn(left: Candidates, random: bigint, temperature: number): { draw: Draw; id: number } {
  const weights = left.weights(f(temperature));
  const total = sum(weights);
  const point = (random * total) >> 64n;
  let part = 0n;
  const rank = weights.findIndex((weight) => (part += BigInt(weight)) > point);
  const stretches = left.ids.map((id, rank) => ({ id, weight: weights[rank]! }));
  return { draw: { random, total, point, stretches }, id: left.ids[rank]! };
}

/** Why a token is chosen after `history`; each stage tells at most `most` candidates. Undefined where no token is left. */
export function explain(logits: Float32Array, history: number[], p: Parameters, most: number): Explanation | undefined {
  const position = history.length;
  const { stages, left } = narrow(logits, history, position, p, most);
  if (left.ids.length === 0) return undefined;
  if (p.temperature === 0) return { stages, id: left.ids[0]! };
  return { stages, ...drawn(left, exact.random(BigInt(p.seed), BigInt(position)), p.temperature) };
}

/** Temperatures from one on to the next of which the same token is chosen. */
export interface Reign {
  from: number;
  to: number;
  id: number;
}

/** Which token each temperature up to `most` would choose, in steps; neighbouring steps with the same token are one. */
export function reigns(logits: Float32Array, history: number[], p: Parameters, most = 2, step = 0.05): Reign[] {
  const position = history.length;
  const { left: greedy } = narrow(logits, history, position, { ...p, temperature: 0 }, 0);
  const { left } = narrow(logits, history, position, { ...p, temperature: 1 }, 0);
  if (left.ids.length === 0) return [];
  const random = exact.random(BigInt(p.seed), BigInt(position));
  const all: Reign[] = [];
  for (let i = 0; i * step <= most + step / 2; i++) {
    const temperature = Math.round(i * step * 100) / 100;
    const id = temperature === 0 ? greedy.ids[0]! : drawn(left, random, temperature).id;
    const before = all.at(-1);
    if (before?.id === id) before.to = temperature;
    else all.push({ from: temperature, to: temperature, id });
  }
  return all;
}
