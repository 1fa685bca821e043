import { bitLength } from './bit-length.ts';
import { type FloatContext, FloatException, Rounding, raise, trapped } from './context.ts';
import type { FloatFormat } from './formats.ts';
import { packInfinity, packZero } from './unpack.ts';

/** A non-zero exact value `(-1)^sign * significand * 2^exponent`; a set bit 0 may stand for a non-zero tail. */
export type Exact = { readonly sign: number; readonly exponent: number; readonly significand: bigint };

/** What rounding at a bit position yields. */
export type Rounded = { readonly kept: bigint; readonly inexact: boolean; readonly up: boolean };

/** x87 wraps the exponent of an unmasked overflow or underflow by 3 * 2^13. SDM Vol. 1 §8.5.4, §8.5.5. */
const X87_BIAS_ADJUST = 24576;

/** Drops the low `drop` bits of a magnitude; a negative `drop` shifts left. */
export function roundMagnitude(significand: bigint, drop: number, sign: number, rounding: Rounding): Rounded {
  if (drop <= 0) return { kept: significand << BigInt(-drop), inexact: false, up: false };
  const kept = significand >> BigInt(drop);
  const rest = BigInt.asUintN(drop, significand);
  if (rest === 0n) return { kept, inexact: false, up: false };
  const up = roundsUp(rounding, sign, { kept, rest, half: 1n << BigInt(drop - 1) });
  return { kept: up ? kept + 1n : kept, inexact: true, up };
}

function roundsUp(rounding: Rounding, sign: number, at: { kept: bigint; rest: bigint; half: bigint }): boolean {
  if (rounding === Rounding.Nearest) return at.rest > at.half || (at.rest === at.half && (at.kept & 1n) === 1n);
  if (rounding === Rounding.Zero) return false;
  return (rounding === Rounding.Up) === (sign === 0);
}

/** Assembles sign, exponent and significand; a significand below the integer bit makes a denormal. */
function pack(format: FloatFormat, sign: number, leading: number, significand: bigint): bigint {
  const normal = significand >> BigInt(format.precisionBits - 1) !== 0n;
  const biased = normal ? leading + format.bias : 0;
  const stored = BigInt.asUintN(format.storedBits, significand);
  return packZero(format, sign) | (BigInt(biased) << BigInt(format.storedBits)) | stored;
}

/**
 * Rounds an exact value into `format`: overflow, underflow (tininess detected after rounding) and inexact results as
 * SDM Vol. 1 §4.9.1.4 to §4.9.1.6 say, masked or not. `precisionBits` is the x87 precision control where it applies.
 */
export function roundPack(
  format: FloatFormat,
  value: Exact,
  ctx: FloatContext,
  precisionBits = format.precisionBits,
): bigint {
  const { sign, exponent, significand } = value;
  const leading = exponent + bitLength(significand) - 1;
  const rounded = roundMagnitude(significand, leading - exponent - precisionBits + 1, sign, ctx.rounding);
  const carried = rounded.kept >> BigInt(precisionBits) !== 0n;
  const kept = (carried ? rounded.kept >> 1n : rounded.kept) << BigInt(format.precisionBits - precisionBits);
  const normal = { sign, leading: carried ? leading + 1 : leading, kept, rounded, precisionBits };
  if (normal.leading > format.maxExponent) return overflow(format, normal, ctx);
  if (normal.leading < format.minExponent) return underflow(format, value, normal, ctx);
  noteInexact(ctx, rounded);
  return pack(format, sign, normal.leading, kept);
}

/** The value rounded as if the exponent range were unbounded. */
type Unbounded = {
  readonly sign: number;
  readonly leading: number;
  readonly kept: bigint;
  readonly rounded: Rounded;
  readonly precisionBits: number;
};

function noteInexact(ctx: FloatContext, rounded: Rounded): void {
  if (!rounded.inexact) return;
  raise(ctx, FloatException.Precision);
  ctx.roundedUp = rounded.up;
}

/**
 * The result of an unmasked overflow or underflow: the exponent wrapped for an x87 register; none for a memory
 * destination, whose inexactness is not reported either. SDM Vol. 1 §8.5.4 "Numeric Overflow Exception (#O)".
 */
function wrapped(format: FloatFormat, value: Unbounded, ctx: FloatContext, adjust: number): bigint {
  if (ctx.family === 'sse') {
    noteInexact(ctx, value.rounded);
    return format.indefinite;
  }
  if (!format.explicitInteger) return format.indefinite;
  const leading = value.leading + adjust;
  if (leading >= format.minExponent && leading <= format.maxExponent) {
    noteInexact(ctx, value.rounded);
    return pack(format, value.sign, leading, value.kept);
  }
  // FSCALE goes further than the adjustment reaches.
  raise(ctx, FloatException.Precision);
  ctx.roundedUp = adjust < 0;
  return adjust < 0 ? packInfinity(format, value.sign) : packZero(format, value.sign);
}

function overflow(format: FloatFormat, value: Unbounded, ctx: FloatContext): bigint {
  raise(ctx, FloatException.Overflow);
  if (trapped(ctx, FloatException.Overflow)) return wrapped(format, value, ctx, -X87_BIAS_ADJUST);
  raise(ctx, FloatException.Precision);
  const toInfinity =
    ctx.rounding === Rounding.Nearest ||
    (ctx.rounding !== Rounding.Zero && (ctx.rounding === Rounding.Up) === (value.sign === 0));
  ctx.roundedUp = toInfinity;
  if (toInfinity) return packInfinity(format, value.sign);
  const largest = ((1n << BigInt(value.precisionBits)) - 1n) << BigInt(format.precisionBits - value.precisionBits);
  return pack(format, value.sign, format.maxExponent, largest);
}

function underflow(format: FloatFormat, value: Exact, normal: Unbounded, ctx: FloatContext): bigint {
  if ((ctx.masks & FloatException.Underflow) === 0) {
    raise(ctx, FloatException.Underflow);
    return wrapped(format, normal, ctx, X87_BIAS_ADJUST);
  }
  if (ctx.flushToZero) {
    raise(ctx, FloatException.Underflow | FloatException.Precision);
    return packZero(format, value.sign);
  }
  const { precisionBits } = normal;
  const leastExponent = format.minExponent - precisionBits + 1;
  const rounded = roundMagnitude(value.significand, leastExponent - value.exponent, value.sign, ctx.rounding);
  if (rounded.inexact) raise(ctx, FloatException.Underflow);
  noteInexact(ctx, rounded);
  const kept = rounded.kept << BigInt(format.precisionBits - precisionBits);
  return pack(format, value.sign, format.minExponent, kept);
}
