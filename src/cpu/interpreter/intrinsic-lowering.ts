import type { Code, Label } from '../../wasm/code.ts';
import { laneMask, NORMAL_OR_ZERO, PRODUCT, SHAPE, special, splat, unusualMxcsr } from './float-lowering.ts';

interface Fast {
  readonly code: Code;
  readonly base: number;
  /** Locals of the arguments: v128, or i64. */
  readonly args: readonly number[];
  /** Branched to where the host must decide; nothing may be on the stack. */
  readonly slow: Label;
}
/** Pushes the result, a v128 or an i64, unless it leaves for the slow path. */
type EmitFast = (fast: Fast) => void;

type Format = 'f32' | 'f64';

/** Leaves if one of the low `lanes` lanes of these locals is not normal or zero. */
function requireUsual({ code, slow }: Fast, format: Format, lanes: number, ...locals: readonly number[]): void {
  locals.forEach((local, i) => {
    special(code, local, SHAPE[format], NORMAL_OR_ZERO);
    if (i > 0) code.simd('v128_or');
  });
  laneMask(code, lanes, SHAPE[format].bits);
  code.simd('v128_and');
  code.simd('v128_any_true');
  code.brIf(slow);
}

function compare({ code, args }: Fast, format: Format, op: 'eq' | 'lt'): void {
  code.get(args[0]!);
  code.get(args[1]!);
  code.simd(`${SHAPE[format].lanes}_${op}`);
}

/** ZF as bit 6, CF as bit 0 (SDM Vol. 2A "COMISD"). */
const toFlags =
  (format: Format): EmitFast =>
  (fast) => {
    const { code } = fast;
    requireUsual(fast, format, 1, ...fast.args);
    compare(fast, format, 'lt');
    splat(code, 0x01n, 64);
    code.simd('v128_and');
    compare(fast, format, 'eq');
    splat(code, 0x40n, 64);
    code.simd('v128_and');
    code.simd('v128_or');
    code.simdLane('i64x2_extract_lane', 0);
  };

/** Pushes lanes of ones if bit imm8[1:0] of `predicates` is set. */
function chosen({ code, args }: Fast, predicates: bigint): void {
  code.i64(0n);
  code.i64(predicates);
  code.get(args[2]!);
  code.i64(3n);
  code.op('i64_and');
  code.op('i64_shr_u');
  code.i64(1n);
  code.op('i64_and');
  code.op('i64_sub');
  code.simd('i64x2_splat');
}

/** imm8[1:0]: EQ, LT, LE, UNORD; imm8[2] negates (SDM Vol. 2A "CMPPS"). */
const comparison =
  (format: Format, lanes: number): EmitFast =>
  (fast) => {
    const { code, args } = fast;
    requireUsual(fast, format, lanes, args[0]!, args[1]!);
    compare(fast, format, 'eq');
    chosen(fast, 0b0101n);
    code.simd('v128_and');
    compare(fast, format, 'lt');
    chosen(fast, 0b0110n);
    code.simd('v128_and');
    code.simd('v128_or');
    code.i64(0n);
    code.get(args[2]!);
    code.i64(2n);
    code.op('i64_shr_u');
    code.i64(1n);
    code.op('i64_and');
    code.op('i64_sub');
    code.simd('i64x2_splat');
    code.simd('v128_xor');
  };

/** Of a 64-bit integer that fits 32 bits, which is exact. */
const integerToDouble: EmitFast = ({ code, args, slow }) => {
  code.get(args[0]!);
  code.i64(0x8000_0000n);
  code.op('i64_add');
  code.i64(0xffff_ffffn);
  code.op('i64_gt_u');
  code.brIf(slow);
  code.v128(new Uint8Array(16));
  code.get(args[0]!);
  code.op('i32_wrap_i64');
  code.simdLane('i32x4_replace_lane', 0);
  code.simd('f64x2_convert_low_i32x4_s');
};

/** To an integer of 32 bits, also in 64. */
const toInteger =
  (format: Format, round: 'trunc' | 'nearest'): EmitFast =>
  (fast) => {
    const { code, base, args, slow } = fast;
    const { lanes, bits } = SHAPE[format];
    const integer = code.allocate('v128');
    requireUsual(fast, format, 1, args[0]!);
    code.get(args[0]!);
    code.simd(`${lanes}_${round}`);
    code.set(integer);
    // -2^31 itself is left to the host.
    code.get(integer);
    code.simd(`${lanes}_abs`);
    splat(code, format === 'f32' ? 0x4f00_0000n : 0x41e0_0000_0000_0000n, bits);
    code.simd(`${lanes}_lt`);
    code.simd('v128_not');
    laneMask(code, 1, bits);
    code.simd('v128_and');
    code.simd('v128_any_true');
    code.brIf(slow);
    // An inexact one raises PE, and depends on MXCSR's rounding.
    code.get(integer);
    code.get(args[0]!);
    code.simd(`${lanes}_eq`);
    code.simd('v128_not');
    laneMask(code, 1, bits);
    code.simd('v128_and');
    code.simd('v128_any_true');
    unusualMxcsr(code, base);
    code.op('i32_and');
    code.brIf(slow);
    code.get(integer);
    code.simd(format === 'f32' ? 'i32x4_trunc_sat_f32x4_s' : 'i32x4_trunc_sat_f64x2_s_zero');
    code.simdLane('i32x4_extract_lane', 0);
    code.op('i64_extend_i32_s');
    code.release('v128', integer);
  };

/** Singles to doubles, which is exact. */
const widen =
  (lanes: number): EmitFast =>
  (fast) => {
    requireUsual(fast, 'f32', lanes, fast.args[0]!);
    fast.code.get(fast.args[0]!);
    fast.code.simd('f64x2_promote_low_f32x4');
  };

const narrow =
  (lanes: number): EmitFast =>
  (fast) => {
    const { code, base, args, slow } = fast;
    const result = code.allocate('v128');
    unusualMxcsr(code, base);
    code.brIf(slow);
    requireUsual(fast, 'f64', lanes, args[0]!);
    code.get(args[0]!);
    code.simd('f32x4_demote_f64x2_zero');
    code.set(result);
    special(code, result, SHAPE.f32, PRODUCT);
    laneMask(code, lanes, 32);
    code.simd('v128_and');
    code.simd('v128_any_true');
    code.brIf(slow);
    code.get(result);
    code.release('v128', result);
  };

const doublesOfIntegers: EmitFast = ({ code, args }) => {
  code.get(args[0]!);
  code.simd('f64x2_convert_low_i32x4_s');
};

const singlesOfIntegers: EmitFast = ({ code, base, args, slow }) => {
  unusualMxcsr(code, base);
  code.brIf(slow);
  code.get(args[0]!);
  code.simd('f32x4_convert_i32x4_s');
};

/**
 * Intrinsics that WebAssembly does for usual values, and under the usual MXCSR where it matters (see float-lowering.ts).
 * Lanes above those of the intrinsic may hold anything.
 */
export const FAST_INTRINSICS: Readonly<Record<string, EmitFast>> = {
  COMISS: toFlags('f32'),
  COMISD: toFlags('f64'),
  UCOMISS: toFlags('f32'),
  UCOMISD: toFlags('f64'),
  CMPPS: comparison('f32', 4),
  CMPPD: comparison('f64', 2),
  CMPSS: comparison('f32', 1),
  CMPSD: comparison('f64', 1),
  CVTSI2SD: integerToDouble,
  'CVTSS2SI.32': toInteger('f32', 'nearest'),
  'CVTSS2SI.64': toInteger('f32', 'nearest'),
  'CVTTSS2SI.32': toInteger('f32', 'trunc'),
  'CVTTSS2SI.64': toInteger('f32', 'trunc'),
  'CVTSD2SI.32': toInteger('f64', 'nearest'),
  'CVTSD2SI.64': toInteger('f64', 'nearest'),
  'CVTTSD2SI.32': toInteger('f64', 'trunc'),
  'CVTTSD2SI.64': toInteger('f64', 'trunc'),
  CVTSS2SD: widen(1),
  CVTPS2PD: widen(2),
  CVTSD2SS: narrow(1),
  CVTDQ2PD: doublesOfIntegers,
  CVTDQ2PS: singlesOfIntegers,
};
