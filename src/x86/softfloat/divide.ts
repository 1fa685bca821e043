import { operationPrecision } from './add.ts';
import { bitLength, integerSquareRoot } from './bit-length.ts';
import { type FloatContext, FloatException, raise, trapped } from './context.ts';
import type { FloatFormat } from './formats.ts';
import { propagateNan, propagateOne } from './nan.ts';
import { roundPack } from './round.ts';
import { denormalTraps, invalid, Kind, packInfinity, packZero, type Unpacked, unpack } from './unpack.ts';

// Quotient and root bits computed before rounding: every format's precision, a round bit and a sticky bit fit.
const WORKING_BITS = 68;

export function divide(format: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return divideOperands(format, unpack(format, a, ctx), unpack(format, b, ctx), ctx);
}

/** As `divide`, on operands of any formats (x87 memory operands). */
export function divideOperands(format: FloatFormat, x: Unpacked, y: Unpacked, ctx: FloatContext): bigint {
  if (x.kind >= Kind.QuietNan || y.kind >= Kind.QuietNan) return propagateNan(format, x, y, ctx);
  if (x.kind === y.kind && x.kind !== Kind.Finite) return invalid(format, ctx);
  const sign = x.sign ^ y.sign;
  if (y.kind === Kind.Zero && x.kind === Kind.Finite) {
    raise(ctx, FloatException.ZeroDivide);
    if (trapped(ctx, FloatException.ZeroDivide)) return format.indefinite;
    return packInfinity(format, sign);
  }
  if (denormalTraps(ctx, x, y)) return format.indefinite;
  if (x.kind === Kind.Infinite || y.kind === Kind.Zero) return packInfinity(format, sign);
  if (x.kind === Kind.Zero || y.kind === Kind.Infinite) return packZero(format, sign);
  const shift = Math.max(0, WORKING_BITS + bitLength(y.significand) - bitLength(x.significand));
  const dividend = x.significand << BigInt(shift);
  const quotient = dividend / y.significand;
  const sticky = quotient * y.significand === dividend ? 0n : 1n;
  const exponent = x.exponent - y.exponent - shift - 1;
  return roundPack(
    format,
    { sign, exponent, significand: (quotient << 1n) | sticky },
    ctx,
    operationPrecision(format, ctx),
  );
}

export function squareRoot(format: FloatFormat, a: bigint, ctx: FloatContext): bigint {
  const x = unpack(format, a, ctx);
  if (x.kind >= Kind.QuietNan) return propagateOne(format, x, ctx);
  if (x.kind === Kind.Zero) return packZero(format, x.sign);
  if (x.sign === 1) return invalid(format, ctx);
  if (x.kind === Kind.Infinite) return packInfinity(format, 0);
  if (denormalTraps(ctx, x)) return format.indefinite;
  const least = Math.max(0, 2 * WORKING_BITS - bitLength(x.significand));
  const shift = least + ((x.exponent - least) & 1);
  const radicand = x.significand << BigInt(shift);
  const root = integerSquareRoot(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  const exponent = (x.exponent - shift) / 2 - 1;
  return roundPack(
    format,
    { sign: 0, exponent, significand: (root << 1n) | sticky },
    ctx,
    operationPrecision(format, ctx),
  );
}
