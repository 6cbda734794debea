// The arithmetic of the pages, as a program that exercises can be graded by: node page.mjs EXERCISE.
import { readFileSync } from "node:fs";
import * as exact from "../../page/exact.js";

const number = (word) => exact.ofBits(Number.parseInt(word, 16));
const hex = (x) => exact.hex(x);

const EXERCISES = {
  fma(words) {
    const x = words.map(number);
    return x.flatMap((a, i) => (i % 3 === 0 ? [hex(exact.fma(a, x[i + 1], x[i + 2]))] : []));
  },
  chain([count, ...words]) {
    const x = words.map(number);
    return [hex(exact.chain(x.slice(0, Number(count)), x.slice(Number(count))))];
  },
  stripes: ([, ...words]) => [hex(exact.laneSum16(words.map(number)))],
  exp: (words) => words.map((word) => hex(exact.exp(number(word)))),
  norm([count, epsilon, ...words]) {
    const x = words.map(number);
    const gain = x.splice(Number(count));
    return exact.norm(x, number(epsilon)).map((value, i) => hex(exact.mul(value, gain[i])));
  },
  rotation([count, ...words]) {
    const [n, x] = [Number(count), words.map(number)];
    const out = x.slice(0, 2 * n);
    for (let i = 0; i < n; i++) [out[i], out[i + n]] = exact.rotate(x[i], x[i + n], x[2 * n + i], x[3 * n + i]);
    return out.map(hex);
  },
  integers(words) {
    const x = words.map(number);
    // The page takes finite numbers alone.
    if (!x.every(Number.isFinite)) return ["7fc00000", ...x.map(() => "0")];
    const { d, q } = exact.quantise(x);
    return [hex(d), ...q.map(String)];
  },
  half: (words) => words.map((word) => exact.half(number(word)).toString(16).padStart(4, "0")),
  weights([temperature, , ...words]) {
    const logits = words.map(number);
    const best = logits.reduce((most, logit) => Math.max(most, logit));
    const weights = logits.map((logit) => exact.weight(exact.div(Math.fround(logit - best), number(temperature))));
    return [...weights, weights.reduce((sum, each) => sum + each, 0n)].map(String);
  },
  draw([seed, count, , ...words]) {
    const x = words.map(BigInt);
    const weights = x.splice(Number(count));
    return x.map((position) => String(exact.draw(weights, exact.random(BigInt(seed), position)).chosen));
  },
};

const exercise = EXERCISES[process.argv[2]];
const lines = readFileSync(0, "utf8").trim().split("\n");
console.log(lines.map((line) => exercise(line.trim().split(/\s+/)).join(" ")).join("\n"));
