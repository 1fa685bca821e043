import {
  attributesOf,
  cplOf,
  descriptorLimit,
  isNull,
  limitOf,
  markAccessed,
  readDescriptor,
  setSegment,
} from './descriptors.ts';
import { checkReturnSegment, loadReturnStack, mergeReturnFlags } from './iret-long.ts';
import type { Processor } from './processor.ts';
import { readRflags, writeRflags } from './rflags.ts';
import { dropInnerSegments, inRealMode, inVm86, loadRealSegment } from './segmentation.ts';
import { readStackSlots, slots, stackStep } from './stack.ts';
import { ATTR, CR4, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, STATUS_FLAGS, VECTOR } from './state.ts';
import { switchTask } from './task-switch.ts';

/** IRET in real, virtual-8086 and protected mode (SDM Vol. 2A "IRET/IRETD/IRETQ"). */

const RIP = STATE.rip >> 2;
const slot = (n: number): number => slots[n * 2] as number;

export function returnLegacy(cpu: Processor, operandBits: 16 | 32, next: bigint): void {
  const { words } = cpu;
  if (inRealMode(words)) returnReal(cpu, operandBits);
  else if (inVm86(words)) returnVm86(cpu, operandBits);
  else if ((readRflags(words) & RFLAGS.NT) !== 0) returnFromTask(cpu, next);
  else returnProtected(cpu, operandBits);
  words[STATE.nmiBlocked >> 2] = 0;
}

const REAL_FLAGS_16 = 0x7fd7;
const REAL_FLAGS_32 = REAL_FLAGS_16 | RFLAGS.RF | RFLAGS.AC | RFLAGS.ID;

function returnReal(cpu: Processor, operandBits: 16 | 32): void {
  readStackSlots(cpu, operandBits, 3);
  const mask = operandBits === 16 ? REAL_FLAGS_16 : REAL_FLAGS_32;
  commitReal(cpu, operandBits, (readRflags(cpu.words) & ~mask) | (slot(2) & mask));
}

/** CS:IP from the slots; the stack pointer moves past three of them. */
function commitReal(cpu: Processor, operandBits: 16 | 32, flags: number): void {
  const { words } = cpu;
  if (slot(0) >>> 0 > limitOf(words, SEG.CS)) cpu.raise(VECTOR.GP, 0);
  stackStep(cpu, (operandBits >> 3) * 3);
  loadRealSegment(words, SEG.CS, slot(1) & 0xffff);
  words[RIP] = slot(0);
  words[RIP + 1] = 0;
  writeRflags(words, flags);
  cpu.updateMode();
}

const VM86_FLAGS_16 = STATUS_FLAGS | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT;
const VM86_FLAGS_32 = VM86_FLAGS_16 | RFLAGS.RF | RFLAGS.AC | RFLAGS.ID;

/** IOPL and VM never change. With IOPL < 3, CR4.VME lets 16-bit IRET work on VIF. */
function returnVm86(cpu: Processor, operandBits: 16 | 32): void {
  const old = readRflags(cpu.words);
  const iopl3 = (old & RFLAGS.IOPL) === RFLAGS.IOPL;
  const vme = (cpu.u32(STATE.cr4) & CR4.VME) !== 0;
  if (!iopl3 && (operandBits !== 16 || !vme)) cpu.raise(VECTOR.GP, 0);
  readStackSlots(cpu, operandBits, 3);
  let image = slot(2);
  let mask = operandBits === 16 ? VM86_FLAGS_16 : VM86_FLAGS_32;
  if (iopl3) mask |= RFLAGS.IF;
  else {
    const pending = (old & RFLAGS.VIP) !== 0 && (image & RFLAGS.IF) !== 0;
    if (pending || (image & RFLAGS.TF) !== 0) cpu.raise(VECTOR.GP, 0);
    image = (image & ~RFLAGS.VIF) | ((image & RFLAGS.IF) !== 0 ? RFLAGS.VIF : 0);
    mask |= RFLAGS.VIF;
  }
  commitReal(cpu, operandBits, (old & ~mask) | (image & mask));
}

/** To the task that the current one is nested in, which resumes after its IRET. */
function returnFromTask(cpu: Processor, next: bigint): void {
  const link = Number(cpu.readLinear(cpu.u64(STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.base), 2, true));
  switchTask(cpu, link, {
    by: 'iret',
    ext: 0,
    returnRip: next,
    resumeFlag: false,
    errorCode: undefined,
  });
}

function returnProtected(cpu: Processor, operandBits: 16 | 32): void {
  const { words } = cpu;
  const cpl = cplOf(words);
  readStackSlots(cpu, operandBits, 3);
  if (operandBits === 32 && cpl === 0 && (slot(2) & RFLAGS.VM) !== 0) {
    returnToVm86(cpu);
    return;
  }
  const selector = slot(1) & 0xffff;
  if (isNull(selector)) cpu.raise(VECTOR.GP, 0);
  readDescriptor(cpu, selector, VECTOR.GP);
  const { low, high } = cpu;
  const attributes = checkReturnSegment(cpu, selector);
  if (slot(0) >>> 0 > descriptorLimit(low, high) >>> 0) cpu.raise(VECTOR.GP, 0);
  const newCpl = selector & 3;
  const outer = newCpl > cpl;
  if (outer) {
    readStackSlots(cpu, operandBits, 5);
    loadReturnStack(cpu, { selector: slot(4) & 0xffff, newCpl, to64: false, code: { selector, attributes } });
    const width = (attributesOf(words, SEG.SS) & ATTR.DB) !== 0 ? 32 : 16;
    cpu.writeGpr(GPR.RSP, width, BigInt(slot(3) >>> 0) & (width === 32 ? 0xffff_ffffn : 0xffffn));
  } else {
    markAccessed(cpu, selector, attributes);
    stackStep(cpu, (operandBits >> 3) * 3);
  }
  setSegment(words, SEG.CS, selector, low, high);
  words[RIP] = slot(0);
  words[RIP + 1] = 0;
  writeRflags(words, mergeReturnFlags(readRflags(words), slot(2), operandBits, cpl));
  words[STATE.cpl >> 2] = newCpl;
  if (outer) dropInnerSegments(words, newCpl);
  cpu.updateMode();
}

/** EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS. */
function returnToVm86(cpu: Processor): void {
  const { words } = cpu;
  readStackSlots(cpu, 32, 9);
  if (slot(0) >>> 0 > 0xffff) cpu.raise(VECTOR.GP, 0);
  writeRflags(words, slot(2) | RFLAGS.VM);
  words[STATE.cpl >> 2] = 3;
  const order = [SEG.SS, SEG.ES, SEG.DS, SEG.FS, SEG.GS];
  for (const [i, segment] of order.entries()) loadRealSegment(words, segment, slot(4 + i) & 0xffff);
  loadRealSegment(words, SEG.CS, slot(1) & 0xffff);
  cpu.writeGpr(GPR.RSP, 32, BigInt(slot(3) >>> 0));
  words[RIP] = slot(0);
  words[RIP + 1] = 0;
  cpu.updateMode();
}
