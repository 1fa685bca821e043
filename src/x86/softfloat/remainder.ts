import { bitLength } from './bit-length.ts';
import type { FloatContext } from './context.ts';
import { F80 } from './formats.ts';
import { propagateNan } from './nan.ts';
import { roundPack } from './round.ts';
import { denormalTraps, finite, invalid, Kind, packZero, type Unpacked, unpack } from './unpack.ts';

/** Condition codes in the x87 status word. SDM Vol. 1 Figure 8-4. */
const C0 = 1 << 8;
const C1 = 1 << 9;
const C2 = 1 << 10;
const C3 = 1 << 14;

export type PartialRemainder = {
  readonly value: bigint;
  /**
   * C0 C3 C1 = quotient bits 2, 1, 0 when C2 is clear (reduction complete). Absent for NaN results: C1 and C2 are
   * cleared then, and C0 and C3, undefined in the manual, stay as they are on silicon.
   */
  readonly conditionCodes?: number;
};

/**
 * FPREM (`truncate`) and FPREM1 (`nearest`): one step takes up to 63 bits off the exponents' difference.
 * SDM Vol. 2A FPREM, FPREM1.
 */
export function partialRemainder(
  a: bigint,
  b: bigint,
  ctx: FloatContext,
  quotient: 'truncate' | 'nearest',
): PartialRemainder {
  const x = unpack(F80, a, ctx);
  const y = unpack(F80, b, ctx);
  if (x.kind >= Kind.QuietNan || y.kind >= Kind.QuietNan) return { value: propagateNan(F80, x, y, ctx) };
  if (x.kind === Kind.Infinite || y.kind === Kind.Zero) return { value: invalid(F80, ctx) };
  if (denormalTraps(ctx, x, y)) return bare(a);
  if (x.kind === Kind.Zero) return bare(packZero(F80, x.sign));
  if (y.kind === Kind.Infinite) return bare(roundPack(F80, x, ctx));
  const difference = leading(x) - leading(y);
  return difference < 64 ? lastStep(x, y, ctx, quotient) : firstStep(x, y, ctx, difference);
}

function bare(value: bigint): PartialRemainder {
  return { value, conditionCodes: 0 };
}

function leading(x: Unpacked): number {
  return x.exponent + bitLength(x.significand);
}

function pack(sign: number, exponent: number, significand: bigint, ctx: FloatContext): bigint {
  return significand === 0n ? packZero(F80, sign) : roundPack(F80, finite(sign, exponent, significand), ctx);
}

/** Takes 32 to 63 bits off, so that later steps end on a multiple of 32. */
function firstStep(x: Unpacked, y: Unpacked, ctx: FloatContext, difference: number): PartialRemainder {
  const taken = 32 + (difference % 32);
  const scaled = finite(y.sign, y.exponent + difference - taken, y.significand);
  const { exponent, dividend, divisor } = align(x, scaled);
  return { value: pack(x.sign, exponent, dividend % divisor, ctx), conditionCodes: C2 };
}

function align(x: Unpacked, y: Unpacked): { exponent: number; dividend: bigint; divisor: bigint } {
  const exponent = Math.min(x.exponent, y.exponent);
  return {
    exponent,
    dividend: x.significand << BigInt(x.exponent - exponent),
    divisor: y.significand << BigInt(y.exponent - exponent),
  };
}

function lastStep(x: Unpacked, y: Unpacked, ctx: FloatContext, rule: 'truncate' | 'nearest'): PartialRemainder {
  const { exponent, dividend, divisor } = align(x, y);
  let quotient = dividend / divisor;
  let rest = dividend - quotient * divisor;
  let sign = x.sign;
  const twice = rest << 1n;
  if (rule === 'nearest' && (twice > divisor || (twice === divisor && (quotient & 1n) === 1n))) {
    quotient += 1n;
    rest = divisor - rest;
    sign ^= 1;
  }
  const low = Number(quotient & 7n);
  const conditionCodes = (low & 4 ? C0 : 0) | (low & 2 ? C3 : 0) | (low & 1 ? C1 : 0);
  return { value: pack(sign, exponent, rest, ctx), conditionCodes };
}
