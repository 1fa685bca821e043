import type {
  Address,
  Bool,
  Emitter,
  FloatBinary,
  FloatFormat,
  Int,
  Lane,
  Operand,
  StatusFlag,
  Vec,
  VecBinary,
  VecOperand,
  VecUnary,
  Width,
} from '../../x86/emitter.ts';
import type { FormOperand } from './form.ts';
import { MemoryRecorder } from './memory-recorder.ts';
import { fromBool, fromInt, fromVec, type IrNode, toInt, toVec } from './node.ts';

const LANE_COUNT = { i8: 16, i16: 8, i32: 4, i64: 2 } as const;

/** Records a whole description: the emitter for everything that generates code. */
export class Recorder extends MemoryRecorder implements Emitter {
  #vec(
    op: string,
    args: readonly IrNode[],
    extra: { text?: string; immediate?: number; lanes?: readonly number[] } = {},
  ): Vec {
    return toVec(this.record({ kind: 'vec', op, effect: 'pure', type: 'v128', args, ...extra }));
  }

  override when(condition: Bool, then: () => void, otherwise?: () => void): void {
    super.when(condition, then, otherwise);
    this.forgetFlags();
  }

  undefinedFlagsIf(_condition: () => Bool, ..._flags: StatusFlag[]): void {}

  branchRelative(_displacement: Operand, condition?: Bool): void {
    this.record({
      kind: 'void',
      op: 'branchRelative',
      effect: 'control',
      args: condition === undefined ? [] : [fromBool(condition)],
    });
  }

  vecBinary(op: VecBinary, lane: Lane, a: Vec, b: Vec): Vec {
    return this.#vec('vecBinary', [fromVec(a), fromVec(b)], { text: `${op}.${lane}` });
  }

  vecUnary(op: VecUnary, lane: Lane, a: Vec): Vec {
    return this.#vec('vecUnary', [fromVec(a)], { text: `${op}.${lane}` });
  }

  vecShift(op: 'shl' | 'shr' | 'sar', lane: Lane, a: Vec, count: Int): Vec {
    // WebAssembly takes counts modulo the lane width: large ones give 0, or the sign.
    const bits = 128 / LANE_COUNT[lane];
    const inRange = this.ltU(count, this.int(64, bits));
    if (op === 'sar') {
      const clamped = this.select(inRange, count, this.int(64, bits - 1));
      return this.#vec('vecShift', [fromVec(a), fromInt(this.truncate(clamped, 32))], { text: `sar.${lane}` });
    }
    const shifted = this.#vec('vecShift', [fromVec(a), fromInt(this.truncate(count, 32))], { text: `${op}.${lane}` });
    return this.vecSelect(inRange, shifted, this.vecZero());
  }

  vecShuffle(a: Vec, b: Vec, indices: readonly number[]): Vec {
    return this.#vec('vecShuffle', [fromVec(a), fromVec(b)], { lanes: indices });
  }

  vecSwizzle(a: Vec, b: Vec): Vec {
    // i8x16.swizzle zeroes on any index above 15; PSHUFB looks at bit 7 and the low four bits only.
    const mask = this.vecConstant(0x8f8f8f8f8f8f8f8fn, 0x8f8f8f8f8f8f8f8fn);
    return this.#vec('vecSwizzle', [fromVec(a), fromVec(this.vecBinary('and', 'i8', b, mask))]);
  }

  vecExtract(a: Vec, width: Width, index: number): Int {
    const type = width === 64 ? 'i64' : 'i32';
    return toInt(
      this.record({ kind: 'int', op: 'vecExtract', effect: 'pure', width, type, args: [fromVec(a)], immediate: index }),
    );
  }

  vecInsert(a: Vec, index: number, value: Int): Vec {
    return toVec(
      this.record({
        kind: 'vec',
        op: 'vecInsert',
        effect: 'pure',
        type: 'v128',
        width: value.width,
        args: [fromVec(a), fromInt(value)],
        immediate: index,
      }),
    );
  }

  vecFromInt(value: Int): Vec {
    return this.vecInsert(this.vecZero(), 0, value);
  }

  vecZero(): Vec {
    return this.vecConstant(0n, 0n);
  }

  vecConstant(low: bigint, high: bigint): Vec {
    const constant = BigInt.asUintN(64, low) | (BigInt.asUintN(64, high) << 64n);
    return toVec(this.record({ kind: 'vec', op: 'vecConstant', effect: 'pure', type: 'v128', constant }));
  }

  vecMask(lane: Lane, a: Vec): Int {
    return toInt(
      this.record({
        kind: 'int',
        op: 'vecMask',
        effect: 'pure',
        width: 32,
        type: 'i32',
        args: [fromVec(a)],
        text: lane,
      }),
    );
  }

  vecSelect(condition: Bool, a: Vec, b: Vec): Vec {
    return this.#vec('select', [fromVec(a), fromVec(b), fromBool(condition)]);
  }

  vecExtend(signed: boolean, from: Lane, to: Lane, a: Vec): Vec {
    return this.#vec('vecExtend', [fromVec(a)], { text: `${from}.${to}.${signed ? 's' : 'u'}` });
  }

  floatBinary(op: FloatBinary, format: FloatFormat, lanes: number, a: Vec, b: Vec): Vec {
    const args = [fromVec(a), fromVec(b)];
    return toVec(
      this.record({
        kind: 'vec',
        op: 'float',
        effect: 'load',
        type: 'v128',
        args,
        immediate: lanes,
        text: `${op}.${format}`,
      }),
    );
  }

  floatSqrt(format: FloatFormat, lanes: number, a: Vec, b: Vec): Vec {
    const args = [fromVec(a), fromVec(b)];
    return toVec(
      this.record({
        kind: 'vec',
        op: 'float',
        effect: 'load',
        type: 'v128',
        args,
        immediate: lanes,
        text: `sqrt.${format}`,
      }),
    );
  }

  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'vec'): Vec;
  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'int'): Int;
  intrinsic(name: string, args: readonly (Vec | Int)[], result: 'vec' | 'int'): Vec | Int {
    const nodes = args.map((arg) => (arg.kind === 'vec' ? fromVec(arg) : fromInt(this.zeroExtend(arg, 64))));
    if (result === 'vec') {
      return toVec(
        this.record({ kind: 'vec', op: 'intrinsic', effect: 'load', type: 'v128', args: nodes, text: name }),
      );
    }
    return toInt(
      this.record({ kind: 'int', op: 'intrinsic', effect: 'load', width: 64, type: 'i64', args: nodes, text: name }),
    );
  }

  // Operands of the form

  #memoryAddress(): Address {
    const address = { kind: 'address', segment: 'operand', offset: this.operandOffset() } as const;
    return address;
  }

  /** The operand as descriptions see it. */
  bindOperand(operand: FormOperand): Operand | VecOperand {
    if (operand.kind === 'xmm' || operand.kind === 'mmx') return this.#vectorRegister(operand);
    if (operand.kind === 'memory') throw new Error('Broken invariant: memory operands are bound by role');
    const width: Width = operand.kind === 'relative' ? (this.form.codeSize === 64 ? 64 : 32) : operand.width;
    const noMemory = (): never => {
      throw new Error('Broken invariant: only memory operands have an address');
    };
    const slot = operand.kind === 'register' ? operand.slot : -1;
    return {
      kind: operand.kind === 'register' ? 'register' : 'immediate',
      width,
      read: () => (slot >= 0 ? this.read('operand', width, slot) : this.read('immediate', width, 0)),
      write: (value: Int) => {
        const wide = value.width === 32 ? this.zeroExtend(value, 64) : value;
        this.write('setOperand', [fromInt(wide)], slot);
      },
      address: noMemory,
      effectiveAddress: noMemory,
    };
  }

  bindMemory(bits: number, updated: boolean): Operand {
    const width = (bits === 0 ? this.form.width : bits) as Width;
    let again: ((value: Int) => void) | undefined;
    return {
      kind: 'memory',
      width,
      read: () => {
        if (!updated) return this.load(this.#memoryAddress(), width);
        const update = this.loadForUpdate(this.#memoryAddress(), width);
        again = update.store;
        return update.value;
      },
      write: (value) => (again === undefined ? this.store(this.#memoryAddress(), value) : again(value)),
      address: () => this.#memoryAddress(),
      effectiveAddress: () => toInt(this.operandOffset()),
    };
  }

  /** `updated`: a destination; if it is read first, that read is checked as a write. */
  bindVectorMemory(bits: 16 | 32 | 64 | 128, updated: boolean): VecOperand {
    return {
      kind: 'memory',
      bits,
      mmx: false,
      read: (options) => this.loadVecBits(this.#memoryAddress(), bits, { aligned: options?.aligned ?? false, updated }),
      write: (value, options) => this.storeVecBits(this.#memoryAddress(), value, bits, options?.aligned ?? false),
      readInt: (width) => this.load(this.#memoryAddress(), width),
      writeInt: (value) => this.store(this.#memoryAddress(), value),
      address: () => this.#memoryAddress(),
    };
  }

  #vectorRegister(operand: { kind: 'xmm' | 'mmx'; slot: number }): VecOperand {
    const mmx = operand.kind === 'mmx';
    const read = (): Vec =>
      toVec(
        this.record({
          kind: 'vec',
          op: mmx ? 'operandMmx' : 'operandXmm',
          effect: 'read',
          type: 'v128',
          immediate: operand.slot,
        }),
      );
    return {
      kind: 'register',
      bits: mmx ? 64 : 128,
      mmx,
      read,
      write: (value) => this.write(mmx ? 'setOperandMmx' : 'setOperandXmm', [fromVec(value)], operand.slot),
      readInt: (width) => this.vecExtract(read(), width, 0),
      writeInt: () => {
        throw new Error('Broken invariant: writeInt is for memory operands');
      },
      address: () => {
        throw new Error('Broken invariant: only memory operands have an address');
      },
    };
  }
}
