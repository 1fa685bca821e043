import { type FloatContext, FloatException, raise } from './context.ts';
import type { FloatFormat } from './formats.ts';
import { invalid, Kind, packInfinity, type Unpacked } from './unpack.ts';

/** `x` as a QNaN of `format`; a payload that does not fit loses its low bits. */
export function packNan(format: FloatFormat, x: Unpacked): bigint {
  const payload = (x.significand | (1n << 62n)) >> BigInt(64 - format.precisionBits);
  return packInfinity(format, x.sign) | BigInt.asUintN(format.storedBits, payload);
}

/**
 * The result when an operand is a NaN or an unsupported encoding.
 * SDM Vol. 1 Table 4-7 "Rules for handling NaNs", §8.2.2 "Unsupported Double Extended-Precision Floating-Point Encodings".
 */
export function propagateNan(format: FloatFormat, x: Unpacked, y: Unpacked, ctx: FloatContext): bigint {
  if (x.kind === Kind.Unsupported || y.kind === Kind.Unsupported) return invalid(format, ctx);
  if (x.kind === Kind.SignalingNan || y.kind === Kind.SignalingNan) raise(ctx, FloatException.Invalid);
  if (x.kind < Kind.QuietNan) return packNan(format, y);
  if (y.kind < Kind.QuietNan || ctx.family === 'sse') return packNan(format, x);
  return packNan(format, preferredNan(x, y));
}

/** The NaN result of an instruction with one operand. */
export function propagateOne(format: FloatFormat, x: Unpacked, ctx: FloatContext): bigint {
  return propagateNan(format, x, x, ctx);
}

/** x87: a QNaN before an SNaN, then the larger significand, then the positive one. */
function preferredNan(x: Unpacked, y: Unpacked): Unpacked {
  if (x.kind !== y.kind) return x.kind === Kind.QuietNan ? x : y;
  if (x.significand !== y.significand) return x.significand > y.significand ? x : y;
  return x.sign <= y.sign ? x : y;
}
