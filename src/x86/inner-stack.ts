import {
  attributesOf,
  baseLowOf,
  descriptorAttributes,
  descriptorBase,
  descriptorLimit,
  dplOf,
  isNull,
  isWritableData,
  limitOf,
  readDescriptor,
  SYSTEM_TYPE,
  selectorOf,
  typeOf,
} from './descriptors.ts';
import { ACCESS, type Processor } from './processor.ts';
import { ATTR, GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from './state.ts';

/** Stacks that the CPU switches to or pushes frames on, outside long mode. */

export interface Stack {
  readonly selector: number;
  /** The descriptor, for setSegment; undefined if it is the current stack. */
  readonly descriptor: { readonly low: number; readonly high: number } | undefined;
  readonly attributes: number;
  /** Unsigned. */
  readonly limit: number;
  readonly base: number;
  /** Unsigned. */
  readonly pointer: number;
}

const RSP = (STATE.gpr + GPR.RSP * 8) >> 2;
const TSS_BASE = STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.base;

export function currentStack(cpu: Processor): Stack {
  const words = cpu.words;
  return {
    selector: selectorOf(words, SEG.SS),
    descriptor: undefined,
    attributes: attributesOf(words, SEG.SS),
    limit: limitOf(words, SEG.SS),
    base: baseLowOf(words, SEG.SS),
    pointer: (words[RSP] as number) >>> 0,
  };
}

/** SS:ESP for `cpl` from the TSS (SDM Vol. 3A §6.8.5 "Stack Switching"), checked; #TS and #SS with the selector. */
export function readInnerStack(cpu: Processor, cpl: number, ext: 0 | 1): Stack {
  const words = cpu.words;
  const type = typeOf(attributesOf(words, SEG.TR));
  const wide = type === SYSTEM_TYPE.TSS32 || type === SYSTEM_TYPE.TSS32_BUSY;
  const bytes = wide ? 4 : 2;
  const offset = wide ? 4 + cpl * 8 : 2 + cpl * 4;
  if (offset + bytes + 1 > limitOf(words, SEG.TR)) {
    cpu.raise(VECTOR.TS, (selectorOf(words, SEG.TR) & 0xfffc) | ext);
  }
  if (wide) {
    // ESP and SS are neighbours. Outside long mode addresses have 32 bits.
    cpu.loadSupervisor64(((words[TSS_BASE >> 2] as number) + offset) | 0, 0);
    const pointer = cpu.low >>> 0;
    return readStackSegment(cpu, cpu.high & 0xffff, { cpl, vector: VECTOR.TS, ext, pointer });
  }
  const linear = cpu.u64(TSS_BASE) + BigInt(offset);
  const pointer = Number(cpu.readLinear(linear, bytes, true));
  const selector = Number(cpu.readLinear(linear + BigInt(bytes), 2, true));
  return readStackSegment(cpu, selector, { cpl, vector: VECTOR.TS, ext, pointer });
}

/** A stack segment for `cpl`: `vector`(selector) if it is not fit, #SS(selector) if not present. */
function readStackSegment(
  cpu: Processor,
  selector: number,
  options: { cpl: number; vector: number; ext: 0 | 1; pointer: number },
): Stack {
  const { cpl, vector, ext, pointer } = options;
  const errorCode = (selector & 0xfffc) | ext;
  if (isNull(selector)) cpu.raise(vector, ext);
  readDescriptor(cpu, selector, vector, ext);
  const { low, high } = cpu;
  const attributes = descriptorAttributes(high);
  if ((selector & 3) !== cpl || dplOf(attributes) !== cpl || !isWritableData(attributes)) cpu.raise(vector, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.SS, errorCode);
  return {
    selector,
    descriptor: { low, high },
    attributes,
    limit: descriptorLimit(low, high) >>> 0,
    base: descriptorBase(low, high),
    pointer,
  };
}

function fits(stack: Stack, offset: number, bytes: number): boolean {
  const last = offset + bytes - 1;
  if ((stack.attributes & ATTR.EXPAND_DOWN) === 0) return last <= stack.limit;
  return offset > stack.limit && last <= ((stack.attributes & ATTR.DB) !== 0 ? 0xffff_ffff : 0xffff);
}

const scratch = new Int32Array(64);

/**
 * Pushes values of `bytes` each, the first one first, for code at `cpl`; returns the new stack pointer. Everything is
 * checked before anything is written: #SS with `errorCode`, or #PF.
 */
export function pushFrame(
  cpu: Processor,
  stack: Stack,
  values: readonly number[],
  options: { bytes: 2 | 4; cpl: number; errorCode: number },
): number {
  const { bytes, cpl, errorCode } = options;
  const mask = (stack.attributes & ATTR.DB) !== 0 ? 0xffff_ffff : 0xffff;
  const total = values.length * bytes;
  const supervisor = cpl < 3;
  const bottom = ((stack.pointer - total) & mask) >>> 0;
  if (bytes === 4 && (stack.pointer & mask) >>> 0 >= total) {
    if (!fits(stack, bottom, total)) cpu.raise(VECTOR.SS, errorCode);
    for (let i = 0; i < values.length; i++) scratch[values.length - 1 - i] = values[i] as number;
    cpu.storeLinearWords((stack.base + bottom) | 0, 0, scratch, values.length, supervisor);
    return bottom;
  }
  // The frame wraps around the stack segment, or is one of words.
  const linearOf = (i: number): bigint => {
    const offset = ((stack.pointer - (i + 1) * bytes) & mask) >>> 0;
    if (!fits(stack, offset, bytes)) cpu.raise(VECTOR.SS, errorCode);
    return BigInt((stack.base + offset) >>> 0);
  };
  for (let i = 0; i < values.length; i++) cpu.probeLinear(linearOf(i), bytes, ACCESS.WRITE, supervisor);
  for (const [i, value] of values.entries()) {
    cpu.writeLinear(linearOf(i), bytes, BigInt.asUintN(bytes * 8, BigInt(value)), supervisor);
  }
  return bottom;
}
