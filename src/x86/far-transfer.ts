import { callThroughGate, jumpThroughGate } from './call-gate.ts';
import {
  cplOf,
  descriptorAttributes,
  descriptorLimit,
  dplOf,
  isCode,
  isConformingCode,
  isNull,
  isSystem,
  limitOf,
  markAccessed,
  readDescriptor,
  SYSTEM_TYPE,
  selectorOf,
  setSegment,
  typeOf,
} from './descriptors.ts';
import { isCanonicalAddress } from './linear.ts';
import { inLongMode } from './mode.ts';
import type { Processor } from './processor.ts';
import { inProtectedMode, loadRealSegment } from './segmentation.ts';
import { setStackPointer, stackPointer, stackWidth } from './stack.ts';
import { ATTR, SEG, STATE, VECTOR } from './state.ts';
import { switchTask, taskGateTarget } from './task-switch.ts';

/** Far CALL and JMP (SDM Vol. 2A "CALL", "JMP"; Vol. 3A §6.8 "Privilege Level Checking … Between Code Segments"). */

export interface FarTarget {
  readonly selector: number;
  readonly offset: bigint;
  /** Operand size in bits: of what CALL pushes. */
  readonly size: 16 | 32 | 64;
  /** Return address. */
  readonly next: bigint;
}

/** A code segment whose checks have passed. */
export interface CodeSegment {
  readonly selector: number;
  readonly low: number;
  readonly high: number;
  readonly attributes: number;
}

export function farJump(cpu: Processor, target: FarTarget): void {
  if (!inProtectedMode(cpu.words)) {
    enterRealSegment(cpu, target);
    return;
  }
  const { low, high } = readTarget(cpu, target.selector);
  const attributes = descriptorAttributes(high);
  if (isSystem(attributes)) jumpToSystemDescriptor(cpu, target, attributes, { low, high });
  else enterCode(cpu, checkDirectTarget(cpu, target.selector, low, high), target.offset);
}

export function farCall(cpu: Processor, target: FarTarget): void {
  if (!inProtectedMode(cpu.words)) {
    if (target.offset > BigInt(limitOf(cpu.words, SEG.CS))) cpu.raise(VECTOR.GP, 0);
    pushReturnAddress(cpu, target);
    enterRealSegment(cpu, target);
    return;
  }
  const { low, high } = readTarget(cpu, target.selector);
  const attributes = descriptorAttributes(high);
  if (isSystem(attributes)) {
    callSystemDescriptor(cpu, target, attributes, { low, high });
    return;
  }
  const code = checkDirectTarget(cpu, target.selector, low, high);
  checkCodeOffset(cpu, code, target.offset);
  markAccessed(cpu, code.selector, code.attributes);
  pushReturnAddress(cpu, target);
  enterCode(cpu, code, target.offset);
}

function enterRealSegment(cpu: Processor, target: FarTarget): void {
  if (target.offset > BigInt(limitOf(cpu.words, SEG.CS))) cpu.raise(VECTOR.GP, 0);
  loadRealSegment(cpu.words, SEG.CS, target.selector);
  cpu.updateMode();
  cpu.branchTo(target.offset);
}

function readTarget(cpu: Processor, selector: number): { low: number; high: number } {
  if (isNull(selector)) cpu.raise(VECTOR.GP, 0);
  readDescriptor(cpu, selector, VECTOR.GP);
  return { low: cpu.low, high: cpu.high };
}

/** Privilege and type of a code segment reached without a gate: the same CPL goes on. */
function checkDirectTarget(cpu: Processor, selector: number, low: number, high: number): CodeSegment {
  const attributes = descriptorAttributes(high);
  const errorCode = selector & 0xfffc;
  const cpl = cplOf(cpu.words);
  const dpl = dplOf(attributes);
  if (!isCode(attributes)) cpu.raise(VECTOR.GP, errorCode);
  if (isConformingCode(attributes) ? dpl > cpl : (selector & 3) > cpl || dpl !== cpl) cpu.raise(VECTOR.GP, errorCode);
  const bothSizes = (attributes & (ATTR.L | ATTR.DB)) === (ATTR.L | ATTR.DB);
  if (inLongMode(cpu.words) && bothSizes) cpu.raise(VECTOR.GP, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  return { selector: errorCode | cpl, low, high, attributes };
}

/** Canonical for 64-bit code, within the limit for other. */
export function checkCodeOffset(cpu: Processor, code: CodeSegment, offset: bigint): void {
  const wide = inLongMode(cpu.words) && (code.attributes & ATTR.L) !== 0;
  const valid = wide ? isCanonicalAddress(offset) : offset <= BigInt(descriptorLimit(code.low, code.high) >>> 0);
  if (!valid) cpu.raise(VECTOR.GP, 0);
}

/** Loads CS and RIP; the selector's RPL becomes CPL, with all that this changes left to the caller. */
export function enterCode(cpu: Processor, code: CodeSegment, offset: bigint): void {
  checkCodeOffset(cpu, code, offset);
  markAccessed(cpu, code.selector, code.attributes);
  setSegment(cpu.words, SEG.CS, code.selector, code.low, code.high);
  cpu.words[STATE.cpl >> 2] = code.selector & 3;
  cpu.updateMode();
  cpu.branchTo(offset);
}

/** CS, then the return offset, each of the operand size; all checked before anything is written. */
export function pushReturnAddress(cpu: Processor, target: Pick<FarTarget, 'size' | 'next'>): void {
  const bytes = target.size >> 3;
  const width = stackWidth(cpu.words);
  const top = stackPointer(cpu);
  const first = BigInt.asUintN(width, top - BigInt(bytes));
  const second = BigInt.asUintN(width, top - BigInt(2 * bytes));
  cpu.probeWrite(SEG.SS, first, bytes);
  cpu.probeWrite(SEG.SS, second, bytes);
  cpu.writeMemory(SEG.SS, first, bytes, BigInt(selectorOf(cpu.words, SEG.CS)));
  cpu.writeMemory(SEG.SS, second, bytes, BigInt.asUintN(target.size, target.next));
  setStackPointer(cpu, second);
}

type Words = { readonly low: number; readonly high: number };

function callSystemDescriptor(cpu: Processor, target: FarTarget, attributes: number, gate: Words): void {
  const type = typeOf(attributes);
  const longMode = inLongMode(cpu.words);
  if (type === SYSTEM_TYPE.CALL_GATE32 || (type === SYSTEM_TYPE.CALL_GATE16 && !longMode)) {
    callThroughGate(cpu, target, attributes, gate);
  } else switchToTask(cpu, target, attributes, gate, 'call');
}

function jumpToSystemDescriptor(cpu: Processor, target: FarTarget, attributes: number, gate: Words): void {
  const type = typeOf(attributes);
  const longMode = inLongMode(cpu.words);
  if (type === SYSTEM_TYPE.CALL_GATE32 || (type === SYSTEM_TYPE.CALL_GATE16 && !longMode)) {
    jumpThroughGate(cpu, target, attributes, gate);
  } else switchToTask(cpu, target, attributes, gate, 'jump');
}

/** A task gate, or a TSS itself. Neither exists in long mode. */
function switchToTask(cpu: Processor, target: FarTarget, attributes: number, gate: Words, by: 'call' | 'jump'): void {
  const errorCode = target.selector & 0xfffc;
  const type = typeOf(attributes);
  const isTss = type === SYSTEM_TYPE.TSS16 || type === SYSTEM_TYPE.TSS32;
  if (inLongMode(cpu.words) || !(isTss || type === SYSTEM_TYPE.TASK_GATE)) cpu.raise(VECTOR.GP, errorCode);
  const dpl = dplOf(attributes);
  if (dpl < cplOf(cpu.words) || dpl < (target.selector & 3)) cpu.raise(VECTOR.GP, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  const selector = isTss ? target.selector : taskGateTarget(gate.low);
  switchTask(cpu, selector, { by, ext: 0, returnRip: target.next, resumeFlag: false, errorCode: undefined });
}

/** Reads a far pointer in memory: the offset, then the selector. */
export function readFarPointer(
  cpu: Processor,
  segment: number,
  offset: bigint,
  size: 16 | 32 | 64,
): { selector: number; offset: bigint } {
  const bytes = (size >> 3) + 2;
  const value = cpu.readMemory(segment, offset, bytes);
  return { selector: Number(value >> BigInt(size)), offset: BigInt.asUintN(size, value) };
}
