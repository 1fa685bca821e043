import { bitLength } from './bit-length.ts';
import { type FloatContext, FloatException, raise } from './context.ts';
import { exponentialMinusOne, FRACTION_BITS, LN2, multiplyFixed } from './fixed-point.ts';
import { F80 } from './formats.ts';
import { propagateOne } from './nan.ts';
import { roundPack } from './round.ts';
import { denormalTraps, finite, Kind, packInfinity, packZero, unpack } from './unpack.ts';

/** Below 2^-80 the second term of a series is beyond rounding: it stays as a sticky bit. */
export const TINY_EXPONENT = -80;

const ONE_EXPONENT = 16383n << 64n;
const INTEGER_BIT = 1n << 63n;
const SIGN = 1n << 79n;
const MINUS_ONE = SIGN | ONE_EXPONENT | INTEGER_BIT;
const MINUS_HALF = SIGN | (16382n << 64n) | INTEGER_BIT;

/** F2XM1: 2^a - 1 for |a| <= 1; beyond that, undefined in the manual, `a` itself, inexact. SDM Vol. 2A F2XM1, Table 3-16. */
export function powerOfTwoMinusOne(a: bigint, ctx: FloatContext): bigint {
  const x = unpack(F80, a, ctx);
  if (x.kind >= Kind.QuietNan) return propagateOne(F80, x, ctx);
  if (x.kind === Kind.Infinite) return x.sign === 0 ? packInfinity(F80, 0) : MINUS_ONE;
  if (x.kind === Kind.Zero) return packZero(F80, x.sign);
  if (denormalTraps(ctx, x)) return F80.indefinite;
  const leading = x.exponent + bitLength(x.significand) - 1;
  if (leading >= 0) {
    // Silicon reports the exact results of 1 and -1 as inexact, too.
    raise(ctx, FloatException.Precision);
    return a === MINUS_ONE ? MINUS_HALF : a;
  }
  if (leading < TINY_EXPONENT) {
    const significand = (x.significand * LN2) | 1n;
    return roundPack(F80, finite(x.sign, x.exponent - FRACTION_BITS, significand), ctx);
  }
  const fixed = x.significand << BigInt(FRACTION_BITS + x.exponent);
  const result = exponentialMinusOne(multiplyFixed(x.sign === 0 ? fixed : -fixed, LN2));
  return roundPack(F80, finite(x.sign, -FRACTION_BITS, (result < 0n ? -result : result) | 1n), ctx);
}
