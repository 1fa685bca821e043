import type { Instruction } from '../instruction.ts';
import type { Processor } from '../processor.ts';
import { type Procedure, procedure } from '../semantics.ts';
import {
  type FloatContext,
  FloatException,
  PRE_COMPUTATION,
  raise,
  trapped,
  x87Context,
} from '../softfloat/context.ts';
import { F32, F64, F80 } from '../softfloat/formats.ts';
import { finite, type Unpacked, unpack, zero } from '../softfloat/unpack.ts';
import { CR0, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../state.ts';

/** x87 status word. SDM Vol. 1 §8.1.3 "x87 FPU Status Register", Figure 8-4. */
export const FSW = {
  /** Exception flags as FloatException. */
  EXCEPTIONS: 0x3f,
  /** Stack fault. */
  SF: 1 << 6,
  /** Exception summary. */
  ES: 1 << 7,
  C0: 1 << 8,
  C1: 1 << 9,
  C2: 1 << 10,
  TOP_SHIFT: 11,
  TOP: 7 << 11,
  C3: 1 << 14,
  /** Busy: mirrors ES. */
  B: 1 << 15,
} as const;

const C0_C2_C3 = FSW.C0 | FSW.C2 | FSW.C3;

/** x87 control word after FNINIT. SDM Vol. 1 §8.1.5. */
export const FCW_INITIAL = 0x37f;
/** Bits of the control word that are kept; bit 6 reads as one. */
const FCW_DEFINED = 0x1f3f;
const FCW_FIXED = 0x40;

/** Tag word entry of an empty register. Others count as full, whatever they say. SDM Vol. 1 §8.1.7, Figure 8-7. */
const TAG_EMPTY = 3;
const REGISTER_BYTES = 16;

/**
 * The x87 FPU during one instruction. Status and tags are copies until `finish`, so that a memory access may still fault;
 * registers are written at once: an instruction makes its memory accesses first.
 */
export class X87Unit {
  readonly cpu: Processor;
  readonly ctx: FloatContext;
  #status: number;
  #tags: number;
  #stackFault = 0;

  constructor(cpu: Processor) {
    this.cpu = cpu;
    this.ctx = x87Context(cpu.u32(STATE.fcw));
    this.#status = cpu.u32(STATE.fsw);
    this.#tags = cpu.u32(STATE.ftw);
  }

  #physical(i: number): number {
    return ((this.#status >> FSW.TOP_SHIFT) + i) & 7;
  }

  isEmpty(i: number): boolean {
    return ((this.#tags >> (2 * this.#physical(i))) & 3) === TAG_EMPTY;
  }

  /** ST(i), empty or not. */
  read(i: number): bigint {
    return readRegister(this.cpu, this.#physical(i));
  }

  unpack(i: number): Unpacked {
    return unpack(F80, this.read(i), this.ctx);
  }

  /** Fills ST(i). */
  write(i: number, value: bigint): void {
    const physical = this.#physical(i);
    writeRegister(this.cpu, physical, value);
    this.#tags &= ~(3 << (2 * physical));
  }

  free(i: number): void {
    this.#tags |= TAG_EMPTY << (2 * this.#physical(i));
  }

  /** Moves TOP; tags stay. */
  rotate(by: number): void {
    this.#status = (this.#status & ~FSW.TOP) | (this.#physical(by) << FSW.TOP_SHIFT);
  }

  push(value: bigint): void {
    this.rotate(-1);
    this.write(0, value);
  }

  pop(): void {
    this.free(0);
    this.rotate(1);
  }

  /** C0, C2 and C3; C1 tells of rounding and stack faults unless `setC1`. */
  setConditionCodes(codes: number): void {
    this.#status = (this.#status & ~C0_C2_C3) | (codes & C0_C2_C3);
  }

  get conditionCodes(): number {
    return this.#status;
  }

  setC1(set: boolean): void {
    this.ctx.roundedUp = set;
  }

  /** #IS for an empty source; true if masked: the instruction goes on with an indefinite. SDM Vol. 1 §8.5.1.1. */
  stackUnderflow(): boolean {
    this.#stackFault = FSW.SF;
    this.ctx.roundedUp = false;
    raise(this.ctx, FloatException.Invalid);
    return !trapped(this.ctx, FloatException.Invalid);
  }

  /** #IS for a push onto a full register; true if masked. */
  stackOverflow(): boolean {
    const masked = this.stackUnderflow();
    this.ctx.roundedUp = true;
    return masked;
  }

  /** An unmasked exception keeps the operation from being done. */
  get suppressed(): boolean {
    return trapped(this.ctx, PRE_COMPUTATION);
  }

  /** Writes status and tags back; an unmasked exception waits for the next waiting instruction. */
  finish(): void {
    const { flags, masks, roundedUp } = this.ctx;
    const pending = (flags & ~masks) !== 0 ? FSW.ES | FSW.B : 0;
    const c1 = roundedUp ? FSW.C1 : 0;
    this.cpu.setU32(STATE.fsw, (this.#status & ~FSW.C1) | flags | this.#stackFault | pending | c1);
    this.cpu.setU32(STATE.ftw, this.#tags & 0xffff);
  }
}

export function readRegister(cpu: Processor, physical: number): bigint {
  const offset = STATE.x87 + physical * REGISTER_BYTES;
  return cpu.u64(offset) | (BigInt(cpu.u32(offset + 8) & 0xffff) << 64n);
}

export function writeRegister(cpu: Processor, physical: number, value: bigint): void {
  const offset = STATE.x87 + physical * REGISTER_BYTES;
  cpu.setU64(offset, BigInt.asUintN(64, value));
  cpu.setU32(offset + 8, Number(value >> 64n));
}

/** Loads the control word; exceptions that it unmasks become pending, and those it masks stop being so. */
export function setControlWord(cpu: Processor, value: number): void {
  cpu.setU32(STATE.fcw, (value & FCW_DEFINED) | FCW_FIXED);
  setStatusWord(cpu, cpu.u32(STATE.fsw));
}

/** ES and B always follow from flags and masks. */
export function setStatusWord(cpu: Processor, value: number): void {
  const pending = (value & ~cpu.u32(STATE.fcw) & FSW.EXCEPTIONS) !== 0 ? FSW.ES | FSW.B : 0;
  cpu.setU32(STATE.fsw, (value & 0xffff & ~(FSW.ES | FSW.B)) | pending);
}

/**
 * What every waiting instruction does first: #MF for an exception left by an earlier one, or with CR0.NE clear the
 * external FERR# signal. SDM Vol. 1 §8.7 "Handling x87 FPU Exceptions in Software".
 *
 * Deviation: with CR0.NE clear the processor does not freeze until the interrupt arrives (IGNNE# counts as asserted).
 */
export function checkPending(cpu: Processor): void {
  if ((cpu.u32(STATE.fsw) & FSW.ES) === 0) return;
  if ((cpu.u32(STATE.cr0) & CR0.NE) !== 0) cpu.raise(VECTOR.MF);
  cpu.platform.floatError();
}

/** A waiting instruction that operates on data. */
export function x87(name: string, run: (fpu: X87Unit, instruction: Instruction) => void): Procedure {
  const body = (cpu: Processor, instruction: Instruction): void => {
    checkPending(cpu);
    const fpu = new X87Unit(cpu);
    run(fpu, instruction);
    fpu.finish();
    recordPointers(cpu, instruction);
  };
  return procedure(name, body, { endsBlock: false });
}

const selector = (cpu: Processor, segment: number): number =>
  cpu.u32(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.selector) & 0xffff;

/** Opcode, instruction and operand pointers. SDM Vol. 1 §8.1.8, §8.1.9. */
function recordPointers(cpu: Processor, instruction: Instruction): void {
  cpu.setU32(STATE.fop, ((instruction.opcode & 7) << 8) | instruction.modrm);
  cpu.setU64(STATE.fip, cpu.u64(STATE.rip));
  cpu.setU32(STATE.fcs, selector(cpu, SEG.CS));
  if (instruction.modrm >= 0xc0) return;
  cpu.setU64(STATE.fdp, cpu.effectiveAddress(instruction));
  cpu.setU32(STATE.fds, selector(cpu, instruction.segment));
}

/** The memory operand as a signed integer. */
export function loadInteger(cpu: Processor, instruction: Instruction): bigint {
  return BigInt.asIntN(memoryBits(instruction), cpu.readOperand(instruction, 0));
}

export function unpackInteger(value: bigint): Unpacked {
  if (value === 0n) return zero(0);
  return value < 0n ? finite(1, 0, -value) : finite(0, 0, value);
}

/** m32fp or m64fp. */
export function memoryFormat(instruction: Instruction): typeof F32 | typeof F64 {
  return memoryBits(instruction) === 32 ? F32 : F64;
}

export function memoryBits(instruction: Instruction): number {
  const operand = instruction.operands[0];
  return operand?.kind === 'memory' ? operand.bits : 0;
}

/** Number of the ST register that operand `n` names. */
export function stackIndex(instruction: Instruction, n: number): number {
  const operand = instruction.operands[n];
  return operand?.kind === 'st' ? operand.index : 0;
}
