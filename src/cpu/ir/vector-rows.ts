import type { Code, SimdOp } from '../../wasm/code.ts';

/** Lane-wise operations that WebAssembly has as one instruction: `operation.lane` as recorded. */
export const VECTOR_BINARY: Readonly<Record<string, SimdOp>> = {
  'add.i8': 'i8x16_add',
  'add.i16': 'i16x8_add',
  'add.i32': 'i32x4_add',
  'add.i64': 'i64x2_add',
  'sub.i8': 'i8x16_sub',
  'sub.i16': 'i16x8_sub',
  'sub.i32': 'i32x4_sub',
  'sub.i64': 'i64x2_sub',
  'mul.i16': 'i16x8_mul',
  'mul.i32': 'i32x4_mul',
  'mul.i64': 'i64x2_mul',
  'addSatS.i8': 'i8x16_add_sat_s',
  'addSatU.i8': 'i8x16_add_sat_u',
  'addSatS.i16': 'i16x8_add_sat_s',
  'addSatU.i16': 'i16x8_add_sat_u',
  'subSatS.i8': 'i8x16_sub_sat_s',
  'subSatU.i8': 'i8x16_sub_sat_u',
  'subSatS.i16': 'i16x8_sub_sat_s',
  'subSatU.i16': 'i16x8_sub_sat_u',
  'minS.i8': 'i8x16_min_s',
  'minU.i8': 'i8x16_min_u',
  'maxS.i8': 'i8x16_max_s',
  'maxU.i8': 'i8x16_max_u',
  'minS.i16': 'i16x8_min_s',
  'minU.i16': 'i16x8_min_u',
  'maxS.i16': 'i16x8_max_s',
  'maxU.i16': 'i16x8_max_u',
  'minS.i32': 'i32x4_min_s',
  'minU.i32': 'i32x4_min_u',
  'maxS.i32': 'i32x4_max_s',
  'maxU.i32': 'i32x4_max_u',
  'avgU.i8': 'i8x16_avgr_u',
  'avgU.i16': 'i16x8_avgr_u',
  'eq.i8': 'i8x16_eq',
  'eq.i16': 'i16x8_eq',
  'eq.i32': 'i32x4_eq',
  'eq.i64': 'i64x2_eq',
  'gtS.i8': 'i8x16_gt_s',
  'gtS.i16': 'i16x8_gt_s',
  'gtS.i32': 'i32x4_gt_s',
  'gtS.i64': 'i64x2_gt_s',
  'packS.i16': 'i8x16_narrow_i16x8_s',
  'packU.i16': 'i8x16_narrow_i16x8_u',
  'packS.i32': 'i16x8_narrow_i32x4_s',
  'packU.i32': 'i16x8_narrow_i32x4_u',
  'mulAdd.i16': 'i32x4_dot_i16x8_s',
};

const BITWISE: Readonly<Record<string, SimdOp>> = { and: 'v128_and', or: 'v128_or', xor: 'v128_xor' };

export const VECTOR_UNARY: Readonly<Record<string, SimdOp>> = {
  'abs.i8': 'i8x16_abs',
  'abs.i16': 'i16x8_abs',
  'abs.i32': 'i32x4_abs',
};

export const VECTOR_MASK: Readonly<Record<string, SimdOp>> = {
  i8: 'i8x16_bitmask',
  i16: 'i16x8_bitmask',
  i32: 'i32x4_bitmask',
  i64: 'i64x2_bitmask',
};

export const VECTOR_EXTEND: Readonly<Record<string, readonly SimdOp[]>> = {
  'i8.i16.s': ['i16x8_extend_low_i8x16_s'],
  'i8.i16.u': ['i16x8_extend_low_i8x16_u'],
  'i8.i32.s': ['i16x8_extend_low_i8x16_s', 'i32x4_extend_low_i16x8_s'],
  'i8.i32.u': ['i16x8_extend_low_i8x16_u', 'i32x4_extend_low_i16x8_u'],
  'i8.i64.s': ['i16x8_extend_low_i8x16_s', 'i32x4_extend_low_i16x8_s', 'i64x2_extend_low_i32x4_s'],
  'i8.i64.u': ['i16x8_extend_low_i8x16_u', 'i32x4_extend_low_i16x8_u', 'i64x2_extend_low_i32x4_u'],
  'i16.i32.s': ['i32x4_extend_low_i16x8_s'],
  'i16.i32.u': ['i32x4_extend_low_i16x8_u'],
  'i16.i64.s': ['i32x4_extend_low_i16x8_s', 'i64x2_extend_low_i32x4_s'],
  'i16.i64.u': ['i32x4_extend_low_i16x8_u', 'i64x2_extend_low_i32x4_u'],
  'i32.i64.s': ['i64x2_extend_low_i32x4_s'],
  'i32.i64.u': ['i64x2_extend_low_i32x4_u'],
};

const LANE_BYTES: Readonly<Record<string, number>> = { i8: 1, i16: 2, i32: 4, i64: 8 };

/** Indices of an interleave of two vectors' low or high halves. */
const interleave = (lane: string, high: boolean): number[] => {
  const size = LANE_BYTES[lane] as number;
  const indices: number[] = [];
  for (let i = 0; i < 8 / size; i++) {
    const from = (high ? 8 : 0) + i * size;
    for (let b = 0; b < size; b++) indices.push(from + b);
    for (let b = 0; b < size; b++) indices.push(16 + from + b);
  }
  return indices;
};

/** Indices that gather the even (0) or odd (1) lanes of a, then of b. */
const gather = (lane: string, odd: 0 | 1): number[] => {
  const size = LANE_BYTES[lane] as number;
  const indices: number[] = [];
  for (let i = 0; i < 16 / size; i++) for (let b = 0; b < size; b++) indices.push((2 * i + odd) * size + b);
  return indices;
};

export interface VectorBinary {
  readonly code: Code;
  readonly a: number;
  readonly b: number;
  readonly temporary: number;
}

const evens32 = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

const horizontal =
  (op: SimdOp, lane: string) =>
  ({ code, a, b }: VectorBinary): void => {
    for (const odd of [0, 1] as const) {
      code.get(a);
      code.get(b);
      code.shuffle(gather(lane, odd));
    }
    code.simd(op);
  };

/** a, negated where b is negative, zero where b is zero (PSIGN). */
const sign =
  (bits: 'i8x16' | 'i16x8' | 'i32x4', shift: number) =>
  ({ code, a, b, temporary }: VectorBinary): void => {
    code.get(b);
    code.i32(shift);
    code.simd(`${bits}_shr_s`);
    code.set(temporary);
    code.get(a);
    code.get(temporary);
    code.simd('v128_xor');
    code.get(temporary);
    code.simd(`${bits}_sub`);
    code.get(b);
    code.v128(new Uint8Array(16));
    code.simd(`${bits}_eq`);
    code.simd('v128_andnot');
  };

const mulHigh =
  (suffix: 's' | 'u') =>
  ({ code, a, b }: VectorBinary): void => {
    for (const half of ['low', 'high'] as const) {
      code.get(a);
      code.get(b);
      code.simd(`i32x4_extmul_${half}_i16x8_${suffix}`);
    }
    code.shuffle(gather('i16', 1));
  };

const mulEven =
  (suffix: 's' | 'u') =>
  ({ code, a, b }: VectorBinary): void => {
    for (const each of [a, b]) {
      code.get(each);
      code.get(each);
      code.shuffle(evens32);
    }
    code.simd(`i64x2_extmul_low_i32x4_${suffix}`);
  };

/** Unsigned bytes of a times signed bytes of b, neighbours added with saturation (PMADDUBSW). */
const mulAddBytes = ({ code, a, b, temporary }: VectorBinary): void => {
  for (const half of ['low', 'high'] as const) {
    code.get(a);
    code.simd(`i16x8_extend_${half}_i8x16_u`);
    code.get(b);
    code.simd(`i16x8_extend_${half}_i8x16_s`);
    code.simd('i16x8_mul');
    if (half === 'low') code.set(temporary);
  }
  // high products are on the stack: even and odd lanes of (low, high) are added with saturation
  const high = code.allocate('v128');
  code.set(high);
  for (const odd of [0, 1] as const) {
    code.get(temporary);
    code.get(high);
    code.shuffle(gather('i16', odd));
  }
  code.simd('i16x8_add_sat_s');
  code.release('v128', high);
};

/** Rounded high half of signed products (PMULHRSW); unlike q15mulr it does not saturate -1 * -1. */
const mulHighRound = ({ code, a, b, temporary }: VectorBinary): void => {
  code.get(a);
  code.get(b);
  code.simd('i16x8_q15mulr_sat_s');
  code.set(temporary);
  code.get(temporary);
  for (const each of [a, b]) {
    code.get(each);
    code.i32(-32768);
    code.simd('i16x8_splat');
    code.simd('i16x8_eq');
  }
  code.simd('v128_and');
  code.simd('v128_xor'); // 0x7fff becomes 0x8000
};

/** Sums of absolute differences of the bytes in each half (PSADBW). */
const sumAbsDiff = ({ code, a, b, temporary }: VectorBinary): void => {
  code.get(a);
  code.get(b);
  code.simd('i8x16_sub_sat_u');
  code.get(b);
  code.get(a);
  code.simd('i8x16_sub_sat_u');
  code.simd('v128_or');
  code.set(temporary);
  for (const [step, count] of [
    ['i16x8', 8],
    ['i32x4', 16],
    ['i64x2', 32],
  ] as const) {
    const mask = new Uint8Array(16).map((_, i) => (i % (count / 4) < count / 8 ? 0xff : 0));
    code.get(temporary);
    code.v128(mask);
    code.simd('v128_and');
    code.get(temporary);
    code.i32(count);
    code.simd(`${step}_shr_u`);
    code.simd(`${step}_add`);
    code.set(temporary);
  }
  code.get(temporary);
};

/** Operations that need several instructions; arguments are in locals, the result is left on the stack. */
export const VECTOR_SEQUENCES: Readonly<Record<string, (v: VectorBinary) => void>> = {
  'mulHiS.i16': mulHigh('s'),
  'mulHiU.i16': mulHigh('u'),
  'mulEvenU.i32': mulEven('u'),
  'mulEvenS.i32': mulEven('s'),
  'mulAddUS.i8': mulAddBytes,
  'mulHiRoundS.i16': mulHighRound,
  'sumAbsDiff.i8': sumAbsDiff,
  'hadd.i16': horizontal('i16x8_add', 'i16'),
  'hadd.i32': horizontal('i32x4_add', 'i32'),
  'hsub.i16': horizontal('i16x8_sub', 'i16'),
  'hsub.i32': horizontal('i32x4_sub', 'i32'),
  'haddSat.i16': horizontal('i16x8_add_sat_s', 'i16'),
  'hsubSat.i16': horizontal('i16x8_sub_sat_s', 'i16'),
  'sign.i8': sign('i8x16', 7),
  'sign.i16': sign('i16x8', 15),
  'sign.i32': sign('i32x4', 31),
};

/** One instruction for a binary operation whose arguments are on the stack, or false. */
export function emitVectorBinary(code: Code, text: string): boolean {
  const [operation, lane] = text.split('.') as [string, string];
  const plain = VECTOR_BINARY[text] ?? BITWISE[operation];
  if (plain !== undefined) {
    code.simd(plain);
    return true;
  }
  if (operation === 'unpackLow' || operation === 'unpackHigh') {
    code.shuffle(interleave(lane, operation === 'unpackHigh'));
    return true;
  }
  return false;
}
