import { assert } from '../../base/errors.ts';
import type { Code, SimdOp } from '../../wasm/code.ts';
import type { Emit } from './lowering.ts';
import { arg, Lowering } from './lowering.ts';
import type { IrNode } from './node.ts';
import { emitVectorBinary, VECTOR_EXTEND, VECTOR_MASK, VECTOR_SEQUENCES, VECTOR_UNARY } from './vector-rows.ts';

const SHIFTS = { shl: 'shl', shr: 'shr_u', sar: 'shr_s' } as const;
const LANES = { i8: 'i8x16', i16: 'i16x8', i32: 'i32x4', i64: 'i64x2' } as const;
const EXTRACT: Readonly<Record<number, SimdOp>> = {
  8: 'i8x16_extract_lane_u',
  16: 'i16x8_extract_lane_u',
  32: 'i32x4_extract_lane',
  64: 'i64x2_extract_lane',
};
const REPLACE: Readonly<Record<number, SimdOp>> = {
  8: 'i8x16_replace_lane',
  16: 'i16x8_replace_lane',
  32: 'i32x4_replace_lane',
  64: 'i64x2_replace_lane',
};

/** Adds the 128-bit vectors that need no state. */
export class VectorLowering extends Lowering {
  constructor(code: Code) {
    super(code);
    Object.assign(this.emitters, this.#rows());
  }

  #rows(): Record<string, Emit> {
    return {
      vecConstant: (node) => {
        this.code.v128(Array.from({ length: 16 }, (_, i) => Number((node.constant >> BigInt(8 * i)) & 0xffn)));
      },
      vecBinary: (node) => this.#binary(node),
      vecUnary: (node) => {
        this.value(arg(node, 0));
        this.code.simd(required(VECTOR_UNARY, node.text));
      },
      vecShift: (node) => {
        this.value(arg(node, 0));
        this.value(arg(node, 1));
        const [op, lane] = node.text.split('.') as [keyof typeof SHIFTS, keyof typeof LANES];
        this.code.simd(`${LANES[lane]}_${SHIFTS[op]}` as SimdOp);
      },
      vecShuffle: (node) => {
        this.value(arg(node, 0));
        this.value(arg(node, 1));
        this.code.shuffle(node.lanes);
      },
      vecSwizzle: (node) => {
        this.value(arg(node, 0));
        this.value(arg(node, 1));
        this.code.simd('i8x16_swizzle');
      },
      vecExtract: (node) => {
        this.value(arg(node, 0));
        this.code.simdLane(EXTRACT[node.width] as SimdOp, node.immediate);
      },
      vecInsert: (node) => {
        this.value(arg(node, 0));
        this.value(arg(node, 1));
        this.code.simdLane(REPLACE[node.width] as SimdOp, node.immediate);
      },
      vecMask: (node) => {
        this.value(arg(node, 0));
        this.code.simd(required(VECTOR_MASK, node.text));
      },
      vecExtend: (node) => {
        this.value(arg(node, 0));
        for (const op of required(VECTOR_EXTEND, node.text)) this.code.simd(op);
      },
    };
  }

  #binary(node: IrNode): void {
    const [a, b] = [arg(node, 0), arg(node, 1)];
    if (node.text.startsWith('andNot')) {
      // WebAssembly's andnot complements its second operand, PANDN its first.
      this.value(b);
      this.value(a);
      this.code.simd('v128_andnot');
      return;
    }
    const sequence = VECTOR_SEQUENCES[node.text];
    this.value(a);
    if (sequence === undefined) {
      this.value(b);
      assert(emitVectorBinary(this.code, node.text), `there is a lowering of ${node.text}`);
      return;
    }
    const locals = [this.code.allocate('v128'), this.code.allocate('v128'), this.code.allocate('v128')] as const;
    this.code.set(locals[0]);
    this.value(b);
    this.code.set(locals[1]);
    sequence({ code: this.code, a: locals[0], b: locals[1], temporary: locals[2] });
    for (const local of locals) this.code.release('v128', local);
  }
}

function required<T>(table: Readonly<Record<string, T>>, key: string): T {
  const row = table[key];
  assert(row !== undefined, `there is a lowering of ${key}`);
  return row;
}
