import {
  attributesOf,
  cplOf,
  descriptorAttributes,
  descriptorLimit,
  dplOf,
  isCode,
  isConformingCode,
  isNull,
  markAccessed,
  readDescriptor,
  setNullSegment,
  setSegment,
} from './descriptors.ts';
import { isCanonicalHigh } from './linear.ts';
import { in64BitMode } from './mode.ts';
import type { Processor } from './processor.ts';
import { readRflags, writeRflags } from './rflags.ts';
import { checkStackDescriptor, dropInnerSegments } from './segmentation.ts';
import { readStackSlots, slots, stackStep } from './stack.ts';
import { ATTR, EFER, GPR, RFLAGS, SEG, STATE, STATUS_FLAGS, VECTOR } from './state.ts';

const RIP = STATE.rip >> 2;
const RSP = (STATE.gpr + GPR.RSP * 8) >> 2;

/**
 * IRET in IA-32e mode (SDM Vol. 2A "IRET/IRETD/IRETQ"): from 64-bit mode always with SS:RSP, from compatibility mode only
 * to an outer level. A hot path; its bench is system-call and interrupt return.
 */
export function returnInLongMode(cpu: Processor, operandBits: 16 | 32 | 64): void {
  const words = cpu.words;
  const flags = readRflags(words);
  if ((flags & RFLAGS.NT) !== 0) cpu.raise(VECTOR.GP, 0);
  const from64 = in64BitMode(words);
  const cpl = cplOf(words);

  readStackSlots(cpu, operandBits, from64 ? 5 : 3);
  const ripLow = slots[0] as number;
  const ripHigh = slots[1] as number;
  const selector = (slots[2] as number) & 0xffff;
  const newFlags = slots[4] as number;
  const newCpl = selector & 3;
  if (isNull(selector)) cpu.raise(VECTOR.GP, 0);
  readDescriptor(cpu, selector, VECTOR.GP);
  const codeLow = cpu.low;
  const codeHigh = cpu.high;
  const attributes = checkReturnSegment(cpu, selector);
  const to64 = (attributes & ATTR.L) !== 0;
  if (to64 ? !isCanonicalHigh(ripHigh) : ripHigh !== 0 || ripLow >>> 0 > descriptorLimit(codeLow, codeHigh) >>> 0) {
    cpu.raise(VECTOR.GP, 0);
  }

  const outer = newCpl > cpl;
  if (from64 || outer) {
    if (!from64) readStackSlots(cpu, operandBits, 5);
    loadReturnStack(cpu, { selector: (slots[8] as number) & 0xffff, newCpl, to64, code: { selector, attributes } });
    const wide = to64 || (attributesOf(words, SEG.SS) & ATTR.DB) !== 0;
    if (wide) {
      words[RSP] = slots[6] as number;
      words[RSP + 1] = slots[7] as number;
    } else words[RSP] = ((words[RSP] as number) & ~0xffff) | ((slots[6] as number) & 0xffff);
  } else {
    markAccessed(cpu, selector, attributes);
    stackStep(cpu, (operandBits >> 3) * 3);
  }
  setSegment(words, SEG.CS, selector, codeLow, codeHigh);
  words[RIP] = ripLow;
  words[RIP + 1] = ripHigh;
  writeRflags(words, mergeReturnFlags(flags, newFlags, operandBits, cpl));
  words[STATE.cpl >> 2] = newCpl;
  if (outer) dropInnerSegments(words, newCpl);
  words[STATE.nmiBlocked >> 2] = 0;
  cpu.updateMode();
}

/** The code segment that cpu.low/high describe may be returned to by `selector`; gives its attributes. */
export function checkReturnSegment(cpu: Processor, selector: number): number {
  const attributes = descriptorAttributes(cpu.high);
  const errorCode = selector & 0xfffc;
  const rpl = selector & 3;
  const dpl = dplOf(attributes);
  if (!isCode(attributes) || rpl < cplOf(cpu.words)) cpu.raise(VECTOR.GP, errorCode);
  if (isConformingCode(attributes) ? dpl > rpl : dpl !== rpl) cpu.raise(VECTOR.GP, errorCode);
  const longMode = (cpu.words[STATE.efer >> 2] as number) & EFER.LMA;
  if (longMode !== 0 && (attributes & (ATTR.L | ATTR.DB)) === (ATTR.L | ATTR.DB)) cpu.raise(VECTOR.GP, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  return attributes;
}

/** Checks and loads SS of a far return or IRET in long mode; null is allowed when returning to 64-bit code at CPL 0-2. */
export function loadReturnStack(
  cpu: Processor,
  to: { selector: number; newCpl: number; to64: boolean; code: { selector: number; attributes: number } },
): void {
  const { selector, newCpl, to64, code } = to;
  if (isNull(selector)) {
    if (!to64 || newCpl === 3 || (selector & 3) !== newCpl) cpu.raise(VECTOR.GP, 0);
    markAccessed(cpu, code.selector, code.attributes);
    setNullSegment(cpu.words, SEG.SS, selector);
    return;
  }
  checkStackDescriptor(cpu, selector, { cpl: newCpl, vector: VECTOR.GP, ext: 0 });
  const { low, high } = cpu;
  markAccessed(cpu, code.selector, code.attributes);
  markAccessed(cpu, selector, descriptorAttributes(high));
  setSegment(cpu.words, SEG.SS, selector, low, high);
}

const ALWAYS = STATUS_FLAGS | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT;

/** Flags that IRET in protected mode takes from the stack at `cpl`, for 16-bit operands without the upper half. */
export function mergeReturnFlags(old: number, popped: number, operandBits: number, cpl: number): number {
  let mask = ALWAYS;
  if (operandBits !== 16) mask |= RFLAGS.RF | RFLAGS.AC | RFLAGS.ID;
  if (cpl <= (old & RFLAGS.IOPL) >> RFLAGS.IOPL_SHIFT) mask |= RFLAGS.IF;
  if (cpl === 0) mask |= operandBits === 16 ? RFLAGS.IOPL : RFLAGS.IOPL | RFLAGS.VIF | RFLAGS.VIP;
  return (old & ~mask) | (popped & mask);
}
