// Arithmetic of binary32 as the contract has it, and the clauses that widgets show. Tests hold it to the engine's bits.

const view = new DataView(new ArrayBuffer(8));

/** The bits of a binary32. */
export function bits(x) {
  view.setFloat32(0, x);
  return view.getUint32(0);
}

/** The binary32 of some bits. */
export function ofBits(bits) {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

export const hex = (x) => bits(x).toString(16).padStart(8, "0");

const f = Math.fround;
export const add = (a, b) => f(a + b);
export const mul = (a, b) => f(a * b);
// A quotient of two binary32 in binary64, rounded once more, is the quotient rounded once: binary64 is more than twice as wide.
export const div = (a, b) => f(a / b);

/** `a * b + c`, rounded once. The product is exact in binary64; the sum is rounded to odd there, which a second rounding cannot spoil. */
export function fma(a, b, c) {
  const product = a * b;
  const sum = product + c;
  if (!Number.isFinite(sum) || sum === 0) return f(sum);
  const back = sum - product;
  const error = product - (sum - back) + (c - back);
  if (error !== 0) {
    view.setFloat64(0, sum);
    const whole = view.getBigUint64(0);
    if ((whole & 1n) === 0n) {
      // Towards the exact result: away from zero where the rest has the sign of the sum.
      view.setBigUint64(0, error > 0 === sum > 0 ? whole + 1n : whole - 1n);
      return f(view.getFloat64(0));
    }
  }
  return f(sum);
}

/** Clause R1. */
export const chain = (a, b) => a.reduce((sum, x, i) => fma(x, b[i], sum), 0);

/** Clause R2, of numbers that are added. */
export function laneSum16(x) {
  const stripes = new Array(16).fill(0);
  x.forEach((value, i) => (stripes[i % 16] = add(stripes[i % 16], value)));
  for (const width of [8, 4, 2, 1]) for (let j = 0; j < width; j++) stripes[j] = add(stripes[j], stripes[j + width]);
  return stripes[0];
}

const COEFFICIENTS = [0x3ab743ce, 0x3c088908, 0x3d2aa9c1, 0x3e2aaaaa, 0x3f000000].map(ofBits);

/** Clause F1. */
export function exp(x) {
  if (Number.isNaN(x)) return NaN;
  x = Math.min(89, Math.max(-104, x));
  const round = 12582912;
  const n = f(fma(x, ofBits(0x3fb8aa3b), round) - round);
  const r = fma(n, ofBits(0x395e8083), fma(n, -ofBits(0x3f318000), x));
  let y = ofBits(0x39506967);
  for (const c of COEFFICIENTS) y = fma(y, r, c);
  y = add(fma(y, mul(r, r), r), 1);
  return f(y * 2 ** n);
}

/** Clause N1 without a gain. */
export function norm(x, epsilon = f(1e-6)) {
  const stripes = new Array(16).fill(0);
  x.forEach((value, i) => (stripes[i % 16] = fma(value, value, stripes[i % 16])));
  for (const width of [8, 4, 2, 1]) for (let j = 0; j < width; j++) stripes[j] = add(stripes[j], stripes[j + width]);
  const factor = div(1, f(Math.sqrt(add(div(stripes[0], x.length), epsilon))));
  return x.map((value) => mul(value, factor));
}

function nearestEven(x) {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/** Clause Q1: the scale and the integers of a block of finite numbers. */
export function quantise(x) {
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest < 2 ** -100) return { d: 0, q: x.map(() => 0) };
  const inverse = div(127, largest);
  return { d: div(largest, 127), q: x.map((value) => nearestEven(mul(value, inverse)) + 0) };
}

/** Clause P2, of one pair. */
export const rotate = (x, y, cosine, sine) => [fma(x, cosine, -mul(y, sine)), fma(x, sine, mul(y, cosine))];

/** The bits of the binary16 nearest to a number, ties to even (clause B3). */
export function half(x) {
  if (Number.isNaN(x)) return 0x7e00;
  const sign = bits(x) >>> 31 ? 0x8000 : 0;
  const magnitude = Math.abs(x);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, magnitude === 0 ? -14 : ((bits(magnitude) >>> 23) & 255) - 127);
  const steps = nearestEven(magnitude / 2 ** (exponent - 10));
  // Bits of neighbouring numbers count up by one, across powers of two as well.
  return sign | (((exponent + 14) << 10) + steps);
}

/** The upper half of a binary64. */
function upper(x) {
  view.setFloat64(0, x);
  return view.getUint32(0);
}

/** e^x in binary64 as clause S3 has it: the function `exp` of libm 0.2.16, operation by operation. */
export function exp64(x) {
  const negative = x < 0 || Object.is(x, -0) ? 1 : 0;
  const size = upper(x) & 0x7fffffff;
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893383973096) return Infinity;
  if (x < -745.13321910194110842) return 0;
  let [k, hi, lo] = [0, x, 0];
  if (size > 0x3fd62e42) {
    k = size >= 0x3ff0a2b2 ? Math.trunc(1.44269504088896338700 * x + (negative ? -0.5 : 0.5)) : 1 - 2 * negative;
    hi = x - k * 6.93147180369123816490e-1;
    lo = k * 1.90821492927058770002e-10;
    x = hi - lo;
  } else if (size <= 0x3e300000) return 1 + x;
  const z = x * x;
  const c = x - z * (1.66666666666666019037e-1 + z * (-2.77777777770155933842e-3 + z * (6.61375632143793436117e-5 + z * (-1.65339022054652515390e-6 + z * 4.13813679705723846039e-8))));
  const y = 1 + ((x * c) / (2 - c) - lo + hi);
  return k === 0 ? y : y * 2 ** k;
}

/** The natural logarithm in binary64 of a normal number above 0, alike. */
export function log64(x) {
  if (x === 1) return 0;
  view.setFloat64(0, x);
  const raised = view.getUint32(0) + (0x3ff00000 - 0x3fe6a09e);
  const k = (raised >>> 20) - 0x3ff;
  view.setUint32(0, (raised & 0xfffff) + 0x3fe6a09e);
  const r = view.getFloat64(0) - 1;
  const half = 0.5 * r * r;
  const s = r / (2 + r);
  const z = s * s;
  const w = z * z;
  const odd = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const even = z * (6.666666666666735130e-1 + w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  return s * (half + (even + odd)) + k * 1.90821492927058770002e-10 - half + r + k * 6.93147180369123816490e-1;
}

/** Clause S4 as a number: the weight of a logit that is `x` away from the best, divided by the temperature already. */
export const weightOf = (x) => (x < -28 ? 0 : Math.floor(f(exp64(Math.min(x, 0))) * 2 ** 40));

/** The same as an integer that may be added without bounds. */
export const weight = (x) => BigInt(weightOf(x));

/** Clause S5: 64 bits for a seed, a position and a purpose: 0 for the choice, 1 for XTC. */
export function random(seed, position, purpose = 0n) {
  const mask = 0xffffffffn;
  let [a, b, c, d] = [position & mask, position >> 32n, purpose, 0n];
  let [k0, k1] = [seed & mask, seed >> 32n];
  for (let round = 0; round < 10; round++) {
    const first = a * 0xd2511f53n;
    const second = c * 0xcd9e8d57n;
    [a, b, c, d] = [(second >> 32n) ^ b ^ k0, second & mask, (first >> 32n) ^ d ^ k1, first & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return a | (b << 32n);
}

/** Clause S16: which of some weights, in their order, a point falls on; and the point. */
export function draw(weights, bits64) {
  const total = weights.reduce((sum, each) => sum + each, 0n);
  const point = (bits64 * total) >> 64n;
  let sum = 0n;
  const chosen = weights.findIndex((each) => (sum += each) > point);
  return { chosen, point, total };
}
