/**
 * SSE arithmetic on JavaScript numbers, which are doubles rounded to nearest: exact results and flags for operands and
 * results that are normal or zero. Errors of rounding come from error-free transformations (Muller et al., Handbook of
 * Floating-Point Arithmetic, §4.3, §4.4). It is for rounding to nearest only.
 */

/** MXCSR.PE, the one flag that such operations raise. */
export const PRECISION = 0x20;
/** In the place of flags: the exact implementation must decide. */
export const UNKNOWN = -1;

/** The result of the last operation; in memory, as a variable of the module would be boxed. */
const out = new Float64Array(1);
export const lastResult = (): number => out[0]!;

/** The format's least normal number, and how large an operand may be for the error's computation not to overflow. */
const LEAST_F64 = 2 ** -1022;
const LEAST_F32 = 2 ** -126;
const LARGE = 2 ** 960;
const SMALL = 2 ** -900;

export const isPlain64 = (x: number): boolean => x === 0 || (Math.abs(x) >= LEAST_F64 && Math.abs(x) < Infinity);
export const isPlain32 = (x: number): boolean => x === 0 || (Math.abs(x) >= LEAST_F32 && Math.abs(x) < Infinity);

/** a + b - sum, exactly, where sum is a + b rounded. */
function sumError(a: number, b: number, sum: number): number {
  const right = sum - a;
  return a - (sum - right) + (b - right);
}

/** Multiplying by it and subtracting leaves the upper half of a significand. */
const SPLITTER = 2 ** 27 + 1;

/** a * b - product, exactly, where product is a * b rounded. */
function productError(a: number, b: number, product: number): number {
  const scaledA = SPLITTER * a;
  const highA = scaledA - (scaledA - a);
  const lowA = a - highA;
  const scaledB = SPLITTER * b;
  const highB = scaledB - (scaledB - b);
  const lowB = b - highB;
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}

const isMedium = (x: number): boolean => Math.abs(x) < LARGE && Math.abs(x) > SMALL;

function report(result: number, exact: boolean): number {
  out[0] = result;
  return exact ? 0 : PRECISION;
}

function add64(a: number, b: number): number {
  const sum = a + b;
  if (sum === 0) return report(sum, true);
  if (!(Math.abs(a) < LARGE && Math.abs(b) < LARGE && Math.abs(sum) >= LEAST_F64)) return UNKNOWN;
  return report(sum, sumError(a, b, sum) === 0);
}

function multiply64(a: number, b: number): number {
  const product = a * b;
  if (a === 0 || b === 0) return report(product, true);
  if (!(isMedium(product) && Math.abs(a) < LARGE && Math.abs(b) < LARGE)) return UNKNOWN;
  return report(product, productError(a, b, product) === 0);
}

function divide64(a: number, b: number): number {
  const quotient = a / b;
  if (b === 0) return UNKNOWN;
  if (a === 0) return report(quotient, true);
  if (!(isMedium(a) && isMedium(b) && isMedium(quotient))) return UNKNOWN;
  const product = quotient * b;
  return report(quotient, a - product === productError(quotient, b, product));
}

function root64(a: number): number {
  const root = Math.sqrt(a);
  if (a === 0) return report(root, true);
  if (!(a > 0 && isMedium(a))) return UNKNOWN;
  const square = root * root;
  return report(root, a - square === productError(root, root, square));
}

// Doubles hold products of two singles exactly, and rounding twice does no harm to the others (§4.4 there, and Figueroa).

function single(result: number, exact: boolean, mayUnderflow: boolean): number {
  const magnitude = Math.abs(result);
  // 2^-126 itself may have been rounded up from below, which counts as underflow.
  const normal = magnitude >= LEAST_F32 && magnitude < Infinity && !(mayUnderflow && magnitude === LEAST_F32);
  return normal || (result === 0 && exact) ? report(result, exact) : UNKNOWN;
}

function add32(a: number, b: number): number {
  const sum = a + b;
  const result = Math.fround(sum);
  return single(result, result === sum && sumError(a, b, sum) === 0, false);
}

function multiply32(a: number, b: number): number {
  const product = a * b;
  const result = Math.fround(product);
  return single(result, result === product, true);
}

function divide32(a: number, b: number): number {
  if (b === 0) return UNKNOWN;
  const result = Math.fround(a / b);
  return single(result, result * b === a, true);
}

function root32(a: number): number {
  if (a < 0) return UNKNOWN;
  const result = Math.fround(Math.sqrt(a));
  return single(result, result * result === a, false);
}

/** Of two zeros the second. */
const minimum = (a: number, b: number): number => report(a < b ? a : b, true);
const maximum = (a: number, b: number): number => report(a > b ? a : b, true);

/** Each takes plain operands, and gives flags or UNKNOWN with the result in lastResult(); sqrt is that of b. */
export const NUMBER_OPERATIONS = {
  f64: {
    add: add64,
    sub: (a: number, b: number): number => add64(a, -b),
    mul: multiply64,
    div: divide64,
    min: minimum,
    max: maximum,
    sqrt: (_a: number, b: number): number => root64(b),
  },
  f32: {
    add: add32,
    sub: (a: number, b: number): number => add32(a, -b),
    mul: multiply32,
    div: divide32,
    min: minimum,
    max: maximum,
    sqrt: (_a: number, b: number): number => root32(b),
  },
} as const;

/** A double rounded to a single. */
export function toSingle(a: number): number {
  const result = Math.fround(a);
  return single(result, result === a, true);
}

/** To an integer, ties to even; keeps the sign of a zero. */
export function roundToEven(a: number): number {
  // Above 2^52 doubles are integers; below, adding that leaves no room for a fraction.
  const magnitude = Math.abs(a);
  const rounded = magnitude < 2 ** 52 ? magnitude + 2 ** 52 - 2 ** 52 : magnitude;
  return a < 0 || Object.is(a, -0) ? -rounded : rounded;
}

/** A 64-bit signed integer from its halves. */
export function fromHalves(low: number, high: number): number {
  return add64(high * 2 ** 32, low >>> 0);
}
