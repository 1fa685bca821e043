import { addExact } from './add.ts';
import { bitLength } from './bit-length.ts';
import { type FloatContext, FloatException, raise, trapped } from './context.ts';
import { TINY_EXPONENT } from './exponential.ts';
import { FRACTION_BITS, LN2, LOG2_E, naturalLogarithm, ONE } from './fixed-point.ts';
import { F80 } from './formats.ts';
import { propagateNan } from './nan.ts';
import { type Exact, roundPack } from './round.ts';
import {
  denormalTraps,
  finite,
  infinite,
  invalid,
  Kind,
  packInfinity,
  packZero,
  type Unpacked,
  unpack,
  zero,
} from './unpack.ts';

const UNIT = finite(0, 0, 1n);
const MINUS_UNIT = finite(1, 0, 1n);

/** FYL2X: `y * log2(x)`. SDM Vol. 2A FYL2X, Table 3-62. */
export function logarithm(x: bigint, y: bigint, ctx: FloatContext): bigint {
  const argument = unpack(F80, x, ctx);
  const factor = unpack(F80, y, ctx);
  if (argument.kind >= Kind.QuietNan || factor.kind >= Kind.QuietNan) return propagateNan(F80, factor, argument, ctx);
  if (argument.sign === 1 && argument.kind !== Kind.Zero) return invalid(F80, ctx);
  if (argument.kind === Kind.Zero && factor.kind === Kind.Finite) {
    raise(ctx, FloatException.ZeroDivide);
    return trapped(ctx, FloatException.ZeroDivide) ? F80.indefinite : packInfinity(F80, 1 - factor.sign);
  }
  return product(argument, factor, logarithmOf(argument), ctx);
}

/**
 * FYL2XP1: `y * log2(x + 1)`. SDM Vol. 2A FYL2XP1, Table 3-63. The manual leaves |x| > 1 - sqrt(2)/2 undefined: the
 * logarithm as far as there is one, and else `x`, inexact (as on AMD's processors).
 */
export function logarithmPlusOne(x: bigint, y: bigint, ctx: FloatContext): bigint {
  const argument = unpack(F80, x, ctx);
  const factor = unpack(F80, y, ctx);
  if (argument.kind >= Kind.QuietNan || factor.kind >= Kind.QuietNan) return propagateNan(F80, factor, argument, ctx);
  const log = logarithmOfSuccessor(argument);
  if (log !== undefined || argument.kind === Kind.Infinite) return product(argument, factor, log, ctx);
  if (factor.kind !== Kind.Finite) return product(argument, factor, MINUS_UNIT, ctx);
  if (denormalTraps(ctx, argument, factor)) return F80.indefinite;
  raise(ctx, FloatException.Precision);
  return x;
}

/** `factor * log`; `log` undefined: the argument has no logarithm. */
function product(argument: Unpacked, factor: Unpacked, log: Unpacked | undefined, ctx: FloatContext): bigint {
  if (log === undefined) return invalid(F80, ctx);
  const kinds = [log.kind, factor.kind];
  if (kinds.includes(Kind.Zero) && kinds.includes(Kind.Infinite)) return invalid(F80, ctx);
  if (denormalTraps(ctx, argument, factor)) return F80.indefinite;
  const sign = log.sign ^ factor.sign;
  if (kinds.includes(Kind.Infinite)) return packInfinity(F80, sign);
  if (kinds.includes(Kind.Zero)) return packZero(F80, sign);
  const exact = finite(sign, log.exponent + factor.exponent, log.significand * factor.significand);
  const result = roundPack(F80, exact, ctx);
  // Silicon reports even exact products as inexact.
  raise(ctx, FloatException.Precision | (unpack(F80, result, ctx).denormal ? FloatException.Underflow : 0));
  return result;
}

function logarithmOf(x: Unpacked): Unpacked | undefined {
  if (x.kind === Kind.Zero) return infinite(1);
  return x.kind === Kind.Infinite ? infinite(0) : binaryLogarithm(x);
}

function logarithmOfSuccessor(x: Unpacked): Unpacked | undefined {
  if (x.kind === Kind.Zero) return x;
  if (x.kind === Kind.Infinite) return x.sign === 0 ? x : undefined;
  if (x.exponent + bitLength(x.significand) <= TINY_EXPONENT) {
    return finite(x.sign, x.exponent - FRACTION_BITS, (x.significand * LOG2_E) | 1n);
  }
  const successor = addExact(x, UNIT);
  const positive = successor.sign === 0 && successor.significand !== 0n;
  return positive ? binaryLogarithm(successor) : undefined;
}

/** log2 of a positive number, exact for powers of two. */
function binaryLogarithm(x: Exact): Unpacked {
  const length = bitLength(x.significand);
  let mantissa = x.significand << BigInt(FRACTION_BITS + 1 - length);
  let exponent = x.exponent + length - 1;
  if (mantissa === ONE) return exponent === 0 ? zero(0) : finite(exponent < 0 ? 1 : 0, 0, BigInt(Math.abs(exponent)));
  if (mantissa > ONE + (ONE >> 1n)) {
    mantissa >>= 1n;
    exponent++;
  }
  const fraction = (naturalLogarithm(mantissa) << BigInt(FRACTION_BITS)) / LN2;
  const sum = BigInt(exponent) * ONE + fraction;
  return finite(sum < 0n ? 1 : 0, -FRACTION_BITS, (sum < 0n ? -sum : sum) | 1n);
}
