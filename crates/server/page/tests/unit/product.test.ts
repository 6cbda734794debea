import { describe, expect, it } from "vitest";
import { product } from "../../src/glass/product";
import { tensorsIn } from "../../src/glass/trace";
import * as exact from "../../../../lessons/page/exact.js";

const row = (sub_blocks: { integers: number[]; scale: number; minimum: number | null }[], numbers: number[] = []) => ({ tensor: "t", format: "f", block_elements: 32, block_bytes: 34, bytes: "", numbers, sub_blocks });

describe("a product down to its bits", () => {
  it("is a chain of fused multiply-adds for plain weights", () => {
    const x = [1.1, -2.3, 0.7].map(Math.fround);
    const weights = [0.3, 0.9, -1.5].map(Math.fround);
    const found = product(x, row([], weights), Math.fround(0.25));
    expect(found.result).toBe(exact.add(exact.chain(weights, x), 0.25));
    expect(found.steps.map(({ sum }) => sum).at(-1)).toBe(exact.chain(weights, x));
  });

  it("adds integers exactly and rounds once for each part", () => {
    const x = Array.from({ length: 32 }, (_, at) => Math.fround(Math.sin(at)));
    const { d, q } = exact.quantise(x);
    const parts = [0, 16].map((from) => ({ integers: Array.from({ length: 16 }, (_, at) => ((from + at) * 7) % 13), scale: 0.03125, minimum: 0.5 }));
    let sum = 0;
    for (const [index, { integers, scale, minimum }] of parts.entries()) {
      const own = q.slice(16 * index, 16 * index + 16);
      sum = exact.fma(integers.reduce((all, w, at) => all + w * own[at]!, 0), exact.mul(scale, d), sum);
      sum = exact.fma(minimum, -exact.mul(d, own.reduce((all: number, value: number) => all + value, 0)), sum);
    }
    expect(product(x, row(parts)).result).toBe(sum);
    expect(product(x, row(parts)).steps).toHaveLength(4);
  });
});

it("tensors are read from a safetensors file", () => {
  const header = new TextEncoder().encode(JSON.stringify({ "1.a": { dtype: "F32", shape: [2], data_offsets: [0, 8] }, __metadata__: { "1.a": "0" } }).padEnd(96));
  const file = new Uint8Array(8 + header.length + 8);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 8 + header.length);
  expect([...tensorsIn(file.buffer).get("1.a")!]).toEqual([1.5, -2]);
});
