/** One number of a matrix product, as clauses Q1 to Q3 and Q5 of docs/readers/numerics.md make it. */
import * as exact from "../../../../lessons/page/exact.js";
import type { WeightRow } from "./trace";

/** A step of the sum: `fma(a, b, sum before)`; for integers `a` is their sum, as a number. */
export interface SumStep {
  name: string;
  a: number;
  b: number;
  sum: number;
}

export interface Product {
  /** The activations as integers, 32 at a time; missing where the weights are plain numbers. */
  blocks?: { d: number; q: number[] }[];
  steps: SumStep[];
  result: number;
}

const BLOCK = 32;
const total = (numbers: number[]) => numbers.reduce((sum, x) => sum + x, 0);

/** The sum over a row of weights, and the bias that is added to it. `x` and `bias` are binary32. */
export function product(x: number[], weights: WeightRow, bias?: number): Product {
  const own = weights.sub_blocks.length > 0 ? integers(x, weights) : floats(x, weights.numbers);
  return bias === undefined ? own : { ...own, result: exact.add(own.result, bias) };
}

function floats(x: number[], weights: number[]): Product {
  let sum = 0;
  const steps = weights.map((weight, at) => {
    const [a, b] = [Math.fround(weight), x[at] ?? 0];
    sum = exact.fma(a, b, sum);
    return { name: String(at), a, b, sum };
  });
  return { steps, result: sum };
}

function integers(x: number[], { sub_blocks }: WeightRow): Product {
  const blocks = Array.from({ length: Math.ceil(x.length / BLOCK) }, (_, at) => exact.quantise(x.slice(at * BLOCK, (at + 1) * BLOCK)));
  const steps: SumStep[] = [];
  let [sum, at] = [0, 0];
  for (const { integers, scale, minimum } of sub_blocks) {
    const { d, q } = blocks[Math.floor(at / BLOCK)]!;
    const own = q.slice(at % BLOCK, (at % BLOCK) + integers.length);
    const a = total(integers.map((w, i) => w * own[i]!));
    const b = exact.mul(Math.fround(scale), d);
    sum = exact.fma(a, b, sum);
    steps.push({ name: `${at}–${at + integers.length - 1}`, a, b, sum });
    if (minimum !== null) {
      const [m, taken] = [Math.fround(minimum), -exact.mul(d, total(own))];
      sum = exact.fma(m, taken, sum);
      steps.push({ name: "− m", a: m, b: taken, sum });
    }
    at += integers.length;
  }
  return { blocks, steps, result: sum };
}
