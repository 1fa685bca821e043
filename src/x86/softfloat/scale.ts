import { bitLength } from './bit-length.ts';
import { type FloatContext, FloatException, raise, trapped } from './context.ts';
import { F80 } from './formats.ts';
import { propagateNan, propagateOne } from './nan.ts';
import { roundPack } from './round.ts';
import { denormalTraps, finite, invalid, Kind, packInfinity, packZero, unpack } from './unpack.ts';

// Beyond every exponent of f80, even after the bias adjustment of an unmasked overflow or underflow.
const SCALE_LIMIT = 1 << 17;

/** FSCALE: `a * 2^trunc(b)`. SDM Vol. 2A FSCALE, Table 3-24. */
export function scale(a: bigint, b: bigint, ctx: FloatContext): bigint {
  const x = unpack(F80, a, ctx);
  const y = unpack(F80, b, ctx);
  if (x.kind >= Kind.QuietNan || y.kind >= Kind.QuietNan) return propagateNan(F80, x, y, ctx);
  if (y.kind === Kind.Infinite) {
    const indeterminate = y.sign === 0 ? Kind.Zero : Kind.Infinite;
    if (x.kind === indeterminate) return invalid(F80, ctx);
    if (denormalTraps(ctx, x)) return F80.indefinite;
    return y.sign === 0 ? packInfinity(F80, x.sign) : packZero(F80, x.sign);
  }
  if (denormalTraps(ctx, x, y)) return F80.indefinite;
  if (x.kind === Kind.Infinite) return packInfinity(F80, x.sign);
  if (x.kind === Kind.Zero) return packZero(F80, x.sign);
  const magnitude = y.exponent + bitLength(y.significand) > 17 ? SCALE_LIMIT : Number(shift(y.significand, y.exponent));
  return roundPack(F80, finite(x.sign, x.exponent + (y.sign === 0 ? magnitude : -magnitude), x.significand), ctx);
}

function shift(value: bigint, by: number): bigint {
  return by >= 0 ? value << BigInt(by) : value >> BigInt(-by);
}

/** FXTRACT: the unbiased exponent as a number, and the significand with exponent zero. SDM Vol. 2A FXTRACT. */
export function extract(a: bigint, ctx: FloatContext): { exponent: bigint; significand: bigint } {
  const x = unpack(F80, a, ctx);
  if (x.kind >= Kind.QuietNan) {
    const nan = propagateOne(F80, x, ctx);
    return { exponent: nan, significand: nan };
  }
  if (x.kind === Kind.Infinite) return { exponent: packInfinity(F80, 0), significand: packInfinity(F80, x.sign) };
  if (x.kind === Kind.Zero) {
    raise(ctx, FloatException.ZeroDivide);
    return { exponent: packInfinity(F80, 1), significand: packZero(F80, x.sign) };
  }
  denormalTraps(ctx, x);
  if (trapped(ctx, FloatException.Denormal)) return { exponent: F80.indefinite, significand: F80.indefinite };
  const length = bitLength(x.significand);
  const exponent = x.exponent + length - 1;
  const sign = exponent < 0 ? 1 : 0;
  return {
    exponent: exponent === 0 ? 0n : roundPack(F80, finite(sign, 0, BigInt(Math.abs(exponent))), ctx),
    significand: roundPack(F80, finite(x.sign, 1 - length, x.significand), ctx),
  };
}
