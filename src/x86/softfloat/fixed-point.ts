import { integerSquareRoot } from './bit-length.ts';

/**
 * Elementary functions on fixed-point numbers with FRACTION_BITS below the point: enough that the results, rounded to
 * f80, are off by less than an ulp even after cancellation. Arguments are reduced by the callers.
 */
export const FRACTION_BITS = 256;
const FRACTION = BigInt(FRACTION_BITS);
export const ONE = 1n << FRACTION;

// floor(x * 2^256)
export const PI = 0x3243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89n;
export const LN2 = 0xb17217f7d1cf79abc9e3b39803f2f6af40f343267298b62d8a0d175b8baafa2bn;
export const LOG2_E = 0x171547652b82fe1777d0ffda0d23a7d11d6aef551bad2b4b1164a2cd9a342648fn;
export const LOG2_10 = 0x35269e12f346e2bf924afdbfd36bf6d3365b157f8deceb53a46dab2020b9e1674n;
export const LOG10_2 = 0x4d104d427de7fbcc47c4acd605be48bc13569862a1e8f9a4c52f37935be631e5n;

/** Halvings of an arctangent's argument before the series. */
const ATAN_HALVINGS = 4;

export function multiplyFixed(a: bigint, b: bigint): bigint {
  return (a * b) >> FRACTION;
}

/** e^y - 1 for |y| < 1. */
export function exponentialMinusOne(y: bigint): bigint {
  let sum = 0n;
  let term = y;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = multiplyFixed(term, y) / n;
  }
  return sum;
}

/** ln(m) for m between 3/4 and 3/2, as 2 artanh((m - 1) / (m + 1)). */
export function naturalLogarithm(m: bigint): bigint {
  const z = ((m - ONE) << FRACTION) / (m + ONE);
  return 2n * oddSeries(z, 1n);
}

/** arctan(q) for 0 <= q <= 1: arctan(q) = 2 arctan(q / (1 + sqrt(1 + q^2))). */
export function arctangent(q: bigint): bigint {
  let reduced = q;
  for (let i = 0; i < ATAN_HALVINGS; i++) {
    const root = integerSquareRoot((ONE << FRACTION) + reduced * reduced);
    reduced = (reduced << FRACTION) / (ONE + root);
  }
  return oddSeries(reduced, -1n) << BigInt(ATAN_HALVINGS);
}

/** z + s z^3/3 + s^2 z^5/5 + ...: artanh for s = 1, arctan for s = -1. */
function oddSeries(z: bigint, s: 1n | -1n): bigint {
  const square = multiplyFixed(z, z) * s;
  let sum = 0n;
  let power = z;
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n;
    power = multiplyFixed(power, square);
  }
  return sum;
}

/** sin(r) for |r| <= pi/4. */
export function sineFixed(r: bigint): bigint {
  return alternatingSeries(r, multiplyFixed(r, r), 2n);
}

/** cos(r) for |r| <= pi/4. */
export function cosineFixed(r: bigint): bigint {
  return alternatingSeries(ONE, multiplyFixed(r, r), 1n);
}

/** t - t x/(n (n+1)) + ...: the Taylor series of sine (n = 2) and cosine (n = 1) in x = r^2. */
function alternatingSeries(first: bigint, square: bigint, start: bigint): bigint {
  let sum = 0n;
  let term = first;
  for (let n = start; term !== 0n && term !== -1n; n += 2n) {
    sum += term;
    term = -multiplyFixed(term, square) / (n * (n + 1n));
  }
  return sum;
}
