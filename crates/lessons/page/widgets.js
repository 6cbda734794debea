// What can be tried in a lesson. Each widget fills the place that its text has made for it; settings are attributes of the place.

import * as exact from "./exact.js";
import { make } from "./make.js";
import * as model from "./model.js";
import { words } from "./words.js";

let named = 0;

/** A field with its label. */
function field(label, input) {
  input.id = `field-${(named += 1)}`;
  return make("p", { class: "field" }, make("label", { for: input.id }, label), input);
}

const area = (value, rows = 2) => make("textarea", { rows: String(rows), spellcheck: "false" }, value);
const line = (value) => make("input", { type: "text", value, autocomplete: "off", spellcheck: "false" });
const slider = (min, max, step, value) => make("input", { type: "range", min: `${min}`, max: `${max}`, step: `${step}`, value: `${value}` });

function table(heads, rows) {
  // A column of pictures has no name.
  const cells = (row, kind) => row.map((cell) => make(cell === "" ? "td" : kind, {}, cell));
  return make(
    "div",
    { class: "table", tabindex: "0" },
    make("table", {}, make("thead", {}, make("tr", {}, ...cells(heads, "th"))), make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row, "td"))))),
  );
}

/** A token as it can be seen: blanks and line breaks too. */
const shown = (text) => JSON.stringify(text ?? "").slice(1, -1).replaceAll(" ", "␣");
const percent = (share) => `${(100 * share).toFixed(share < 0.001 ? 4 : 2)} %`;

function bar(share) {
  return make("meter", { min: "0", max: "1", value: String(share), "aria-hidden": "true" });
}

/** A button that does something that takes time, and the place where it says what came out. */
function action(label, work) {
  const out = make("div", { class: "out", "aria-live": "polite" });
  const button = make("button", { type: "button" }, label);
  const run = async () => {
    button.disabled = true;
    out.replaceChildren(words.working);
    try {
      out.replaceChildren(...(await work()));
    } catch (error) {
      out.replaceChildren(make("p", { class: "fault", role: "alert" }, error.message));
    }
    button.disabled = false;
  };
  button.addEventListener("click", run);
  return { button, out, run };
}

/** Fields that are read whenever one of them changes, and the place for what follows from them. */
function live(place, fields, show) {
  const out = make("div", { class: "out", "aria-live": "polite" });
  const update = () => out.replaceChildren(...show());
  for (const [label, input] of fields) {
    place.append(field(label, input));
    input.addEventListener("input", update);
  }
  place.append(out);
  update();
}

function tokens(place) {
  const text = area(place.dataset.text ?? "");
  const { button, out } = action(words.show, async () => {
    const list = await model.tokens(text.value);
    const chip = ({ id, piece }, at) =>
      make("li", { class: `token shade-${at % 4}` }, make("span", {}, typeof piece === "string" ? shown(piece) : `⟨${piece.map((byte) => byte.toString(16)).join(" ")}⟩`), make("small", {}, String(id)));
    return [make("p", {}, words.count(list.length)), make("ul", { class: "tokens" }, ...list.map(chip))];
  });
  place.append(field(words.text, text), button, out);
}

function next(place) {
  const prompt = area(place.dataset.prompt ?? "");
  const { button, out } = action(words.show, async () => {
    const { candidates } = await model.next(prompt.value, { count: Number(place.dataset.count ?? 8) });
    const row = ({ token, logprob }) => [make("code", {}, shown(token)), percent(Math.exp(logprob)), bar(Math.exp(logprob))];
    return [table([words.token, words.probability, ""], candidates.map(row))];
  });
  place.append(field(words.prompt, prompt), button, out);
}

/** The weights of candidates at a temperature, and which of them a seed draws; the engine is asked whether it agrees. */
function draw(place) {
  const count = Number(place.dataset.count ?? 12);
  const prompt = area(place.dataset.prompt ?? "");
  const temperature = slider(0.1, 2, 0.1, place.dataset.temperature ?? 0.8);
  const seed = make("input", { type: "number", min: "0", value: place.dataset.seed ?? "1" });
  const label = make("output", {}, temperature.value);
  let found = null;
  const result = make("div", { "aria-live": "polite" });
  const compute = () => {
    label.textContent = temperature.value;
    if (!found) return null;
    const best = found.candidates[0].logprob;
    const t = Math.fround(Number(temperature.value));
    const weights = found.candidates.map(({ logprob }) => exact.weight(exact.div(Math.fround(logprob - best), t)));
    const drawn = exact.draw(weights, exact.random(BigInt(seed.value || 0), BigInt(found.position)));
    const share = (weight) => Number(weight) / Number(drawn.total);
    let sum = 0n;
    const row = ({ token }, at) => [
      make("code", { class: at === drawn.chosen ? "chosen" : "" }, (at === drawn.chosen ? "➤ " : "") + shown(token)),
      percent(share(weights[at])),
      bar(share(weights[at])),
      percent(share((sum += weights[at]))),
    ];
    const chosen = found.candidates[drawn.chosen];
    result.replaceChildren(
      table([words.token, words.probability, "", words.upTo], found.candidates.map(row)),
      make("p", {}, words.place(found.position), " ", words.drawn(percent(share(drawn.point))), " ", words.predicted(`“${shown(chosen.token)}”`)),
    );
    return chosen;
  };
  temperature.addEventListener("input", compute);
  seed.addEventListener("input", compute);
  const first = action(words.show, async () => {
    found = await model.next(prompt.value, { count });
    compute();
    return [result];
  });
  const second = action(words.ask, async () => {
    found ??= await model.next(prompt.value, { count });
    const predicted = compute();
    first.out.replaceChildren(result);
    const settings = { temperature: Number(temperature.value), seed: Number(seed.value), top_k: count, top_p: 1, min_p: 0, count: 1 };
    const { chosen } = await model.next(prompt.value, settings);
    const isSame = chosen === predicted.token;
    return [make("p", { class: "verdict", "data-right": String(isSame) }, words.engineSays(`“${shown(chosen)}”`, isSame))];
  });
  prompt.addEventListener("input", () => (found = null));
  place.append(field(words.prompt, prompt), field(words.temperature, temperature), label, field(words.seed, seed), first.button, " ", second.button, first.out, second.out);
}

/** The bits of a number, by their parts. */
function bits(place) {
  const number = line(place.dataset.number ?? "0.1");
  live(place, [[words.number, number]], () => {
    const x = Math.fround(Number(number.value));
    const text = exact.bits(x).toString(2).padStart(32, "0");
    const part = (from, to, name) => make("span", { class: `bits-${name}` }, make("code", {}, text.slice(from, to)), make("small", {}, words[name]));
    const decimal = x.toPrecision(Number.isInteger(x) ? 21 : 60).replace(/(\.\d*?)0+$/, "$1");
    return [
      make("p", { class: "parts" }, part(0, 1, "sign"), part(1, 9, "exponent"), part(9, 32, "fraction")),
      make("p", {}, `${words.bits}: `, make("code", {}, exact.hex(x))),
      make("p", { class: "long" }, `${words.exactly}: `, make("code", {}, decimal)),
    ];
  });
}

/** A product and a sum with one rounding and with two. */
function fused(place) {
  const [a, b, c] = ["a", "b", "c"].map((name) => line(place.dataset[name] ?? "1"));
  live(place, [[words.numberA, a], [words.numberB, b], [words.numberC, c]], () => {
    const [x, y, z] = [a, b, c].map((input) => Math.fround(Number(input.value)));
    const [once, twice] = [exact.fma(x, y, z), exact.add(exact.mul(x, y), z)];
    const row = (name, value) => [name, make("code", {}, exact.hex(value)), make("code", {}, String(value))];
    return [
      table(["", words.bits, words.number], [row(words.fused, once), row(words.separate, twice)]),
      make("p", { class: "verdict" }, Object.is(once, twice) ? words.same : words.differ),
    ];
  });
}

/** The same numbers added in several orders. */
function order(place) {
  const numbers = area(place.dataset.numbers ?? "0.1 0.2 0.3", 3);
  live(place, [[words.numbers, numbers]], () => {
    const x = numbers.value.split(/[\s,，]+/).filter(Boolean).map((text) => Math.fround(Number(text)));
    const sum = (list) => list.reduce((sum, value) => exact.add(sum, value), 0);
    const sums = [[words.forwards, sum(x)], [words.backwards, sum([...x].reverse())], [words.stripes, exact.laneSum16(x)]];
    const isSame = sums.every(([, value]) => Object.is(value, sums[0][1]));
    return [
      table(["", words.bits, words.total], sums.map(([name, value]) => [name, make("code", {}, exact.hex(value)), make("code", {}, String(value))])),
      make("p", { class: "verdict" }, isSame ? words.same : words.differ),
    ];
  });
}

const list = (input) => input.value.split(/[\s,，]+/).filter(Boolean).map((text) => Math.fround(Number(text)));

/** Numbers as integers with a scale. */
function integers(place) {
  const numbers = area(place.dataset.numbers ?? "0.3 -1.2 2.5 0.01", 2);
  live(place, [[words.numbers, numbers]], () => {
    const x = list(numbers).slice(0, 32);
    const { d, q } = exact.quantise(x);
    const row = (value, at) => [make("code", {}, String(value)), make("code", {}, String(q[at])), make("code", {}, exact.mul(d, q[at]).toPrecision(6)), make("code", {}, (exact.mul(d, q[at]) - value).toExponential(1))];
    return [make("p", {}, words.scale(d.toPrecision(8))), table([words.number, words.integer, words.back, words.error], x.map(row))];
  });
}

/** Scores as shares. */
function softmax(place) {
  const scores = area(place.dataset.numbers ?? "2 1 0 -1", 1);
  live(place, [[words.score, scores]], () => {
    const x = list(scores);
    const largest = x.reduce((most, value) => Math.max(most, value), -Infinity);
    const powers = x.map((value) => exact.exp(Math.fround(value - largest)));
    const factor = exact.div(1, exact.laneSum16(powers));
    const row = (value, at) => {
      const share = exact.mul(powers[at], factor);
      return [make("code", {}, String(value)), make("code", {}, exact.hex(powers[at])), percent(share), bar(share)];
    };
    return [table([words.score, "exp", words.probability, ""], x.map(row))];
  });
}

/** A row before and after its norm. */
function norm(place) {
  const numbers = area(place.dataset.numbers ?? "3 -4 12 0.5", 1);
  live(place, [[words.numbers, numbers]], () => {
    const x = list(numbers);
    const y = exact.norm(x);
    const root = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length).toPrecision(5);
    const row = (value, at) => [make("code", {}, String(value)), make("code", {}, y[at].toPrecision(7)), make("code", {}, exact.hex(y[at]))];
    return [table([words.before, words.after, words.bits], x.map(row)), make("p", {}, `${words.mean} ${root(x)}, ${words.meanAfter} ${root(y)}`)];
  });
}

/** A pair that is turned by its position. */
function rotation(place) {
  const position = slider(0, 64, 1, place.dataset.position ?? 3);
  const frequency = Number(place.dataset.frequency ?? 0.1);
  live(place, [[words.position, position]], () => {
    const angle = Number(position.value) * frequency;
    const [x, y] = exact.rotate(1, 0.5, Math.fround(Math.cos(angle)), Math.fround(Math.sin(angle)));
    const length = (a, b) => Math.hypot(a, b).toFixed(6);
    return [
      make("p", {}, words.angle(((angle * 180) / Math.PI).toFixed(1))),
      table(["", "x", "y", words.length], [[words.before, "1", "0.5", length(1, 0.5)], [words.after, make("code", {}, x.toFixed(6)), make("code", {}, y.toFixed(6)), length(x, y)]]),
    ];
  });
}

/** What the cache keeps of numbers. */
function half(place) {
  const numbers = area(place.dataset.numbers ?? "0.1 1 1000.3 70000", 1);
  live(place, [[words.numbers, numbers]], () => {
    const value = (bits) => {
      const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
      const magnitude = exponent === 31 ? Infinity : exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
      return bits >> 15 ? -magnitude : magnitude;
    };
    const row = (x) => [make("code", {}, String(x)), make("code", {}, exact.half(x).toString(16).padStart(4, "0")), make("code", {}, String(value(exact.half(x))))];
    return [table([words.number, words.bits, words.kept], list(numbers).map(row))];
  });
}

/** The same question twice: the same answer. */
function twice(place) {
  const prompt = area(place.dataset.prompt ?? "");
  const seed = make("input", { type: "number", min: "0", value: place.dataset.seed ?? "7" });
  const { button, out } = action(words.again, async () => {
    const settings = { max_tokens: Number(place.dataset.tokens ?? 24), temperature: 0.9, seed: Number(seed.value) };
    const answers = await Promise.all([model.complete(prompt.value, settings), model.complete(prompt.value, settings)]);
    const isSame = answers[0].text === answers[1].text;
    return [
      ...answers.flatMap(({ text }, at) => [make("h4", {}, words.answers[at]), make("blockquote", {}, text)]),
      make("p", { class: "verdict", "data-right": String(isSame) }, isSame ? words.equal : words.unequal),
      make("p", {}, `${words.fingerprint}: `, make("code", {}, answers[0].fingerprint ?? "")),
    ];
  });
  place.append(field(words.prompt, prompt), field(words.seed, seed), button, out);
}

function ask(place) {
  const question = area(place.dataset.question ?? "");
  const { button, out } = action(words.ask, async () => {
    const { text } = await model.reply(question.value, { max_tokens: Number(place.dataset.tokens ?? 120), temperature: Number(place.dataset.temperature ?? 0), seed: 1 });
    return [make("blockquote", {}, text)];
  });
  place.append(field(words.question, question), button, out);
}

/** An answer with its receipt. */
function receipt(place) {
  const prompt = area(place.dataset.prompt ?? "");
  const { button, out } = action(words.ask, async () => {
    const { text, id } = await model.complete(prompt.value, { max_tokens: Number(place.dataset.tokens ?? 12), temperature: 0.7, seed: 3 });
    let found;
    try {
      found = JSON.stringify(await model.receipt(id), null, 1);
    } catch {
      found = words.noReceipt;
    }
    return [make("blockquote", {}, text), make("h4", {}, words.receipt), make("pre", { tabindex: "0" }, make("code", {}, found))];
  });
  place.append(field(words.prompt, prompt), button, out);
}

const WIDGETS = { tokens, next, draw, bits, fused, order, integers, softmax, norm, rotation, half, twice, ask, receipt };

/** Fills the place of a widget. */
export function start(place) {
  WIDGETS[place.dataset.widget]?.(place);
}
