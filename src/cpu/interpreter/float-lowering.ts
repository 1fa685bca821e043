import type { Code, SimdOp } from '../../wasm/code.ts';
import { STATE } from '../../x86/state.ts';
import type { IrNode } from '../ir/node.ts';
import { floatNumber } from './host-functions.ts';

/** MXCSR with all exceptions masked, round to nearest, no FTZ or DAZ, and PE already set: the state of nearly every program. */
const MXCSR_FAST = 0x1fa0;
const MXCSR_RELEVANT = 0xffe0;

/** Pushes whether MXCSR is otherwise. */
export function unusualMxcsr(code: Code, base: number): void {
  code.i32(base);
  code.memory('i32_load', STATE.mxcsr);
  code.i32(MXCSR_RELEVANT);
  code.op('i32_and');
  code.i32(MXCSR_FAST);
  code.op('i32_ne');
}

interface FloatForm {
  readonly node: IrNode;
  /** v128 locals. */
  readonly a: number;
  readonly b: number;
  readonly base: number;
  /** With (operation, lanes) on the stack: calls the exact implementation on the scratch. */
  readonly slow: () => void;
}

export const SHAPE = {
  f32: { lanes: 'f32x4', magnitude: 0x7fff_ffffn, minNormal: 0x0080_0000n, infinity: 0x7f80_0000n, bits: 32 },
  f64: {
    lanes: 'f64x2',
    magnitude: 0x7fff_ffff_ffff_ffffn,
    minNormal: 0x0010_0000_0000_0000n,
    infinity: 0x7ff0_0000_0000_0000n,
    bits: 64,
  },
} as const;

/**
 * SSE arithmetic. WebAssembly rounds to nearest and reports nothing, so its result stands if MXCSR is as usual and no
 * flag but PE (already set) can arise: operands and result are zero or normal, and a zero result is exact. min and max
 * raise nothing for such operands, whatever MXCSR is. Otherwise the host decides.
 */
export function emitFloat(code: Code, form: FloatForm): void {
  const [op, format] = form.node.text.split('.') as [string, 'f32' | 'f64'];
  const lanes = form.node.immediate;
  const shape = SHAPE[format];
  const result = code.allocate('v128');
  const slowPath = code.block('block');
  const done = code.block('block');
  if (op === 'min' || op === 'max') {
    // The second operand if they are equal: WebAssembly's pmin and pmax give the first.
    code.get(form.b);
    code.get(form.a);
    code.simd(`${shape.lanes}_p${op}`);
    code.set(result);
    for (const operand of [form.a, form.b]) special(code, operand, shape, NORMAL_OR_ZERO);
    code.simd('v128_or');
  } else {
    unusualMxcsr(code, form.base);
    code.brIf(done);
    if (op !== 'sqrt') code.get(form.a);
    code.get(form.b);
    code.simd(`${shape.lanes}_${op}` as SimdOp);
    code.set(result);
    const operands = op === 'sqrt' ? [form.b] : [form.a, form.b];
    for (const operand of operands) special(code, operand, shape, op === 'sqrt' ? ROOT : NORMAL_OR_ZERO);
    special(code, result, shape, op === 'mul' || op === 'div' ? PRODUCT : NORMAL_OR_ZERO);
    for (let i = 0; i < operands.length; i++) code.simd('v128_or');
  }
  laneMask(code, lanes, shape.bits);
  code.simd('v128_and');
  code.simd('v128_any_true');
  code.brIf(done);
  keepUpper(code, form.a, result, lanes, shape.bits);
  code.set(result);
  code.br(slowPath);
  code.end(); // done: go on slowly
  for (const [i, local] of [form.a, form.b].entries()) {
    code.i32(form.base);
    code.get(local);
    code.simdMemory('v128_store', STATE.scratch + 32 * i);
  }
  code.i32(floatNumber(form.node.text));
  code.i32(lanes);
  form.slow();
  code.i32(form.base);
  code.simdMemory('v128_load', STATE.scratch);
  code.set(result);
  code.end();
  code.get(result);
  code.release('v128', result);
}

export type Shape = (typeof SHAPE)[keyof typeof SHAPE];

export const splat = (code: Code, value: bigint, bits: number): void => {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = Number((value >> BigInt(8 * (i % (bits / 8)))) & 0xffn);
  code.v128(bytes);
};

/** Which values are usual: normal ones above or from the least, and zeros or negative ones as well. */
interface Usual {
  readonly least: 'ge' | 'gt';
  readonly zero: boolean;
  readonly negative: boolean;
}
export const NORMAL_OR_ZERO: Usual = { least: 'ge', zero: true, negative: true };
/** The root of a negative number is invalid. */
const ROOT: Usual = { least: 'ge', zero: true, negative: false };
/** A product or quotient that is zero, or the least normal number, may have been rounded to it from below: underflow. */
export const PRODUCT: Usual = { least: 'gt', zero: false, negative: true };

/** Pushes lanes of ones where the value is NaN, infinite, denormal or otherwise not usual. */
export function special(code: Code, local: number, shape: Shape, { least, zero, negative }: Usual): void {
  const magnitude = code.allocate('v128');
  code.get(local);
  if (negative) {
    splat(code, shape.magnitude, shape.bits);
    code.simd('v128_and');
  }
  code.set(magnitude);
  // Compared as floats: a NaN compares false.
  code.get(magnitude);
  splat(code, shape.minNormal, shape.bits);
  code.simd(`${shape.lanes}_${least}`);
  code.get(magnitude);
  splat(code, shape.infinity, shape.bits);
  code.simd(`${shape.lanes}_lt`);
  code.simd('v128_and');
  if (zero) {
    code.get(magnitude);
    code.v128(new Uint8Array(16));
    code.simd(`${shape.lanes}_eq`);
    code.simd('v128_or');
  }
  code.simd('v128_not');
  code.release('v128', magnitude);
}

export function laneMask(code: Code, lanes: number, bits: number): void {
  const bytes = new Uint8Array(16);
  bytes.fill(0xff, 0, (lanes * bits) / 8);
  code.v128(bytes);
}

/** Pushes the result's low lanes with the first operand's others. */
function keepUpper(code: Code, a: number, result: number, lanes: number, bits: number): void {
  code.get(result);
  code.get(a);
  laneMask(code, lanes, bits);
  code.simd('v128_bitselect');
}
