import {
  cplOf,
  descriptorAttributes,
  descriptorLimit,
  dplOf,
  isConformingCode,
  isInTable,
  isNull,
  isReadable,
  isSystem,
  isWritableData,
  loadDescriptor,
  selectorOf,
  typeOf,
} from '../descriptors.ts';
import { readFarPointer } from '../far-transfer.ts';
import type { Instruction } from '../instruction.ts';
import { isCanonicalAddress } from '../linear.ts';
import { in64BitMode, inLongMode } from '../mode.ts';
import type { Processor } from '../processor.ts';
import { readRflags, writeRflags } from '../rflags.ts';
import { loadLdtr, loadSegment, loadTaskRegister } from '../segmentation.ts';
import { describe, procedure } from '../semantics.ts';
import { peekStack, pushStack, stackWidth } from '../stack.ts';
import { GPR, RFLAGS, SEG, SHADOW, STATE, VECTOR } from '../state.ts';
import { checkUmip, requireCpl0 } from './system-control.ts';

/** Moves to and from segment and descriptor-table registers, and looks at descriptors (SDM Vol. 2). */

function segmentOperand(instruction: Instruction, n: number): number {
  const operand = instruction.operands[n];
  return operand?.kind === 'segment' ? operand.index : -1;
}

/** 16 bits of a general register or memory. */
function selectorFrom(cpu: Processor, instruction: Instruction, n: number): number {
  const operand = instruction.operands[n];
  if (operand?.kind === 'gpr') return (cpu.words[(STATE.gpr >> 2) + operand.index * 2] as number) & 0xffff;
  return Number(cpu.readOperand(instruction, n) & 0xffffn);
}

/** Loads a segment register; SS holds off interrupts for one instruction. */
function load(cpu: Processor, segment: number, selector: number): void {
  loadSegment(cpu, segment, selector);
  if (segment === SEG.SS) cpu.words[STATE.interruptShadow >> 2] = SHADOW.SS;
  cpu.updateMode();
}

export const MOV_TO_SEGMENT = procedure('MOV', (cpu, instruction) => {
  const segment = segmentOperand(instruction, 0);
  if (segment === SEG.CS || segment < 0) cpu.raise(VECTOR.UD);
  load(cpu, segment, selectorFrom(cpu, instruction, 1));
});

/** To memory 16 bits, to registers the operand size. */
export const MOV_FROM_SEGMENT = describe('MOV', ['dst', 'src'], ({ e, dst, src }) => {
  dst.write(e.resize(src.read(), dst.width));
});

export const PUSH_SEGMENT = procedure(
  'PUSH',
  (cpu, instruction) => pushStack(cpu, instruction.operandSize >> 3, cpu.readOperand(instruction, 0)),
  { endsBlock: false },
);

export const POP_SEGMENT = procedure('POP', (cpu, instruction) => {
  const segment = segmentOperand(instruction, 0);
  const selector = Number(peekStack(cpu, instruction.operandSize >> 3) & 0xffffn);
  // The pointer moves by the old SS.B; the load, which may fault, comes before it.
  const width = stackWidth(cpu.words);
  load(cpu, segment, selector);
  const pointer = cpu.readGpr(GPR.RSP, width) + BigInt(instruction.operandSize >> 3);
  cpu.writeGpr(GPR.RSP, width, BigInt.asUintN(width, pointer));
});

/** LDS, LES, LSS, LFS, LGS. */
const loadFarPointer = (name: string, segment: number) =>
  procedure(name, (cpu, instruction) => {
    const at = cpu.effectiveAddress(instruction);
    const pointer = readFarPointer(cpu, instruction.segment, at, instruction.operandSize);
    load(cpu, segment, pointer.selector);
    cpu.writeOperand(instruction, 0, pointer.offset);
  });
export const LDS = loadFarPointer('LDS', SEG.DS);
export const LES = loadFarPointer('LES', SEG.ES);
export const LSS = loadFarPointer('LSS', SEG.SS);
export const LFS = loadFarPointer('LFS', SEG.FS);
export const LGS = loadFarPointer('LGS', SEG.GS);

const storeTable = (name: string, base: number, limit: number) =>
  procedure(
    name,
    (cpu, instruction) => {
      checkUmip(cpu);
      const bytes = in64BitMode(cpu.words) ? 8 : 4;
      const value = (BigInt.asUintN(bytes * 8, cpu.u64(base)) << 16n) | BigInt(cpu.u32(limit) & 0xffff);
      cpu.writeMemory(instruction.segment, cpu.effectiveAddress(instruction), bytes + 2, value);
    },
    { endsBlock: false },
  );
export const SGDT = storeTable('SGDT', STATE.gdtrBase, STATE.gdtrLimit);
export const SIDT = storeTable('SIDT', STATE.idtrBase, STATE.idtrLimit);

const loadTable = (name: string, base: number, limit: number) =>
  procedure(name, (cpu, instruction) => {
    requireCpl0(cpu);
    const bytes = in64BitMode(cpu.words) ? 10 : 6;
    const value = cpu.readMemory(instruction.segment, cpu.effectiveAddress(instruction), bytes);
    let newBase = value >> 16n;
    if (bytes === 10) {
      if (!isCanonicalAddress(newBase)) cpu.raise(VECTOR.GP, 0);
    } else if (instruction.operandSize === 16) newBase &= 0xff_ffffn;
    cpu.setU64(base, newBase);
    cpu.setU32(limit, Number(value & 0xffffn));
  });
export const LGDT = loadTable('LGDT', STATE.gdtrBase, STATE.gdtrLimit);
export const LIDT = loadTable('LIDT', STATE.idtrBase, STATE.idtrLimit);

const storeSelector = (name: string, segment: number) =>
  procedure(
    name,
    (cpu, instruction) => {
      checkUmip(cpu);
      cpu.writeOperand(instruction, 0, BigInt(selectorOf(cpu.words, segment)));
    },
    { endsBlock: false },
  );
export const SLDT = storeSelector('SLDT', SEG.LDTR);
export const STR = storeSelector('STR', SEG.TR);

export const LLDT = procedure('LLDT', (cpu, instruction) => {
  requireCpl0(cpu);
  loadLdtr(cpu, Number(cpu.readOperand(instruction, 0)));
});
export const LTR = procedure('LTR', (cpu, instruction) => {
  requireCpl0(cpu);
  loadTaskRegister(cpu, Number(cpu.readOperand(instruction, 0)));
});

function setZeroFlag(cpu: Processor, value: boolean): void {
  const flags = readRflags(cpu.words);
  writeRflags(cpu.words, value ? flags | RFLAGS.ZF : flags & ~RFLAGS.ZF);
}

/** System types that LAR (Table 3-50) and LSL (Table 3-57) accept, outside and in long mode. */
const LAR_TYPES: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 9, 11, 12]);
const LAR_TYPES_LONG: ReadonlySet<number> = new Set([2, 9, 11, 12]);
const LSL_TYPES: ReadonlySet<number> = new Set([1, 2, 3, 9, 11]);
const LSL_TYPES_LONG: ReadonlySet<number> = new Set([2, 9, 11]);

/** The selector names a descriptor that the current privilege and RPL can see; it is then in cpu.low/high. */
function isVisible(cpu: Processor, selector: number, systemTypes: ReadonlySet<number>): boolean {
  if (isNull(selector) || !isInTable(cpu, selector, 8)) return false;
  loadDescriptor(cpu, selector);
  const attributes = descriptorAttributes(cpu.high);
  if (isSystem(attributes) && !systemTypes.has(typeOf(attributes))) return false;
  if (isConformingCode(attributes)) return true;
  const dpl = dplOf(attributes);
  return cplOf(cpu.words) <= dpl && (selector & 3) <= dpl;
}

export const LAR = procedure(
  'LAR',
  (cpu, instruction) => {
    const selector = Number(cpu.readOperand(instruction, 1) & 0xffffn);
    const visible = isVisible(cpu, selector, inLongMode(cpu.words) ? LAR_TYPES_LONG : LAR_TYPES);
    if (visible) cpu.writeOperand(instruction, 0, BigInt((cpu.high & 0x00f0_ff00) >>> 0));
    setZeroFlag(cpu, visible);
  },
  { endsBlock: false },
);

export const LSL = procedure(
  'LSL',
  (cpu, instruction) => {
    const selector = Number(cpu.readOperand(instruction, 1) & 0xffffn);
    const visible = isVisible(cpu, selector, inLongMode(cpu.words) ? LSL_TYPES_LONG : LSL_TYPES);
    if (visible) cpu.writeOperand(instruction, 0, BigInt(descriptorLimit(cpu.low, cpu.high) >>> 0));
    setZeroFlag(cpu, visible);
  },
  { endsBlock: false },
);

const NO_TYPES: ReadonlySet<number> = new Set();
const verify = (name: string, holds: (attributes: number) => boolean) =>
  procedure(
    name,
    (cpu, instruction) => {
      const selector = Number(cpu.readOperand(instruction, 0) & 0xffffn);
      const visible = isVisible(cpu, selector, NO_TYPES);
      setZeroFlag(cpu, visible && holds(descriptorAttributes(cpu.high)));
    },
    { endsBlock: false },
  );
export const VERR = verify('VERR', isReadable);
export const VERW = verify('VERW', isWritableData);

export const ARPL = procedure(
  'ARPL',
  (cpu, instruction) => {
    const destination = Number(cpu.readOperand(instruction, 0));
    const rpl = Number(cpu.readOperand(instruction, 1) & 3n);
    const raises = (destination & 3) < rpl;
    if (raises) cpu.writeOperand(instruction, 0, BigInt((destination & ~3) | rpl));
    setZeroFlag(cpu, raises);
  },
  { endsBlock: false },
);
