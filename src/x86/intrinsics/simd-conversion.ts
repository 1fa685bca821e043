import { type FloatContext, Rounding } from '../softfloat/context.ts';
import { convert, fromInteger, toInteger } from '../softfloat/convert.ts';
import { F32, F64, type FloatFormat } from '../softfloat/formats.ts';
import type { FloatIntrinsic, IntrinsicTable } from './intrinsic.ts';
import { fromLanes, toLanes } from './lanes.ts';
import { underMxcsr } from './simd-float.ts';

interface Lanes {
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/** `count` low lanes of `from` bits to lanes of `to` bits; zero above. */
const eachLane = ({ count, from, to }: Lanes, one: (lane: bigint, ctx: FloatContext) => bigint): FloatIntrinsic =>
  underMxcsr(([a], ctx) =>
    fromLanes(
      toLanes(a!, from, count).map((lane) => one(lane, ctx)),
      to,
    ),
  );

const betweenFormats = (from: FloatFormat, to: FloatFormat, count: number): FloatIntrinsic =>
  eachLane({ count, from: from.widthBits, to: to.widthBits }, (lane, ctx) => convert(from, to, lane, ctx));

const fromIntegers = (to: FloatFormat, count: number): FloatIntrinsic =>
  eachLane({ count, from: 32, to: to.widthBits }, (lane, ctx) => fromInteger(to, BigInt.asIntN(32, lane), ctx));

/** A 64-bit signed integer. */
const fromOneInteger = (to: FloatFormat): FloatIntrinsic =>
  underMxcsr(([a], ctx) => fromInteger(to, BigInt.asIntN(64, a!), ctx));

/** `options` as for CVTPS2DQ, or truncating as CVTTPS2DQ. */
const toIntegers = (
  from: FloatFormat,
  count: number,
  options: { widthBits?: 32 | 64; rounding?: Rounding } = {},
): FloatIntrinsic => {
  const target = { widthBits: 32, ...options } as const;
  return eachLane({ count, from: from.widthBits, to: target.widthBits }, (lane, ctx) =>
    toInteger(from, lane, ctx, target),
  );
};

const truncating = { rounding: Rounding.Zero } as const;
const wide = { widthBits: 64 } as const;

/** The argument is the source; of vectors the low lanes that the instruction reads. */
export const simdConversionIntrinsics: IntrinsicTable = {
  CVTPS2PD: betweenFormats(F32, F64, 2),
  CVTPD2PS: betweenFormats(F64, F32, 2),
  CVTSS2SD: betweenFormats(F32, F64, 1),
  CVTSD2SS: betweenFormats(F64, F32, 1),
  CVTDQ2PS: fromIntegers(F32, 4),
  CVTDQ2PD: fromIntegers(F64, 2),
  CVTPI2PS: fromIntegers(F32, 2),
  CVTPI2PD: fromIntegers(F64, 2),
  CVTSI2SS: fromOneInteger(F32),
  CVTSI2SD: fromOneInteger(F64),
  CVTPS2DQ: toIntegers(F32, 4),
  CVTTPS2DQ: toIntegers(F32, 4, truncating),
  CVTPD2DQ: toIntegers(F64, 2),
  CVTTPD2DQ: toIntegers(F64, 2, truncating),
  CVTPS2PI: toIntegers(F32, 2),
  CVTTPS2PI: toIntegers(F32, 2, truncating),
  CVTPD2PI: toIntegers(F64, 2),
  CVTTPD2PI: toIntegers(F64, 2, truncating),
  'CVTSS2SI.32': toIntegers(F32, 1),
  'CVTSS2SI.64': toIntegers(F32, 1, wide),
  'CVTTSS2SI.32': toIntegers(F32, 1, truncating),
  'CVTTSS2SI.64': toIntegers(F32, 1, { ...wide, ...truncating }),
  'CVTSD2SI.32': toIntegers(F64, 1),
  'CVTSD2SI.64': toIntegers(F64, 1, wide),
  'CVTTSD2SI.32': toIntegers(F64, 1, truncating),
  'CVTTSD2SI.64': toIntegers(F64, 1, { ...wide, ...truncating }),
};
