import type { Code, MemoryOp } from '../../wasm/code.ts';
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';
import { ipWidth } from './form.ts';
import type { Emit } from './lowering.ts';
import { arg } from './lowering.ts';
import type { IrNode } from './node.ts';
import { RECORD } from './record.ts';
import { VectorLowering } from './vector-lowering.ts';

const LOAD: Readonly<Record<number, MemoryOp>> = {
  8: 'i32_load8_u',
  16: 'i32_load16_u',
  32: 'i32_load',
  64: 'i64_load',
};
const STORE: Readonly<Record<number, MemoryOp>> = {
  8: 'i32_store8',
  16: 'i32_store16',
  32: 'i32_store',
  64: 'i64_store',
};

/** Adds what interpreter handlers share: the state struct at a fixed address, and operands reached through a record. */
export abstract class HandlerLowering extends VectorLowering {
  /** Linear-memory address of the state struct. */
  protected readonly base: number;
  /** The local that holds the record's address. */
  protected abstract readonly pc: number;

  constructor(code: Code, base: number) {
    super(code);
    this.base = base;
    Object.assign(this.emitters, this.#rows());
  }

  /** Emits an i32/i64 load of a record field. */
  protected recordField(op: MemoryOp, field: number): void {
    this.code.get(this.pc);
    this.code.memory(op, field);
  }

  protected stateLoad(op: MemoryOp, offset: number): void {
    this.code.i32(this.base);
    this.code.memory(op, offset);
  }

  protected stateStore(op: MemoryOp, offset: number, push: () => void): void {
    this.code.i32(this.base);
    push();
    this.code.memory(op, offset);
  }

  protected loadOp(width: number): MemoryOp {
    return LOAD[width] as MemoryOp;
  }

  protected storeOp(width: number): MemoryOp {
    return STORE[width] as MemoryOp;
  }

  #rows(): Record<string, Emit> {
    return {
      stateLoad: (node) => {
        this.code.i32(this.base);
        if (node.type === 'v128') this.code.simdMemory('v128_load', node.immediate);
        else this.code.memory(this.loadOp(node.width), node.immediate);
      },
      stateStore: (node) => {
        const value = arg(node, 0);
        this.code.i32(this.base);
        this.value(value);
        if (value.type === 'v128') this.code.simdMemory('v128_store', node.immediate);
        else this.code.memory(this.storeOp(value.width), node.immediate);
      },
      operand: (node) => {
        this.recordField('i32_load', node.immediate);
        this.code.memory(this.loadOp(node.width), 0);
      },
      setOperand: (node) => {
        const value = arg(node, 0);
        this.recordField('i32_load', node.immediate);
        this.value(value);
        this.code.memory(this.storeOp(value.width), 0);
      },
      operandXmm: (node) => {
        this.recordField('i32_load', node.immediate);
        this.code.simdMemory('v128_load', 0);
      },
      setOperandXmm: (node) => {
        this.recordField('i32_load', node.immediate);
        this.value(arg(node, 0));
        this.code.simdMemory('v128_store', 0);
      },
      operandMmx: (node) => {
        this.recordField('i32_load', node.immediate);
        this.code.simdMemory('v128_load64_zero', 0);
      },
      setOperandMmx: (node) => this.#setMmx(node),
      immediate: (node) => this.recordField(this.loadOp(node.width), RECORD.immediate),
      effectiveAddress: (node) => this.#effectiveAddress(node),
      segmentBase: () => {
        // base + segments + seg * SEGMENT_BYTES
        this.recordField('i32_load8_u', RECORD.segment);
        this.code.i32(Math.log2(SEGMENT_BYTES));
        this.code.op('i32_shl');
        this.code.memory('i64_load', this.base + STATE.segments + SEGMENT.base);
      },
      nextIp: (node) => this.#nextIp(node),
    };
  }

  /** The upper 16 bits of the 80-bit register become ones (SDM Vol. 1 §9.2.3 "Effect of Instructions on x87 Registers"). */
  #setMmx(node: IrNode): void {
    this.recordField('i32_load', node.immediate);
    this.value(arg(node, 0));
    this.code.simdLane('i64x2_extract_lane', 0);
    this.code.memory('i64_store', 0);
    this.recordField('i32_load', node.immediate);
    this.code.i32(0xffff);
    this.code.memory('i32_store16', 8);
  }

  #effectiveAddress(node: IrNode): void {
    const wide = node.width === 64;
    if ((node.immediate & 2) !== 0) {
      this.recordField(this.loadOp(wide ? 64 : 32), RECORD.immediate);
      return;
    }
    const load: MemoryOp = wide ? 'i64_load' : 'i32_load';
    this.recordField('i32_load16_u', RECORD.base);
    this.code.memory(load, this.base);
    this.recordField(wide ? 'i64_load32_s' : 'i32_load', RECORD.displacement);
    this.code.op(wide ? 'i64_add' : 'i32_add');
    if ((node.immediate & 1) !== 0) {
      this.recordField('i32_load16_u', RECORD.index);
      this.code.memory(load, this.base);
      this.recordField('i32_load8_u', RECORD.scale);
      if (wide) this.code.op('i64_extend_i32_u');
      this.code.op(wide ? 'i64_shl' : 'i32_shl');
      this.code.op(wide ? 'i64_add' : 'i32_add');
    }
    if (node.width === 16) {
      this.code.i32(0xffff);
      this.code.op('i32_and');
    }
  }

  /** RIP of this instruction as i64, not truncated. */
  protected instructionPointer(afterwards: boolean): void {
    this.stateLoad('i64_load', STATE.ripBase);
    this.recordField('i32_load16_u', RECORD.place);
    this.code.i32(0xfff);
    this.code.op('i32_and');
    if (afterwards) {
      this.recordField('i32_load16_u', RECORD.place);
      this.code.i32(12);
      this.code.op('i32_shr_u');
      this.code.op('i32_add');
    }
    this.code.op('i64_extend_i32_u');
    this.code.op('i64_add');
  }

  #nextIp(node: IrNode): void {
    this.instructionPointer(true);
    if (node.width === 64) return;
    this.code.op('i32_wrap_i64');
    if (this.form.codeSize === 16) {
      this.code.i32(0xffff);
      this.code.op('i32_and');
    }
  }

  /** Truncates an i64 on the stack to the instruction pointer's width. */
  protected truncateIp(): void {
    if (ipWidth(this.form) === 64) return;
    this.code.i64(0xffff_ffffn);
    this.code.op('i64_and');
  }

  /** With a branch target (of the instruction pointer's width) in a local: pushes an i32, nonzero if it is not canonical or beyond CS's limit. */
  protected badTarget(target: number): void {
    this.code.get(target);
    if (ipWidth(this.form) === 64) {
      this.code.i64(16n);
      this.code.op('i64_shl');
      this.code.i64(16n);
      this.code.op('i64_shr_s');
      this.code.get(target);
      this.code.op('i64_ne');
    } else {
      this.stateLoad('i32_load', STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.limit);
      this.code.op('i32_gt_u');
    }
  }

  /** Evaluates a target into a local of its width. */
  protected targetLocal(target: IrNode): number {
    const local = this.borrow(target.type ?? 'i64');
    this.value(target);
    this.code.set(local);
    return local;
  }

  /** Pushes the linear address of the TLB's tag comparison as a condition: nonzero on a miss. Leaves the entry in a local. */
  protected tlbMiss(linear: number, entry: number, bytes: number, pushTable: () => void, tag: number): void {
    this.code.get(linear);
    this.code.i64(8n);
    this.code.op('i64_shr_u');
    this.code.op('i32_wrap_i64');
    this.code.i32(0x3ff0);
    this.code.op('i32_and');
    pushTable();
    this.code.op('i32_add');
    this.code.tee(entry);
    this.code.memory('i64_load', tag);
    this.code.get(linear);
    if (bytes > 1) {
      this.code.i64(BigInt(bytes - 1));
      this.code.op('i64_add');
    }
    this.code.i64(-4096n);
    this.code.op('i64_and');
    this.code.op('i64_ne');
  }

  /** Pushes the host address of a linear address whose TLB entry matched. */
  protected hostAddress(linear: number, entry: number, tag: number): void {
    this.code.get(linear);
    this.code.op('i32_wrap_i64');
    this.code.get(entry);
    this.code.memory('i32_load', tag + 8);
    this.code.op('i32_add');
  }
}
