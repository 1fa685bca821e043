import { type FloatContext, FloatException, raise } from './context.ts';
import { fromInteger } from './convert.ts';
import { F80 } from './formats.ts';
import { roundMagnitude } from './round.ts';
import { Kind, packZero, unpack } from './unpack.ts';

// [79] sign  [78:72] unused  [71:0] 18 digits. SDM Vol. 1 §4.7 "BCD and Packed BCD Integers", Figure 4-4.
const DIGITS = 18;
const SIGN = 1n << 79n;
/** Packed BCD integer indefinite. SDM Vol. 1 Table 4-4. */
const BCD_INDEFINITE = 0xffff_c000_0000_0000_0000n;
const LIMIT = 10n ** BigInt(DIGITS);

/** FBSTP: rounds to an integer and packs it as 18 BCD digits. SDM Vol. 2A FBSTP. */
export function packBcd(a: bigint, ctx: FloatContext): bigint {
  const x = unpack(F80, a, ctx);
  const sign = x.sign === 0 ? 0n : SIGN;
  if (x.kind === Kind.Zero) return sign;
  // 10^18 < 2^60
  if (x.kind !== Kind.Finite || x.exponent > 60) return invalidBcd(ctx);
  const rounded = roundMagnitude(x.significand, -x.exponent, x.sign, ctx.rounding);
  if (rounded.kept >= LIMIT) return invalidBcd(ctx);
  if (rounded.inexact) {
    raise(ctx, FloatException.Precision);
    ctx.roundedUp = rounded.up;
  }
  // A number's decimal digits read as hexadecimal are its packed BCD.
  return sign | BigInt(`0x${rounded.kept}`);
}

function invalidBcd(ctx: FloatContext): bigint {
  raise(ctx, FloatException.Invalid);
  return BCD_INDEFINITE;
}

/** FBLD: exact. Digits above 9 are undefined in the manual and count as their value. SDM Vol. 2A FBLD. */
export function unpackBcd(bits: bigint, ctx: FloatContext): bigint {
  let value = 0n;
  for (let digit = DIGITS - 1; digit >= 0; digit--) {
    value = value * 10n + ((bits >> BigInt(digit * 4)) & 0xfn);
  }
  const negative = (bits & SIGN) !== 0n;
  if (value === 0n) return packZero(F80, negative ? 1 : 0);
  return fromInteger(F80, negative ? -value : value, ctx);
}
