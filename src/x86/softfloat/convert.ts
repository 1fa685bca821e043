import type { FloatContext, Rounding } from './context.ts';
import { FloatException, raise } from './context.ts';
import type { FloatFormat } from './formats.ts';
import { propagateOne } from './nan.ts';
import { roundMagnitude, roundPack } from './round.ts';
import { denormalTraps, finite, Kind, packInfinity, packZero, unpack } from './unpack.ts';

/** Between formats, as CVTSS2SD, CVTSD2SS, FLD m32/m64 and FST m32/m64 do. */
export function convert(from: FloatFormat, to: FloatFormat, a: bigint, ctx: FloatContext): bigint {
  const x = unpack(from, a, ctx);
  if (x.kind >= Kind.QuietNan) return propagateOne(to, x, ctx);
  if (x.kind === Kind.Infinite) return packInfinity(to, x.sign);
  if (x.kind === Kind.Zero) return packZero(to, x.sign);
  // FST does not report a denormal operand; FLD does, and pushes the value even if that is unmasked (as silicon does).
  if (from.name !== 'f80' && denormalTraps(ctx, x) && ctx.family === 'sse') return to.indefinite;
  return roundPack(to, x, ctx);
}

export type IntegerTarget = {
  readonly widthBits: 16 | 32 | 64;
  readonly signed?: boolean;
  /** Overrides the context's: truncating conversions (CVTTSS2SI, FISTTP). */
  readonly rounding?: Rounding;
};

/**
 * To an integer, as raw bits of the target's width. NaN, infinity or a value out of range is invalid and yields the
 * integer indefinite: the sign bit alone (all ones when unsigned). SDM Vol. 1 §4.2.1, Table 4-1.
 */
export function toInteger(format: FloatFormat, a: bigint, ctx: FloatContext, target: IntegerTarget): bigint {
  const x = unpack(format, a, ctx);
  if (x.kind === Kind.Zero) return 0n;
  const signed = target.signed ?? true;
  const width = target.widthBits;
  const indefinite = signed ? 1n << BigInt(width - 1) : (1n << BigInt(width)) - 1n;
  if (x.kind !== Kind.Finite || x.exponent > width) {
    raise(ctx, FloatException.Invalid);
    return indefinite;
  }
  const rounded = roundMagnitude(x.significand, -x.exponent, x.sign, target.rounding ?? ctx.rounding);
  const value = x.sign === 0 ? rounded.kept : -rounded.kept;
  const back = signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value);
  if (back !== value) {
    raise(ctx, FloatException.Invalid);
    return indefinite;
  }
  if (rounded.inexact) {
    raise(ctx, FloatException.Precision);
    ctx.roundedUp = rounded.up;
  }
  return BigInt.asUintN(width, value);
}

/** From an integer value (already sign- or zero-extended), as CVTSI2SS and FILD do. */
export function fromInteger(format: FloatFormat, value: bigint, ctx: FloatContext): bigint {
  if (value === 0n) return 0n;
  const sign = value < 0n ? 1 : 0;
  return roundPack(format, finite(sign, 0, sign === 0 ? value : -value), ctx);
}

/** FRNDINT, ROUNDPS and kin. `suppressPrecision` is imm8[3] of ROUNDPS. */
export function roundToIntegral(
  format: FloatFormat,
  a: bigint,
  ctx: FloatContext,
  options: { readonly rounding?: Rounding; readonly suppressPrecision?: boolean } = {},
): bigint {
  const x = unpack(format, a, ctx);
  if (x.kind >= Kind.QuietNan) return propagateOne(format, x, ctx);
  if (x.kind === Kind.Infinite) return packInfinity(format, x.sign);
  if (x.kind === Kind.Zero) return packZero(format, x.sign);
  // SSE4.1 ROUNDPS reports no denormal operand; FRNDINT does.
  if (ctx.family === 'x87' && denormalTraps(ctx, x)) return format.indefinite;
  if (x.exponent >= 0) return a;
  const rounded = roundMagnitude(x.significand, -x.exponent, x.sign, options.rounding ?? ctx.rounding);
  if (rounded.inexact && !options.suppressPrecision) {
    raise(ctx, FloatException.Precision);
    ctx.roundedUp = rounded.up;
  }
  if (rounded.kept === 0n) return packZero(format, x.sign);
  return roundPack(format, finite(x.sign, 0, rounded.kept), ctx);
}
