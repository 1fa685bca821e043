import { add, subtract } from '../softfloat/add.ts';
import { compare, comparePredicate, Ordering } from '../softfloat/compare.ts';
import { type FloatContext, reportedFlags, roundingFromField, sseContext, trapped } from '../softfloat/context.ts';
import { roundToIntegral } from '../softfloat/convert.ts';
import { F32, F64, type FloatFormat } from '../softfloat/formats.ts';
import { multiply } from '../softfloat/multiply.ts';
import { approximateReciprocal, approximateReciprocalRoot } from './approximation.ts';
import type { FloatIntrinsic, Intrinsic, IntrinsicTable } from './intrinsic.ts';
import { fromLanes, toLanes } from './lanes.ts';

/** A function under MXCSR; the exceptions of all its lanes are raised together. */
export const underMxcsr = (evaluate: (args: readonly bigint[], ctx: FloatContext) => bigint): FloatIntrinsic => ({
  kind: 'float',
  evaluate: (args, mxcsr) => {
    const ctx = sseContext(mxcsr);
    const result = evaluate(args, ctx);
    return { result, flags: reportedFlags(ctx) };
  },
});

/** Format and number of lanes of a mnemonic's suffix. */
const SHAPES = { PS: [F32, 4], PD: [F64, 2], SS: [F32, 1], SD: [F64, 1] } as const;

/** destination, source, imm8 to masks */
const comparison = ([format, count]: readonly [FloatFormat, number]): FloatIntrinsic =>
  underMxcsr(([a, b, predicate], ctx) => {
    const right = toLanes(b!, format.widthBits, count);
    const masks = toLanes(a!, format.widthBits, count).map((left, n) =>
      comparePredicate(format, left, right[n]!, ctx, Number(predicate)) ? -1n : 0n,
    );
    return fromLanes(masks, format.widthBits);
  });

/** ZF PF CF as EFLAGS bits 6, 2, 0, by Ordering (SDM Vol. 2A "COMISS"). */
const ORDERING_FLAGS = {
  [Ordering.Less]: 0x01n,
  [Ordering.Equal]: 0x40n,
  [Ordering.Greater]: 0x00n,
  [Ordering.Unordered]: 0x45n,
} as const;

const flagComparison = (format: FloatFormat, signaling: boolean): FloatIntrinsic =>
  underMxcsr(([a, b], ctx) => {
    const [left, right] = [BigInt.asUintN(format.widthBits, a!), BigInt.asUintN(format.widthBits, b!)];
    return ORDERING_FLAGS[compare(format, left, right, ctx, { signaling })];
  });

/** Even lanes are subtracted, odd ones added. */
const addSubtract = ([format, count]: readonly [FloatFormat, number]): FloatIntrinsic =>
  underMxcsr(([a, b], ctx) => {
    const right = toLanes(b!, format.widthBits, count);
    const results = toLanes(a!, format.widthBits, count).map((left, n) =>
      (n & 1) === 0 ? subtract(format, left, right[n]!, ctx) : add(format, left, right[n]!, ctx),
    );
    return fromLanes(results, format.widthBits);
  });

/** source, imm8: [3] suppress precision [2] rounding of MXCSR [1:0] rounding (SDM Vol. 2B Figure 4-24) */
const rounding = ([format, count]: readonly [FloatFormat, number]): FloatIntrinsic =>
  underMxcsr(([a, control], ctx) => {
    const imm8 = Number(control);
    const options = {
      rounding: (imm8 & 4) !== 0 ? ctx.rounding : roundingFromField(imm8),
      suppressPrecision: (imm8 & 8) !== 0,
    };
    const results = toLanes(a!, format.widthBits, count).map((lane) => roundToIntegral(format, lane, ctx, options));
    return fromLanes(results, format.widthBits);
  });

/**
 * destination, source, imm8: [7:4] lanes multiplied [3:0] lanes written. Products are summed pairwise; an unmasked
 * exception of one step ends it (SDM Vol. 2A "DPPS").
 */
const dotProduct = ([format, count]: readonly [FloatFormat, number]): FloatIntrinsic =>
  underMxcsr(([a, b, control], ctx) => {
    const imm8 = Number(control);
    const right = toLanes(b!, format.widthBits, count);
    let terms = toLanes(a!, format.widthBits, count).map((left, n) =>
      ((imm8 >> (4 + n)) & 1) !== 0 ? multiply(format, left, right[n]!, ctx) : 0n,
    );
    while (terms.length > 1 && !trapped(ctx, 0x3f)) {
      const pairs = terms;
      terms = Array.from({ length: pairs.length / 2 }, (_, n) => add(format, pairs[2 * n]!, pairs[2 * n + 1]!, ctx));
    }
    const results = right.map((_, n) => (((imm8 >> n) & 1) !== 0 ? terms[0]! : 0n));
    return fromLanes(results, format.widthBits);
  });

const approximation = (of: (bits: number) => number): Intrinsic => ({
  kind: 'pure',
  evaluate: ([a]) =>
    fromLanes(
      toLanes(a!, 32).map((lane) => BigInt(of(Number(lane)))),
      32,
    ),
});

export const simdFloatIntrinsics: IntrinsicTable = {
  CMPPS: comparison(SHAPES.PS),
  CMPPD: comparison(SHAPES.PD),
  CMPSS: comparison(SHAPES.SS),
  CMPSD: comparison(SHAPES.SD),
  COMISS: flagComparison(F32, true),
  COMISD: flagComparison(F64, true),
  UCOMISS: flagComparison(F32, false),
  UCOMISD: flagComparison(F64, false),
  ADDSUBPS: addSubtract(SHAPES.PS),
  ADDSUBPD: addSubtract(SHAPES.PD),
  ROUNDPS: rounding(SHAPES.PS),
  ROUNDPD: rounding(SHAPES.PD),
  ROUNDSS: rounding(SHAPES.SS),
  ROUNDSD: rounding(SHAPES.SD),
  DPPS: dotProduct(SHAPES.PS),
  DPPD: dotProduct(SHAPES.PD),
  RCPPS: approximation(approximateReciprocal),
  RSQRTPS: approximation(approximateReciprocalRoot),
};
