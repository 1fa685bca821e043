import { bitLength } from './bit-length.ts';
import type { FloatContext } from './context.ts';
import { TINY_EXPONENT } from './exponential.ts';
import { arctangent as arctangentFixed, cosineFixed, FRACTION_BITS, PI, sineFixed } from './fixed-point.ts';
import { F80 } from './formats.ts';
import { propagateNan, propagateOne } from './nan.ts';
import { type Exact, roundPack } from './round.ts';
import { denormalTraps, finite, invalid, Kind, packZero, type Unpacked, unpack } from './unpack.ts';

/** Arguments of this magnitude and beyond are left alone, C2 set. SDM Vol. 1 §8.1.3.2. */
const RANGE_EXPONENT = 63;

/** The 66-bit pi that argument reduction uses, times 2^64. SDM Vol. 1 §8.3.8 "Approximation of Pi". */
const REDUCTION_PI = 0x3243f6a8885a308d3n;

/** POSITIVE_ONE: what FCOS yields for zero. */
const POSITIVE_ONE = (16383n << 64n) | (1n << 63n);

/** Undefined: the argument is out of range. */
export type Reduced = bigint | undefined;

type Evaluation = (reduced: { r: bigint; quadrant: number }) => Exact;

/** FSIN. SDM Vol. 2A FSIN, Table 3-37. */
export function sine(a: bigint, ctx: FloatContext): Reduced {
  return evaluate(a, ctx, { ofZero: identity, ofTiny: slightlyBelow, of: ({ r, quadrant }) => sineOf(r, quadrant) });
}

/** FCOS. SDM Vol. 2A FCOS, Table 3-20. */
export function cosine(a: bigint, ctx: FloatContext): Reduced {
  return evaluate(a, ctx, {
    ofZero: () => POSITIVE_ONE,
    ofTiny: () => slightlyBelow(finite(0, 0, 1n)),
    of: ({ r, quadrant }) => sineOf(r, quadrant + 1),
  });
}

/** FPTAN, without the 1.0 that it pushes. SDM Vol. 2A FPTAN, Table 3-30. */
export function tangent(a: bigint, ctx: FloatContext): Reduced {
  return evaluate(a, ctx, {
    ofZero: identity,
    ofTiny: slightlyAbove,
    of: ({ r, quadrant }) => {
      const numerator = sineOf(r, quadrant);
      const denominator = sineOf(r, quadrant + 1);
      const significand = (numerator.significand << BigInt(FRACTION_BITS)) / denominator.significand;
      return finite(numerator.sign ^ denominator.sign, -FRACTION_BITS, significand | 1n);
    },
  });
}

type Cases = {
  readonly ofZero: (a: bigint) => bigint;
  readonly ofTiny: (x: Exact) => Exact;
  readonly of: Evaluation;
};

function evaluate(a: bigint, ctx: FloatContext, cases: Cases): Reduced {
  const x = unpack(F80, a, ctx);
  if (x.kind >= Kind.QuietNan) return propagateOne(F80, x, ctx);
  if (x.kind === Kind.Infinite) return invalid(F80, ctx);
  if (x.kind === Kind.Zero) return cases.ofZero(a);
  const leading = x.exponent + bitLength(x.significand) - 1;
  if (leading >= RANGE_EXPONENT) return undefined;
  if (denormalTraps(ctx, x)) return F80.indefinite;
  return roundPack(F80, leading < TINY_EXPONENT ? cases.ofTiny(x) : cases.of(reduce(x)), ctx);
}

const identity = (a: bigint): bigint => a;

// Far more bits than f80 has, so that the last one is sticky.
const STICKY_BITS = 160;

function slightlyBelow(x: Exact): Exact {
  return { sign: x.sign, exponent: x.exponent - STICKY_BITS, significand: (x.significand << BigInt(STICKY_BITS)) - 1n };
}

function slightlyAbove(x: Exact): Exact {
  return { sign: x.sign, exponent: x.exponent - STICKY_BITS, significand: (x.significand << BigInt(STICKY_BITS)) + 1n };
}

/** `x = quadrant * pi/2 + r` with |r| <= pi/4, r in fixed point. */
function reduce(x: Unpacked): { r: bigint; quadrant: number } {
  // pi/2 = REDUCTION_PI * 2^-65
  const exponent = Math.min(x.exponent, -65);
  const magnitude = x.significand << BigInt(x.exponent - exponent);
  const halfPi = REDUCTION_PI << BigInt(-65 - exponent);
  const quadrant = (magnitude + (halfPi >> 1n)) / halfPi;
  const rest = (magnitude - quadrant * halfPi) << BigInt(FRACTION_BITS + exponent);
  const low = Number(quadrant & 3n);
  return x.sign === 0 ? { r: rest, quadrant: low } : { r: -rest, quadrant: -low & 3 };
}

/** sin(r + quadrant * pi/2). */
function sineOf(r: bigint, quadrant: number): Exact {
  const value = (quadrant & 1) === 0 ? sineFixed(r) : cosineFixed(r);
  const sign = (value < 0n ? 1 : 0) ^ ((quadrant >> 1) & 1);
  return { sign, exponent: -FRACTION_BITS, significand: (value < 0n ? -value : value) | 1n };
}

/** FPATAN: the angle of the point (x, y). SDM Vol. 2A FPATAN, Table 3-28. */
export function arctangent(y: bigint, x: bigint, ctx: FloatContext): bigint {
  const ordinate = unpack(F80, y, ctx);
  const abscissa = unpack(F80, x, ctx);
  if (ordinate.kind >= Kind.QuietNan || abscissa.kind >= Kind.QuietNan) {
    return propagateNan(F80, ordinate, abscissa, ctx);
  }
  if (denormalTraps(ctx, ordinate, abscissa)) return F80.indefinite;
  const { sign } = ordinate;
  const left = abscissa.sign === 1;
  const special = specialAngle(ordinate, abscissa);
  if (special === 0n) return packZero(F80, sign);
  if (special !== undefined) return roundPack(F80, finite(sign, -FRACTION_BITS, special), ctx);
  const gap = leadingOf(ordinate) - leadingOf(abscissa);
  if (gap < TINY_EXPONENT && !left) return roundPack(F80, quotient(ordinate, abscissa), ctx);
  return roundPack(F80, finite(sign, -FRACTION_BITS, angle(ordinate, abscissa, gap) | 1n), ctx);
}

function leadingOf(x: Exact): number {
  return x.exponent + bitLength(x.significand);
}

/** Magnitude of the angle of a point on an axis or at infinity. */
function specialAngle(y: Unpacked, x: Unpacked): bigint | undefined {
  const left = x.sign === 1;
  if (y.kind === Kind.Infinite) return x.kind !== Kind.Infinite ? PI >> 1n : left ? (PI * 3n) >> 2n : PI >> 2n;
  if (y.kind === Kind.Zero || x.kind === Kind.Infinite) return left ? PI : 0n;
  return x.kind === Kind.Zero ? PI >> 1n : undefined;
}

/** Magnitude of the angle of a point off the axes, in fixed point. */
function angle(y: Unpacked, x: Unpacked, gap: number): bigint {
  const left = x.sign === 1;
  if (Math.abs(gap) > -TINY_EXPONENT) {
    // Within 2^-80 of an axis.
    if (gap > 0) return left ? (PI >> 1n) + 1n : (PI >> 1n) - 1n;
    return PI - 1n;
  }
  const exponent = Math.min(x.exponent, y.exponent);
  const vertical = y.significand << BigInt(y.exponent - exponent);
  const horizontal = x.significand << BigInt(x.exponent - exponent);
  const steep = vertical > horizontal;
  const ratio = steep
    ? (horizontal << BigInt(FRACTION_BITS)) / vertical
    : (vertical << BigInt(FRACTION_BITS)) / horizontal;
  const acute = arctangentFixed(ratio);
  const fromAxis = steep ? (PI >> 1n) - acute : acute;
  return left ? PI - fromAxis : fromAxis;
}

/** arctan(y / x) where the quotient is so small that only a sticky bit tells them apart. */
function quotient(y: Unpacked, x: Unpacked): Exact {
  const shift = STICKY_BITS + bitLength(x.significand);
  const significand = (y.significand << BigInt(shift)) / x.significand;
  const exact = significand * x.significand === y.significand << BigInt(shift);
  const at = { sign: y.sign, exponent: y.exponent - x.exponent - shift, significand };
  return exact ? slightlyBelow(at) : { ...at, significand: significand | 1n };
}
