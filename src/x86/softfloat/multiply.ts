import { addExact, operationPrecision, signOfCancellation } from './add.ts';
import { type FloatContext, FloatException, raise } from './context.ts';
import type { FloatFormat } from './formats.ts';
import { packNan, propagateNan } from './nan.ts';
import { type Exact, roundPack } from './round.ts';
import { denormalTraps, invalid, Kind, packInfinity, packZero, type Unpacked, unpack } from './unpack.ts';

export function multiply(format: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return multiplyOperands(format, unpack(format, a, ctx), unpack(format, b, ctx), ctx);
}

/** As `multiply`, on operands of any formats (x87 memory operands). */
export function multiplyOperands(format: FloatFormat, x: Unpacked, y: Unpacked, ctx: FloatContext): bigint {
  if (x.kind >= Kind.QuietNan || y.kind >= Kind.QuietNan) return propagateNan(format, x, y, ctx);
  if (zeroTimesInfinity(x, y)) return invalid(format, ctx);
  if (denormalTraps(ctx, x, y)) return format.indefinite;
  const sign = x.sign ^ y.sign;
  if (x.kind === Kind.Infinite || y.kind === Kind.Infinite) return packInfinity(format, sign);
  if (x.kind === Kind.Zero || y.kind === Kind.Zero) return packZero(format, sign);
  return roundPack(format, multiplyExact(x, y), ctx, operationPrecision(format, ctx));
}

/**
 * `a * b + c` rounded once. NaN precedence is a, b, c; zero times infinity with a quiet c yields c.
 * SDM Vol. 1 §14.5.3, Table 14-17 "Rules for handling NaNs" for FMA.
 */
export function multiplyAdd(
  format: FloatFormat,
  operands: readonly [bigint, bigint, bigint],
  ctx: FloatContext,
): bigint {
  const [x, y, z] = operands.map((bits) => unpack(format, bits, ctx)) as [Unpacked, Unpacked, Unpacked];
  const nan = [x, y, z].find((operand) => operand.kind >= Kind.QuietNan);
  if (nan !== undefined) {
    if ([x, y, z].some((operand) => operand.kind === Kind.SignalingNan)) raise(ctx, FloatException.Invalid);
    return packNan(format, nan);
  }
  const sign = x.sign ^ y.sign;
  const infiniteProduct = x.kind === Kind.Infinite || y.kind === Kind.Infinite;
  if (zeroTimesInfinity(x, y)) return invalid(format, ctx);
  if (infiniteProduct && z.kind === Kind.Infinite && z.sign !== sign) return invalid(format, ctx);
  const trapsProduct = denormalTraps(ctx, x, y);
  if (denormalTraps(ctx, z) || trapsProduct) return format.indefinite;
  if (infiniteProduct) return packInfinity(format, sign);
  if (z.kind === Kind.Infinite) return packInfinity(format, z.sign);
  if (x.kind === Kind.Zero || y.kind === Kind.Zero) {
    if (z.kind === Kind.Finite) return roundPack(format, z, ctx);
    return packZero(format, sign === z.sign ? sign : signOfCancellation(ctx));
  }
  const product = multiplyExact(x, y);
  const sum = z.kind === Kind.Zero ? product : addExact(product, z);
  return sum.significand === 0n ? packZero(format, signOfCancellation(ctx)) : roundPack(format, sum, ctx);
}

function zeroTimesInfinity(x: Unpacked, y: Unpacked): boolean {
  return (x.kind === Kind.Zero && y.kind === Kind.Infinite) || (x.kind === Kind.Infinite && y.kind === Kind.Zero);
}

function multiplyExact(x: Exact, y: Exact): Exact {
  return { sign: x.sign ^ y.sign, exponent: x.exponent + y.exponent, significand: x.significand * y.significand };
}
