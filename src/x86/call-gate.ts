import {
  cplOf,
  descriptorAttributes,
  dplOf,
  isCode,
  isConformingCode,
  isInTable,
  isNull,
  loadDescriptor,
  markAccessed,
  readDescriptor,
  SYSTEM_TYPE,
  selectorOf,
  setFixedSegment,
  setSegment,
  typeOf,
} from './descriptors.ts';
import { type CodeSegment, checkCodeOffset, enterCode, type FarTarget, pushReturnAddress } from './far-transfer.ts';
import { pushFrame, readInnerStack } from './inner-stack.ts';
import { readStackPointer } from './interrupts-long.ts';
import { isCanonicalAddress } from './linear.ts';
import { inLongMode } from './mode.ts';
import { ACCESS, type Processor } from './processor.ts';
import { peekStack, stackWidth } from './stack.ts';
import { ATTR, GPR, SEG, STATE, VECTOR } from './state.ts';

/** Call gates (SDM Vol. 3A §6.8.3 "Call Gates", §6.8.4, §6.8.5.1 "Stack Switching in 64-bit Mode"). */

interface Gate {
  readonly code: CodeSegment;
  readonly offset: bigint;
  /** Bits of what is pushed. */
  readonly size: 16 | 32 | 64;
  /** Parameters to copy, of `size` each. */
  readonly parameters: number;
}

type Words = { readonly low: number; readonly high: number };

/** Checks the gate and the code segment that it names. */
function readGate(cpu: Processor, target: FarTarget, attributes: number, gate: Words): Gate {
  const words = cpu.words;
  const gateError = target.selector & 0xfffc;
  const cpl = cplOf(words);
  const dpl = dplOf(attributes);
  if (dpl < cpl || dpl < (target.selector & 3)) cpu.raise(VECTOR.GP, gateError);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, gateError);
  const longMode = inLongMode(words);
  let offset = BigInt(((gate.low & 0xffff) | (gate.high & ~0xffff)) >>> 0);
  if (longMode) {
    if (!isInTable(cpu, target.selector, 16)) cpu.raise(VECTOR.GP, gateError);
    loadDescriptor(cpu, target.selector, 8);
    if ((cpu.high & 0x1f00) !== 0) cpu.raise(VECTOR.GP, gateError);
    offset |= BigInt(cpu.low >>> 0) << 32n;
  }
  const wide = typeOf(attributes) === SYSTEM_TYPE.CALL_GATE32;
  const selector = gate.low >>> 16;
  if (isNull(selector)) cpu.raise(VECTOR.GP, 0);
  readDescriptor(cpu, selector, VECTOR.GP);
  const { low, high } = cpu;
  const codeAttributes = descriptorAttributes(high);
  const errorCode = selector & 0xfffc;
  if (!isCode(codeAttributes) || dplOf(codeAttributes) > cpl) cpu.raise(VECTOR.GP, errorCode);
  if (longMode && (codeAttributes & (ATTR.L | ATTR.DB)) !== ATTR.L) cpu.raise(VECTOR.GP, errorCode);
  if ((codeAttributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  return {
    code: { selector, low, high, attributes: codeAttributes },
    offset: wide ? offset : offset & 0xffffn,
    size: longMode ? 64 : wide ? 32 : 16,
    parameters: longMode ? 0 : gate.high & 0x1f,
  };
}

const withRpl = (code: CodeSegment, cpl: number): CodeSegment => ({
  ...code,
  selector: (code.selector & 0xfffc) | cpl,
});

export function jumpThroughGate(cpu: Processor, target: FarTarget, attributes: number, words: Words): void {
  const gate = readGate(cpu, target, attributes, words);
  const cpl = cplOf(cpu.words);
  if (!isConformingCode(gate.code.attributes) && dplOf(gate.code.attributes) !== cpl) {
    cpu.raise(VECTOR.GP, gate.code.selector & 0xfffc);
  }
  enterCode(cpu, withRpl(gate.code, cpl), gate.offset);
}

export function callThroughGate(cpu: Processor, target: FarTarget, attributes: number, words: Words): void {
  const gate = readGate(cpu, target, attributes, words);
  const cpl = cplOf(cpu.words);
  const dpl = dplOf(gate.code.attributes);
  checkCodeOffset(cpu, gate.code, gate.offset);
  if (isConformingCode(gate.code.attributes) || dpl === cpl) {
    markAccessed(cpu, gate.code.selector, gate.code.attributes);
    pushReturnAddress(cpu, { size: gate.size, next: target.next });
    enterCode(cpu, withRpl(gate.code, cpl), gate.offset);
  } else if (gate.size === 64) callInnerLong(cpu, gate, dpl, target.next);
  else callInner(cpu, gate, dpl, target.next);
}

function callInner(cpu: Processor, gate: Gate, cpl: number, next: bigint): void {
  const words = cpu.words;
  const bytes = gate.size === 32 ? 4 : 2;
  const stack = readInnerStack(cpu, cpl, 0);
  const oldPointer = Number(cpu.readGpr(GPR.RSP, stackWidth(words)) & 0xffff_ffffn);
  const values = [selectorOf(words, SEG.SS), oldPointer];
  for (let i = gate.parameters - 1; i >= 0; i--) values.push(Number(peekStack(cpu, bytes, i * bytes)));
  values.push(selectorOf(words, SEG.CS), Number(next & 0xffff_ffffn));
  markAccessed(cpu, gate.code.selector, gate.code.attributes);
  if (stack.descriptor !== undefined) markAccessed(cpu, stack.selector, stack.attributes);
  const pointer = pushFrame(cpu, stack, values, { bytes, cpl, errorCode: stack.selector & 0xfffc });
  if (stack.descriptor !== undefined) {
    setSegment(words, SEG.SS, stack.selector, stack.descriptor.low, stack.descriptor.high);
  }
  cpu.writeGpr(GPR.RSP, (stack.attributes & ATTR.DB) !== 0 ? 32 : 16, BigInt(pointer));
  enterCode(cpu, withRpl(gate.code, cpl), gate.offset);
}

function callInnerLong(cpu: Processor, gate: Gate, cpl: number, next: bigint): void {
  const words = cpu.words;
  readStackPointer(cpu, 4 + cpl * 8, 0);
  const top = (BigInt(cpu.high >>> 0) << 32n) | BigInt(cpu.low >>> 0);
  const bottom = BigInt.asUintN(64, top - 32n);
  if (!isCanonicalAddress(top) || !isCanonicalAddress(bottom)) cpu.raise(VECTOR.SS, 0);
  const frame = [next, BigInt(selectorOf(words, SEG.CS)), cpu.readGpr(GPR.RSP, 64), BigInt(selectorOf(words, SEG.SS))];
  markAccessed(cpu, gate.code.selector, gate.code.attributes);
  cpu.probeLinear(bottom, 32, ACCESS.WRITE, true);
  for (const [i, value] of frame.entries()) cpu.writeLinear(bottom + BigInt(i * 8), 8, value, true);
  setFixedSegment(words, SEG.SS, { selector: cpl, attributes: ATTR.UNUSABLE, limit: 0, base: 0 });
  cpu.setU64(STATE.gpr + GPR.RSP * 8, bottom);
  enterCode(cpu, withRpl(gate.code, cpl), gate.offset);
}
