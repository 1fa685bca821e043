import {
  attributesOf,
  cplOf,
  descriptorAttributes,
  descriptorLinear,
  dplOf,
  isConformingCode,
  isInTable,
  isNull,
  isReadable,
  isSystem,
  isWritableData,
  limitOf,
  loadDescriptor,
  markAccessed,
  readDescriptor,
  SYSTEM_TYPE,
  setFixedSegment,
  setNullSegment,
  setSegment,
  typeOf,
} from './descriptors.ts';
import { isCanonicalHigh } from './linear.ts';
import { in64BitMode, inLongMode } from './mode.ts';
import { ACCESS, type Processor } from './processor.ts';
import { ATTR, CR0, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from './state.ts';

/** Loads of segment registers with the checks of SDM Vol. 2 "MOV", "LSS", "LLDT", "LTR" and Vol. 3A ch. 5. */

/** Real-address mode: CR0.PE clear. */
export const inRealMode = (words: Int32Array): boolean => ((words[STATE.cr0 >> 2] as number) & CR0.PE) === 0;
export const inVm86 = (words: Int32Array): boolean => ((words[STATE.rflagsSystem >> 2] as number) & RFLAGS.VM) !== 0;
export const inProtectedMode = (words: Int32Array): boolean => !inRealMode(words) && !inVm86(words);

/** Of a TSS descriptor's type. */
const BUSY = 2;
const REAL_DATA = ATTR.P | ATTR.S | ATTR.WRITABLE | ATTR.ACCESSED;
const VM86_SEGMENT = REAL_DATA | (3 << ATTR.DPL_SHIFT);

/** Base 16 times the selector. Real mode keeps the cached limit and size: "unreal" mode. */
export function loadRealSegment(words: Int32Array, segment: number, selector: number): void {
  const vm86 = inVm86(words);
  const attributes = vm86 ? VM86_SEGMENT : REAL_DATA | (attributesOf(words, segment) & (ATTR.DB | ATTR.G));
  const limit = vm86 ? 0xffff : limitOf(words, segment);
  setFixedSegment(words, segment, { selector, attributes, limit: limit | 0, base: selector << 4 });
}

/** Loads ES, SS, DS, FS or GS; the caller calls updateMode(). All checks come before any change. */
export function loadSegment(cpu: Processor, segment: number, selector: number): void {
  if (!inProtectedMode(cpu.words)) loadRealSegment(cpu.words, segment, selector);
  else if (segment === SEG.SS) loadStackSegment(cpu, selector);
  else loadDataSegment(cpu, segment, selector);
}

function loadStackSegment(cpu: Processor, selector: number): void {
  const words = cpu.words;
  const cpl = cplOf(words);
  if (isNull(selector)) {
    if (!in64BitMode(words) || cpl === 3 || (selector & 3) !== cpl) cpu.raise(VECTOR.GP, 0);
    setNullSegment(words, SEG.SS, selector);
    return;
  }
  checkStackDescriptor(cpu, selector, { cpl, vector: VECTOR.GP, ext: 0 });
  commitSegment(cpu, SEG.SS, selector);
}

/**
 * Reads a stack segment's descriptor into cpu.low/high and checks it for `cpl`: `vector`(selector) unless it is
 * writable data of exactly that privilege, #SS(selector) if not present.
 */
export function checkStackDescriptor(
  cpu: Processor,
  selector: number,
  options: { cpl: number; vector: number; ext: 0 | 1 },
): void {
  const { cpl, vector, ext } = options;
  const errorCode = (selector & 0xfffc) | ext;
  readDescriptor(cpu, selector, vector, ext);
  const attributes = descriptorAttributes(cpu.high);
  if ((selector & 3) !== cpl || !isWritableData(attributes) || dplOf(attributes) !== cpl) cpu.raise(vector, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.SS, errorCode);
}

function loadDataSegment(cpu: Processor, segment: number, selector: number): void {
  if (isNull(selector)) {
    setNullSegment(cpu.words, segment, selector);
    return;
  }
  checkDataDescriptor(cpu, selector, VECTOR.GP);
  commitSegment(cpu, segment, selector);
}

/** Reads a data segment's descriptor into cpu.low/high and checks it at CPL. */
export function checkDataDescriptor(cpu: Processor, selector: number, vector: number): void {
  readDescriptor(cpu, selector, vector);
  const attributes = descriptorAttributes(cpu.high);
  const errorCode = selector & 0xfffc;
  if (!isReadable(attributes)) cpu.raise(vector, errorCode);
  const dpl = dplOf(attributes);
  if (!isConformingCode(attributes) && ((selector & 3) > dpl || cplOf(cpu.words) > dpl)) cpu.raise(vector, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
}

/** Sets the accessed flag and fills the cache from cpu.low/high, which the checks left there. */
export function commitSegment(cpu: Processor, segment: number, selector: number): void {
  const { low, high } = cpu;
  markAccessed(cpu, selector, descriptorAttributes(high));
  setSegment(cpu.words, segment, selector, low, high);
}

/** LLDT after its privilege checks. */
export function loadLdtr(cpu: Processor, selector: number): void {
  if (isNull(selector)) {
    setNullSegment(cpu.words, SEG.LDTR, selector);
    return;
  }
  const attributes = readSystemDescriptor(cpu, selector);
  if (!isSystem(attributes) || typeOf(attributes) !== SYSTEM_TYPE.LDT) cpu.raise(VECTOR.GP, selector & 0xfffc);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, selector & 0xfffc);
  commitSystemSegment(cpu, SEG.LDTR, selector);
}

/** LTR after its privilege checks: marks the TSS busy. */
export function loadTaskRegister(cpu: Processor, selector: number): void {
  if (isNull(selector)) cpu.raise(VECTOR.GP, 0);
  const attributes = readSystemDescriptor(cpu, selector);
  const type = typeOf(attributes);
  const available = type === SYSTEM_TYPE.TSS32 || (type === SYSTEM_TYPE.TSS16 && !inLongMode(cpu.words));
  if (!isSystem(attributes) || !available) cpu.raise(VECTOR.GP, selector & 0xfffc);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, selector & 0xfffc);
  const accessByte = BigInt.asUintN(64, descriptorLinear(cpu, selector) + 5n);
  cpu.probeLinear(accessByte, 1, ACCESS.WRITE, true);
  cpu.high |= BUSY << 8;
  commitSystemSegment(cpu, SEG.TR, selector);
  cpu.writeLinear(accessByte, 1, BigInt((attributes & 0xff) | BUSY), true);
}

/** A GDT descriptor for LLDT and LTR into cpu.low/high; returns its attributes. 16 bytes long in 64-bit mode. */
function readSystemDescriptor(cpu: Processor, selector: number): number {
  const errorCode = selector & 0xfffc;
  const bytes = in64BitMode(cpu.words) ? 16 : 8;
  if ((selector & 4) !== 0 || !isInTable(cpu, selector, bytes)) cpu.raise(VECTOR.GP, errorCode);
  loadDescriptor(cpu, selector);
  return descriptorAttributes(cpu.high);
}

function commitSystemSegment(cpu: Processor, segment: number, selector: number): void {
  const { low, high, words } = cpu;
  let baseHigh = 0;
  if (in64BitMode(words)) {
    loadDescriptor(cpu, selector, 8);
    // Bits 12:8 of the last dword are the type of a descriptor there, and must be 0.
    if ((cpu.high & 0x1f00) !== 0) cpu.raise(VECTOR.GP, selector & 0xfffc);
    baseHigh = cpu.low;
    if (!isCanonicalHigh(baseHigh)) cpu.raise(VECTOR.GP, selector & 0xfffc);
  }
  setSegment(words, segment, selector, low, high);
  words[(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base + 4) >> 2] = baseHigh;
}

/**
 * After a change to an outer privilege level: data segments that it may not use become null. Silicon keeps their bases,
 * which 64-bit mode goes on using for FS and GS.
 */
export function dropInnerSegments(words: Int32Array, cpl: number): void {
  for (const segment of [SEG.ES, SEG.FS, SEG.GS, SEG.DS]) {
    const attributes = attributesOf(words, segment);
    if ((attributes & ATTR.UNUSABLE) !== 0) continue;
    if (isConformingCode(attributes) || dplOf(attributes) >= cpl) continue;
    words[(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.selector) >> 2] = 0;
    words[(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.attributes) >> 2] = ATTR.UNUSABLE;
  }
}
