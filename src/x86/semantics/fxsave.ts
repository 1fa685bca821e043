import type { Instruction } from '../instruction.ts';
import { ACCESS, type Access, type Processor } from '../processor.ts';
import { MODE } from '../processor-mode.ts';
import { procedure } from '../semantics.ts';
import { CR4, STATE, VECTOR } from '../state.ts';
import { FSW, readRegister, setControlWord, writeRegister } from './x87-unit.ts';

/** FXSAVE and FXRSTOR; the x87 and SSE parts of their area serve XSAVE, too. SDM Vol. 1 §10.5, Table 10-2. */

const ALIGNMENT = 16n;
const AREA_BYTES = 512;
/** Bits of MXCSR that may be set: MXCSR_MASK with DAZ. SDM Vol. 1 §11.6.6. */
export const MXCSR_MASK = 0xffff;

// Byte offsets in the area.
const FSW_AT = 2;
const FTW_AT = 4;
const FOP_AT = 6;
const FIP_AT = 8;
const FCS_AT = 12;
const FDP_AT = 16;
const FDS_AT = 20;
const MXCSR_AT = 24;
const MXCSR_MASK_AT = 28;
const REGISTERS_AT = 32;
const XMM_AT = 160;
const SLOT_BYTES = 16;
const XMM_STATE_BYTES = 32;

const at = (value: number | bigint, offset: number): bigint => BigInt(value) << BigInt(8 * offset);
const take = (image: bigint, offset: number, bytes: number): bigint =>
  BigInt.asUintN(8 * bytes, image >> BigInt(8 * offset));

const top = (cpu: Processor): number => (cpu.u32(STATE.fsw) & FSW.TOP) >> FSW.TOP_SHIFT;

/** One bit a physical register, set if it is full. SDM Vol. 1 §10.5.1.1. */
function abridgedTags(cpu: Processor): number {
  const tags = cpu.u32(STATE.ftw);
  let abridged = 0;
  for (let i = 0; i < 8; i++) if (((tags >> (2 * i)) & 3) !== 3) abridged |= 1 << i;
  return abridged;
}

function expandTags(abridged: number): number {
  let tags = 0;
  for (let i = 0; i < 8; i++) if ((abridged & (1 << i)) === 0) tags |= 3 << (2 * i);
  return tags;
}

/** Bytes 0 to 23 and 32 to 159. `wide` (REX.W): 64-bit pointers without selectors. */
export function packX87(cpu: Processor, wide: boolean): bigint {
  let image = at(cpu.u32(STATE.fcw), 0) | at(cpu.u32(STATE.fsw), FSW_AT);
  image |= at(abridgedTags(cpu), FTW_AT) | at(cpu.u32(STATE.fop) & 0x7ff, FOP_AT);
  if (wide) image |= at(cpu.u64(STATE.fip), FIP_AT) | at(cpu.u64(STATE.fdp), FDP_AT);
  else {
    image |= at(BigInt.asUintN(32, cpu.u64(STATE.fip)), FIP_AT) | at(cpu.u32(STATE.fcs) & 0xffff, FCS_AT);
    image |= at(BigInt.asUintN(32, cpu.u64(STATE.fdp)), FDP_AT) | at(cpu.u32(STATE.fds) & 0xffff, FDS_AT);
  }
  for (let i = 0; i < 8; i++) {
    image |= at(readRegister(cpu, (top(cpu) + i) & 7), REGISTERS_AT + SLOT_BYTES * i);
  }
  return image;
}

export function unpackX87(cpu: Processor, image: bigint, wide: boolean): void {
  const field = (offset: number, bytes: number): number => Number(take(image, offset, bytes));
  cpu.setU32(STATE.fsw, field(FSW_AT, 2));
  setControlWord(cpu, field(0, 2));
  cpu.setU32(STATE.ftw, expandTags(field(FTW_AT, 1)));
  cpu.setU32(STATE.fop, field(FOP_AT, 2) & 0x7ff);
  cpu.setU64(STATE.fip, take(image, FIP_AT, wide ? 8 : 4));
  cpu.setU64(STATE.fdp, take(image, FDP_AT, wide ? 8 : 4));
  cpu.setU32(STATE.fcs, wide ? 0 : field(FCS_AT, 2));
  cpu.setU32(STATE.fds, wide ? 0 : field(FDS_AT, 2));
  for (let i = 0; i < 8; i++) {
    writeRegister(cpu, (top(cpu) + i) & 7, take(image, REGISTERS_AT + SLOT_BYTES * i, 10));
  }
}

/** XMM0-XMM15 in 64-bit mode, XMM0-XMM7 in others. */
function xmmCount(cpu: Processor): number {
  return (cpu.u32(STATE.mode) & MODE.CODE_SIZE) === MODE.CODE_64 ? 16 : 8;
}

/** Bytes 160 and up. */
export function packXmm(cpu: Processor): bigint {
  let image = 0n;
  for (let i = 0; i < xmmCount(cpu); i++) {
    const offset = STATE.xmm + XMM_STATE_BYTES * i;
    image |= at(cpu.u64(offset) | (cpu.u64(offset + 8) << 64n), XMM_AT + SLOT_BYTES * i);
  }
  return image;
}

export function unpackXmm(cpu: Processor, image: bigint): void {
  for (let i = 0; i < xmmCount(cpu); i++) {
    const offset = STATE.xmm + XMM_STATE_BYTES * i;
    cpu.setU64(offset, take(image, XMM_AT + SLOT_BYTES * i, 8));
    cpu.setU64(offset + 8, take(image, XMM_AT + SLOT_BYTES * i + 8, 8));
  }
}

/** Bytes 24 to 31. */
export function packMxcsr(cpu: Processor): bigint {
  return at(cpu.u32(STATE.mxcsr), MXCSR_AT) | at(MXCSR_MASK, MXCSR_MASK_AT);
}

/** MXCSR as an area holds it; #GP(0) if a reserved bit is set. */
export function checkedMxcsr(cpu: Processor, image: bigint): number {
  const mxcsr = Number(take(image, MXCSR_AT, 4));
  if ((mxcsr & ~MXCSR_MASK) !== 0) cpu.raise(VECTOR.GP, 0);
  return mxcsr;
}

/** Offset of the area, whose linear address must be aligned. */
function areaOffset(cpu: Processor, instruction: Instruction, access: Access): bigint {
  const offset = cpu.effectiveAddress(instruction);
  const linear = cpu.linearAddress(instruction.segment, offset, AREA_BYTES, access);
  if (linear % ALIGNMENT !== 0n) cpu.raise(VECTOR.GP, 0);
  return offset;
}

/** Without CR4.OSFXSR the SSE registers stay out of it. */
const coversSse = (cpu: Processor): boolean => (cpu.u32(STATE.cr4) & CR4.OSFXSR) !== 0;

export const FXSAVE = procedure(
  'FXSAVE',
  (cpu, instruction) => {
    const offset = areaOffset(cpu, instruction, ACCESS.WRITE);
    cpu.probeWrite(instruction.segment, offset, AREA_BYTES);
    const x87 = packX87(cpu, instruction.rexW) | packMxcsr(cpu);
    const image = coversSse(cpu) ? x87 | packXmm(cpu) : x87;
    // Nothing is written beyond the last register.
    cpu.writeMemory(instruction.segment, offset, coversSse(cpu) ? XMM_AT + SLOT_BYTES * xmmCount(cpu) : XMM_AT, image);
  },
  { endsBlock: false },
);

export const FXRSTOR = procedure(
  'FXRSTOR',
  (cpu, instruction) => {
    const image = cpu.readMemory(instruction.segment, areaOffset(cpu, instruction, ACCESS.READ), AREA_BYTES);
    const mxcsr = checkedMxcsr(cpu, image);
    unpackX87(cpu, image, instruction.rexW);
    if (!coversSse(cpu)) return;
    cpu.setU32(STATE.mxcsr, mxcsr);
    unpackXmm(cpu, image);
  },
  { endsBlock: false },
);
