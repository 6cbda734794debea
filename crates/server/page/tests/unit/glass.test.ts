import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { explain, reigns, type Parameters } from "../../src/glass/sampling";
import * as exact from "../../../../lessons/page/exact.js";

const read = (path: string) => readFileSync(new URL(`../../../../../${path}`, import.meta.url), "utf8");

interface Case {
  logits: number[];
  history: number[];
  parameters: Parameters;
  seed: string;
  explanation: { id: number; stages: { clause: string; name: string; left: number; best: [number, number, string][] }[]; draw: null | { random: string; total: string; point: string; weights: [number, number][] } };
}

const cases = JSON.parse(read("golden/sampling/explained.json")) as Case[];
const logitsOf = ({ logits }: Case) => Float32Array.from(logits, exact.ofBits);
const parametersOf = ({ parameters, seed }: Case): Parameters => ({ ...parameters, seed });
const bits64 = (x: number) => new BigUint64Array(Float64Array.of(x).buffer)[0]!.toString();

describe("the page's sampler", () => {
  it.each(cases.map((each, at) => [at, each] as const))("chooses as the engine: case %d", (_, each) => {
    const found = explain(logitsOf(each), each.history, parametersOf(each), 6)!;
    expect(found.id).toBe(each.explanation.id);
    const told = found.stages.map(({ clause, name, left, best }) => ({ clause, name, left, best: best.map(({ id, logit, share }) => [id, exact.bits(logit), bits64(share)]) }));
    expect(told).toEqual(each.explanation.stages);
    const { draw } = each.explanation;
    if (!draw) return expect(found.draw).toBeUndefined();
    expect([found.draw!.random, found.draw!.total, found.draw!.point].map(String)).toEqual([draw.random, draw.total, draw.point]);
    expect(found.draw!.stretches.slice(0, 6).map(({ id, weight }) => [id, weight])).toEqual(draw.weights);
  });

  it("says of every temperature which token it would choose", () => {
    for (const each of cases.slice(0, 20)) {
      const [logits, parameters] = [logitsOf(each), parametersOf(each)];
      const all = reigns(logits, each.history, parameters);
      expect(all[0]!.from).toBe(0);
      expect(all.at(-1)!.to).toBe(2);
      for (const { from, to, id } of all) {
        for (const temperature of [from, to]) expect(explain(logits, each.history, { ...parameters, temperature }, 1)!.id).toBe(id);
      }
    }
  });

  it("has the functions of the contract: the digest that the engine pins", () => {
    const pinned = /digest:#018x\}"\), "0x([0-9a-f]{16})"/.exec(read("crates/engine/src/sampling/arithmetic.rs"))![1]!;
    let digest = 0xcbf29ce484222325n;
    const add = (bits: number) => (digest = BigInt.asUintN(64, (digest ^ BigInt(bits)) * 0x100000001b3n));
    for (let step = 0; step < 20_000; step++) {
      add(exact.bits(Math.fround(exact.exp64(step * -0.001953125))));
      add(exact.bits(Math.fround(exact.log64((step + 1) / 1024))));
    }
    expect(digest.toString(16).padStart(16, "0")).toBe(pinned);
  });
});
