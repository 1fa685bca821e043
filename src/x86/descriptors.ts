import type { Processor } from './processor.ts';
import { ATTR, SEG, SEGMENT, SEGMENT_BYTES, STATE } from './state.ts';

/**
 * Segment descriptors and their caches (SDM Vol. 3A §3.4.5 "Segment Descriptors"). A descriptor is two dwords:
 * low  [31:16] base 15:0  [15:0] limit 15:0
 * high [31:24] base 31:24  [23] G [22] D/B [21] L [20] AVL  [19:16] limit 19:16  [15] P [14:13] DPL [12] S [11:8] type  [7:0] base 23:16
 */

/** System-descriptor and gate types, Table 3-2. */
export const SYSTEM_TYPE = {
  TSS16: 1,
  LDT: 2,
  TSS16_BUSY: 3,
  CALL_GATE16: 4,
  TASK_GATE: 5,
  INTERRUPT_GATE16: 6,
  TRAP_GATE16: 7,
  /** 64-bit in long mode, as are the next four. */
  TSS32: 9,
  TSS32_BUSY: 11,
  CALL_GATE32: 12,
  INTERRUPT_GATE32: 14,
  TRAP_GATE32: 15,
} as const;

const SEGMENT_WORDS = SEGMENT_BYTES >> 2;
const SEGMENTS = STATE.segments >> 2;
const ATTRIBUTES = SEGMENT.attributes >> 2;
const LIMIT = SEGMENT.limit >> 2;
const BASE = SEGMENT.base >> 2;

export const descriptorBase = (low: number, high: number): number =>
  (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000) | 0;

/** In bytes, as signed 32 bits. */
export function descriptorLimit(low: number, high: number): number {
  const limit = (low & 0xffff) | (high & 0xf_0000);
  return (high & (1 << 23)) !== 0 ? (limit << 12) | 0xfff : limit;
}

/** As SEGMENT.attributes. */
export const descriptorAttributes = (high: number): number => (high >>> 8) & 0xf0ff;

export const dplOf = (attributes: number): number => (attributes & ATTR.DPL) >> ATTR.DPL_SHIFT;
/** Type of a system descriptor. */
export const typeOf = (attributes: number): number => attributes & ATTR.TYPE;
export const isSystem = (attributes: number): boolean => (attributes & ATTR.S) === 0;
export const isCode = (attributes: number): boolean => (attributes & (ATTR.S | ATTR.CODE)) === (ATTR.S | ATTR.CODE);
export const isConformingCode = (attributes: number): boolean =>
  isCode(attributes) && (attributes & ATTR.CONFORMING) !== 0;
export const isReadable = (attributes: number): boolean =>
  !isSystem(attributes) && ((attributes & ATTR.CODE) === 0 || (attributes & ATTR.READABLE) !== 0);
export const isWritableData = (attributes: number): boolean =>
  (attributes & (ATTR.S | ATTR.CODE | ATTR.WRITABLE)) === (ATTR.S | ATTR.WRITABLE);

/** Null selectors are 0 to 3. */
export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;

/** The descriptor lies within its table. */
export function isInTable(cpu: Processor, selector: number, bytes: 8 | 16): boolean {
  const words = cpu.words;
  const last = (selector & 0xfff8) + bytes - 1;
  if ((selector & 4) === 0) return last <= (words[STATE.gdtrLimit >> 2] as number) >>> 0;
  const ldtr = SEGMENTS + SEG.LDTR * SEGMENT_WORDS;
  if (((words[ldtr + ATTRIBUTES] as number) & ATTR.UNUSABLE) !== 0) return false;
  return last <= (words[ldtr + LIMIT] as number) >>> 0;
}

/** Reads 8 bytes of a descriptor in its table (at `extra` 8: the upper half of a 16-byte one) into cpu.low and cpu.high. */
export function loadDescriptor(cpu: Processor, selector: number, extra: 0 | 8 = 0): void {
  const words = cpu.words;
  const ldt = (selector & 4) !== 0;
  const word = ldt ? SEGMENTS + SEG.LDTR * SEGMENT_WORDS + BASE : STATE.gdtrBase >> 2;
  const low = ((words[word] as number) >>> 0) + (selector & 0xfff8) + extra;
  const high = words[word + 1] as number;
  cpu.loadSupervisor64(low | 0, low > 0xffff_ffff ? (high + 1) | 0 : high);
}

/** Reads the descriptor; raises `vector`(selector + ext) if it lies outside its table. */
export function readDescriptor(cpu: Processor, selector: number, vector: number, ext: 0 | 1 = 0): void {
  if (!isInTable(cpu, selector, 8)) cpu.raise(vector, (selector & 0xfffc) | ext);
  loadDescriptor(cpu, selector);
}

export function descriptorLinear(cpu: Processor, selector: number): bigint {
  const base =
    (selector & 4) === 0 ? cpu.u64(STATE.gdtrBase) : cpu.u64(STATE.segments + SEG.LDTR * SEGMENT_BYTES + SEGMENT.base);
  return BigInt.asUintN(64, base + BigInt(selector & 0xfff8));
}

/** Sets the accessed flag of a code or data descriptor unless it is set: a write to the table, which may fault. */
export function markAccessed(cpu: Processor, selector: number, attributes: number): void {
  if ((attributes & ATTR.ACCESSED) !== 0) return;
  cpu.writeLinear(descriptorLinear(cpu, selector) + 5n, 1, BigInt((attributes & 0xff) | ATTR.ACCESSED), true);
}

/** Sets or clears the busy flag of a TSS descriptor. */
export function markBusy(cpu: Processor, selector: number, busy: boolean): void {
  const linear = descriptorLinear(cpu, selector) + 5n;
  const access = cpu.readLinear(linear, 1, true);
  cpu.writeLinear(linear, 1, busy ? access | 2n : access & ~2n, true);
}

/** Fills a descriptor cache from a descriptor's dwords. */
export function setSegment(words: Int32Array, segment: number, selector: number, low: number, high: number): void {
  const word = SEGMENTS + segment * SEGMENT_WORDS;
  words[word] = selector;
  words[word + ATTRIBUTES] = descriptorAttributes(high) | (isSystem(descriptorAttributes(high)) ? 0 : ATTR.ACCESSED);
  words[word + LIMIT] = descriptorLimit(low, high);
  words[word + BASE] = descriptorBase(low, high);
  words[word + BASE + 1] = 0;
}

/** A null selector in a data-segment register; `keepBase` for those whose base an MSR gave. */
export function setNullSegment(words: Int32Array, segment: number, selector: number): void {
  const word = SEGMENTS + segment * SEGMENT_WORDS;
  words[word] = selector;
  words[word + ATTRIBUTES] = ATTR.UNUSABLE;
  words[word + LIMIT] = 0;
  words[word + BASE] = 0;
  words[word + BASE + 1] = 0;
}

/** A cache that does not come from a table: SYSCALL, real mode, reset. `limit` is signed 32 bits. */
export function setFixedSegment(
  words: Int32Array,
  segment: number,
  cache: { selector: number; attributes: number; limit: number; base: number },
): void {
  const word = SEGMENTS + segment * SEGMENT_WORDS;
  words[word] = cache.selector;
  words[word + ATTRIBUTES] = cache.attributes;
  words[word + LIMIT] = cache.limit;
  words[word + BASE] = cache.base;
  words[word + BASE + 1] = 0;
}

export const selectorOf = (words: Int32Array, segment: number): number =>
  (words[SEGMENTS + segment * SEGMENT_WORDS] as number) & 0xffff;
export const attributesOf = (words: Int32Array, segment: number): number =>
  words[SEGMENTS + segment * SEGMENT_WORDS + ATTRIBUTES] as number;
/** Unsigned. */
export const limitOf = (words: Int32Array, segment: number): number =>
  (words[SEGMENTS + segment * SEGMENT_WORDS + LIMIT] as number) >>> 0;
export const baseLowOf = (words: Int32Array, segment: number): number =>
  words[SEGMENTS + segment * SEGMENT_WORDS + BASE] as number;
export const baseHighOf = (words: Int32Array, segment: number): number =>
  words[SEGMENTS + segment * SEGMENT_WORDS + BASE + 1] as number;

export const cplOf = (words: Int32Array): number => words[STATE.cpl >> 2] as number;
