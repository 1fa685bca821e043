import { bitLength } from './bit-length.ts';
import { type FloatContext, FloatException, raise } from './context.ts';
import type { FloatFormat } from './formats.ts';
import { denormalTraps, Kind, packZero, type Unpacked, unpack } from './unpack.ts';

export const Ordering = { Less: 0, Equal: 1, Greater: 2, Unordered: 3 } as const;
export type Ordering = (typeof Ordering)[keyof typeof Ordering];

/**
 * Compares two operands. `signaling` comparisons (FCOM, COMISS, CMPLTPS) raise #IA for any NaN, quiet ones (FUCOM,
 * UCOMISS, CMPEQPS) for an SNaN or an unsupported encoding only.
 */
export function compare(
  format: FloatFormat,
  a: bigint,
  b: bigint,
  ctx: FloatContext,
  options: { readonly signaling: boolean },
): Ordering {
  return compareOperands(unpack(format, a, ctx), unpack(format, b, ctx), ctx, options.signaling);
}

/** As `compare`, on operands of any formats (x87 memory operands). */
export function compareOperands(x: Unpacked, y: Unpacked, ctx: FloatContext, signaling: boolean): Ordering {
  if (x.kind >= Kind.QuietNan || y.kind >= Kind.QuietNan) {
    if (signaling || x.kind > Kind.QuietNan || y.kind > Kind.QuietNan) raise(ctx, FloatException.Invalid);
    return Ordering.Unordered;
  }
  denormalTraps(ctx, x, y);
  return order(x, y);
}

/** Orders two numbers, infinities included. */
function order(x: Unpacked, y: Unpacked): Ordering {
  const rankX = signedRank(x);
  const rankY = signedRank(y);
  if (rankX !== rankY) return rankX < rankY ? Ordering.Less : Ordering.Greater;
  if (x.kind !== Kind.Finite) return Ordering.Equal;
  const magnitude = compareMagnitudes(x, y);
  return (1 + (x.sign === 0 ? magnitude : -magnitude)) as Ordering;
}

/** -2 for -infinity, -1 for negative, 0 for both zeros, and so on. */
function signedRank(x: Unpacked): number {
  const rank = x.kind === Kind.Zero ? 0 : x.kind === Kind.Finite ? 1 : 2;
  return x.sign === 0 ? rank : -rank;
}

/** Sign of |x| - |y| for finite non-zero operands. */
export function compareMagnitudes(x: Unpacked, y: Unpacked): -1 | 0 | 1 {
  const leadX = x.exponent + bitLength(x.significand);
  const leadY = y.exponent + bitLength(y.significand);
  if (leadX !== leadY) return leadX < leadY ? -1 : 1;
  const exponent = Math.min(x.exponent, y.exponent);
  const left = x.significand << BigInt(x.exponent - exponent);
  const right = y.significand << BigInt(y.exponent - exponent);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Predicates of CMPPS in imm8[2:0]: which orderings hold, and whether a QNaN signals. SDM Vol. 2A CMPPD, Table 3-1. */
export const COMPARE_PREDICATES: readonly { name: string; holds: readonly Ordering[]; signaling: boolean }[] = [
  { name: 'EQ', holds: [Ordering.Equal], signaling: false },
  { name: 'LT', holds: [Ordering.Less], signaling: true },
  { name: 'LE', holds: [Ordering.Less, Ordering.Equal], signaling: true },
  { name: 'UNORD', holds: [Ordering.Unordered], signaling: false },
  { name: 'NEQ', holds: [Ordering.Less, Ordering.Greater, Ordering.Unordered], signaling: false },
  { name: 'NLT', holds: [Ordering.Equal, Ordering.Greater, Ordering.Unordered], signaling: true },
  { name: 'NLE', holds: [Ordering.Greater, Ordering.Unordered], signaling: true },
  { name: 'ORD', holds: [Ordering.Less, Ordering.Equal, Ordering.Greater], signaling: false },
];

/** One element of CMPPS, CMPSS, CMPPD, CMPSD: does predicate `imm8[2:0]` hold? */
export function comparePredicate(
  format: FloatFormat,
  a: bigint,
  b: bigint,
  ctx: FloatContext,
  predicate: number,
): boolean {
  const row = COMPARE_PREDICATES[predicate & 7]!;
  return row.holds.includes(compare(format, a, b, ctx, row));
}

/** MINPS and kin: the second operand when either is a NaN or both are zeros. SDM Vol. 2B MINPS. */
export function minimum(format: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return select(format, a, b, ctx, Ordering.Less);
}

/** MAXPS and kin: the second operand when either is a NaN or both are zeros. SDM Vol. 2B MAXPS. */
export function maximum(format: FloatFormat, a: bigint, b: bigint, ctx: FloatContext): bigint {
  return select(format, a, b, ctx, Ordering.Greater);
}

function select(format: FloatFormat, a: bigint, b: bigint, ctx: FloatContext, first: Ordering): bigint {
  const x = unpack(format, a, ctx);
  const y = unpack(format, b, ctx);
  const chosen = compareOperands(x, y, ctx, true) === first ? { bits: a, as: x } : { bits: b, as: y };
  // With DAZ a denormal operand is a zero in the result, too.
  return chosen.as.kind === Kind.Zero ? packZero(format, chosen.as.sign) : chosen.bits;
}
