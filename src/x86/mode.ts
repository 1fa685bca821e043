import { MODE } from './processor-mode.ts';
import { ATTR, CR0, CR4, EFER, MMU_CONTEXT, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE } from './state.ts';

/** Derived state: STATE.mode and STATE.mmuContext from the registers that decide them. */

const CR0_WORD = STATE.cr0 >> 2;
const CR4_WORD = STATE.cr4 >> 2;
const EFER_WORD = STATE.efer >> 2;
const RFLAGS_WORD = STATE.rflagsSystem >> 2;

const segmentWord = (segment: number): number => (STATE.segments + segment * SEGMENT_BYTES) >> 2;
const ATTRIBUTES = SEGMENT.attributes >> 2;
const LIMIT = SEGMENT.limit >> 2;
const BASE = SEGMENT.base >> 2;
const CS = segmentWord(SEG.CS);
const SS = segmentWord(SEG.SS);

/** A present data segment that can be written and grows up. */
const DATA_MASK = ATTR.S | ATTR.P | ATTR.CODE | ATTR.WRITABLE | ATTR.EXPAND_DOWN | ATTR.UNUSABLE;
const DATA_FLAT = ATTR.S | ATTR.P | ATTR.WRITABLE;

const wholeSpace = (words: Int32Array, word: number): boolean =>
  words[word + LIMIT] === -1 && ((words[word + ATTRIBUTES] as number) & DATA_MASK) === DATA_FLAT;
const flatData = (words: Int32Array, word: number): boolean => wholeSpace(words, word) && words[word + BASE] === 0;

export function inLongMode(words: Int32Array): boolean {
  return ((words[EFER_WORD] as number) & EFER.LMA) !== 0;
}

/** 64-bit mode, as opposed to compatibility and legacy modes. */
export function in64BitMode(words: Int32Array): boolean {
  return ((words[STATE.mode >> 2] as number) & MODE.CODE_SIZE) === MODE.CODE_64;
}

/** STATE.mode as the registers demand. */
export function computeMode(words: Int32Array): number {
  const cr0 = words[CR0_WORD] as number;
  let mode = 0;
  if ((cr0 & (CR0.EM | CR0.TS)) !== 0) mode |= MODE.X87_TRAP;
  if ((cr0 & (CR0.EM | CR0.TS)) !== 0 || ((words[CR4_WORD] as number) & CR4.OSFXSR) === 0) mode |= MODE.SSE_TRAP;
  const vm86 = ((words[RFLAGS_WORD] as number) & RFLAGS.VM) !== 0;
  if ((cr0 & CR0.PE) !== 0 && !vm86) mode |= MODE.PROTECTED;

  const cs = words[CS + ATTRIBUTES] as number;
  if (inLongMode(words) && (cs & ATTR.L) !== 0) {
    return mode | MODE.CODE_64 | MODE.STACK_32 | MODE.FLAT | MODE.FLAT_FS | MODE.FLAT_GS;
  }
  if ((cs & ATTR.DB) !== 0) mode |= MODE.CODE_32;
  if (((words[SS + ATTRIBUTES] as number) & ATTR.DB) !== 0) mode |= MODE.STACK_32;
  const code = ATTR.S | ATTR.P | ATTR.CODE | ATTR.READABLE;
  const flatCode = (cs & (code | ATTR.UNUSABLE)) === code && words[CS + LIMIT] === -1 && words[CS + BASE] === 0;
  if (flatCode && flatData(words, SS) && flatData(words, segmentWord(SEG.DS)) && flatData(words, segmentWord(SEG.ES))) {
    mode |= MODE.FLAT;
  }
  if (wholeSpace(words, segmentWord(SEG.FS))) mode |= MODE.FLAT_FS;
  if (wholeSpace(words, segmentWord(SEG.GS))) mode |= MODE.FLAT_GS;
  return mode;
}

export function computeMmuContext(words: Int32Array): number {
  const access = ((words[RFLAGS_WORD] as number) & RFLAGS.AC) !== 0;
  if (words[STATE.cpl >> 2] === 3) {
    // SDM Vol. 3A §6.15 "Interrupt 17—Alignment Check Exception (#AC)"
    return access && ((words[CR0_WORD] as number) & CR0.AM) !== 0 ? MMU_CONTEXT.USER_ALIGNED : MMU_CONTEXT.USER;
  }
  const smap = ((words[CR4_WORD] as number) & CR4.SMAP) !== 0;
  return smap && !access ? MMU_CONTEXT.SUPERVISOR : MMU_CONTEXT.SUPERVISOR_USER_DATA;
}

export function updateDerivedState(words: Int32Array): void {
  words[STATE.mode >> 2] = computeMode(words);
  words[STATE.mmuContext >> 2] = computeMmuContext(words);
}
