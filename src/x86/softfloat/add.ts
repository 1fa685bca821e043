import { bitLength } from './bit-length.ts';
import { type FloatContext, Rounding } from './context.ts';
import type { FloatFormat } from './formats.ts';
import { propagateNan } from './nan.ts';
import { type Exact, roundPack } from './round.ts';
import { denormalTraps, invalid, Kind, packInfinity, packZero, type Unpacked, unpack } from './unpack.ts';

// More than any format's precision twice over: bits this far below the larger term only matter by being there.
const FAR = 160;

export function add(format: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return addOperands(format, unpack(format, a, ctx), unpack(format, b, ctx), ctx);
}

export function subtract(format: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return subtractOperands(format, unpack(format, a, ctx), unpack(format, b, ctx), ctx);
}

/** As `subtract`, on operands of any formats (x87 memory operands); a NaN keeps its sign. */
export function subtractOperands(format: FloatFormat, x: Unpacked, y: Unpacked, ctx: FloatContext): bigint {
  return addOperands(format, x, y.kind < Kind.QuietNan ? negate(y) : y, ctx);
}

/** As `add`, on operands of any formats (x87 memory operands). SDM Vol. 1 §4.8.3, Table 4-7. */
export function addOperands(format: FloatFormat, x: Unpacked, y: Unpacked, ctx: FloatContext): bigint {
  if (x.kind >= Kind.QuietNan || y.kind >= Kind.QuietNan) return propagateNan(format, x, y, ctx);
  if (x.kind === Kind.Infinite && y.kind === Kind.Infinite && x.sign !== y.sign) return invalid(format, ctx);
  if (denormalTraps(ctx, x, y)) return format.indefinite;
  if (x.kind === Kind.Infinite) return packInfinity(format, x.sign);
  if (y.kind === Kind.Infinite) return packInfinity(format, y.sign);
  if (x.kind === Kind.Zero && y.kind === Kind.Zero) {
    return packZero(format, x.sign === y.sign ? x.sign : signOfCancellation(ctx));
  }
  const sum = x.kind === Kind.Zero ? y : y.kind === Kind.Zero ? x : addExact(x, y);
  if (sum.significand === 0n) return packZero(format, signOfCancellation(ctx));
  return roundPack(format, sum, ctx, operationPrecision(format, ctx));
}

/** Precision control acts on the double extended format alone. */
export function operationPrecision(format: FloatFormat, ctx: FloatContext): number {
  return format.explicitInteger ? ctx.precisionBits : format.precisionBits;
}

/** The sign of an exact zero sum of opposite terms. SDM Vol. 1 §4.8.3.1. */
export function signOfCancellation(ctx: FloatContext): number {
  return ctx.rounding === Rounding.Down ? 1 : 0;
}

export function negate(x: Unpacked): Unpacked {
  return { ...x, sign: 1 - x.sign };
}

/** The sum of two finite non-zero values, exact but for a tail far below, which is kept as one sticky unit. */
export function addExact(x: Exact, y: Exact): Exact {
  const leadX = x.exponent + bitLength(x.significand);
  const leadY = y.exponent + bitLength(y.significand);
  if (leadY < x.exponent - FAR) return addTail(x, y.sign);
  if (leadX < y.exponent - FAR) return addTail(y, x.sign);
  const exponent = Math.min(x.exponent, y.exponent);
  const sum = signedAt(x, exponent) + signedAt(y, exponent);
  return sum < 0n ? { sign: 1, exponent, significand: -sum } : { sign: 0, exponent, significand: sum };
}

function addTail(large: Exact, tailSign: number): Exact {
  const shifted = large.significand << BigInt(FAR);
  const significand = large.sign === tailSign ? shifted + 1n : shifted - 1n;
  return { sign: large.sign, exponent: large.exponent - FAR, significand };
}

function signedAt(value: Exact, exponent: number): bigint {
  const magnitude = value.significand << BigInt(value.exponent - exponent);
  return value.sign === 0 ? magnitude : -magnitude;
}
