import {
  attributesOf,
  cplOf,
  descriptorAttributes,
  dplOf,
  isCode,
  isConformingCode,
  isInTable,
  isNull,
  loadDescriptor,
  markAccessed,
  SYSTEM_TYPE,
  selectorOf,
  setFixedSegment,
  setSegment,
} from './descriptors.ts';
import { extOf, type InterruptEvent, idtErrorCode } from './interrupt-event.ts';
import { isCanonicalHigh } from './linear.ts';
import type { Processor } from './processor.ts';
import { readRflags } from './rflags.ts';
import { ATTR, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from './state.ts';

const RIP = STATE.rip >> 2;
const RSP = (STATE.gpr + GPR.RSP * 8) >> 2;
const TR_BASE = (STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.base) >> 2;
const TR_LIMIT = (STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.limit) >> 2;
const SYSTEM_FLAGS = STATE.rflagsSystem >> 2;

/** u32[12]: error code, RIP, CS, RFLAGS, RSP, SS, as 64-bit values. */
const frame = new Int32Array(12);
const frameWithoutError = frame.subarray(2);

/** What readGate and readHandlerSegment found. */
const gate = { selector: 0, offsetLow: 0, offsetHigh: 0, ist: 0, interrupt: false };
const handler = { selector: 0, attributes: 0, codeLow: 0, codeHigh: 0, newCpl: 0 };

/** SDM Vol. 3A §7.14 "Exception and Interrupt Handling in 64-bit Mode". A hot path; its bench is interrupt delivery. */
export function deliverInLongMode(cpu: Processor, event: InterruptEvent): void {
  const words = cpu.words;
  const ext = extOf(event);
  readGate(cpu, event);
  readHandlerSegment(cpu, gate.selector, ext);
  const { selector, attributes, codeLow, codeHigh, newCpl } = handler;
  if (!isCanonicalHigh(gate.offsetHigh)) cpu.raise(VECTOR.GP, ext);

  const oldCpl = cplOf(words);
  const inner = newCpl < oldCpl;
  let stackLow = words[RSP] as number;
  let stackHigh = words[RSP + 1] as number;
  if (gate.ist !== 0 || inner) {
    readStackPointer(cpu, gate.ist !== 0 ? 0x1c + gate.ist * 8 : 4 + newCpl * 8, ext);
    stackLow = cpu.low;
    stackHigh = cpu.high;
  }
  const hasError = event.errorCode !== undefined;
  frame[0] = event.errorCode ?? 0;
  frame[1] = 0;
  frame[2] = event.returnLow;
  frame[3] = event.returnHigh;
  frame[4] = selectorOf(words, SEG.CS);
  frame[5] = 0;
  frame[6] = readRflags(words) | (event.resumeFlag ? RFLAGS.RF : 0);
  frame[7] = 0;
  frame[8] = words[RSP] as number;
  frame[9] = words[RSP + 1] as number;
  frame[10] = selectorOf(words, SEG.SS);
  frame[11] = 0;

  const bytes = hasError ? 48 : 40;
  const top = (stackLow & ~15) >>> 0;
  const newHigh = top < bytes ? (stackHigh - 1) | 0 : stackHigh;
  const newLow = (top - bytes) | 0;
  if (!isCanonicalHigh(newHigh) || !isCanonicalHigh(stackHigh)) cpu.raise(VECTOR.SS, ext);
  markAccessed(cpu, selector, attributes);
  cpu.storeLinearWords(newLow, newHigh, hasError ? frame : frameWithoutError, bytes >> 2, newCpl < 3);

  words[RSP] = newLow;
  words[RSP + 1] = newHigh;
  setSegment(words, SEG.CS, (selector & 0xfffc) | newCpl, codeLow, codeHigh);
  if (inner) {
    const nullStack = { selector: newCpl, attributes: ATTR.UNUSABLE, limit: 0, base: 0 };
    setFixedSegment(words, SEG.SS, nullStack);
  }
  words[RIP] = gate.offsetLow;
  words[RIP + 1] = gate.offsetHigh;
  words[STATE.cpl >> 2] = newCpl;
  const cleared = RFLAGS.TF | RFLAGS.NT | RFLAGS.RF | RFLAGS.VM | (gate.interrupt ? RFLAGS.IF : 0);
  words[SYSTEM_FLAGS] = (words[SYSTEM_FLAGS] as number) & ~cleared;
  cpu.updateMode();
}

/**
 * A 16-byte gate: low [31:16] selector [15:0] offset 15:0; high [31:16] offset 31:16 [15] P [14:13] DPL [11:8] type
 * [2:0] IST; then offset 63:32.
 */
function readGate(cpu: Processor, event: InterruptEvent): void {
  const words = cpu.words;
  if (event.vector * 16 + 15 > (words[STATE.idtrLimit >> 2] as number) >>> 0) {
    cpu.raise(VECTOR.GP, idtErrorCode(event));
  }
  const base = ((words[STATE.idtrBase >> 2] as number) >>> 0) + event.vector * 16;
  const baseHigh = words[(STATE.idtrBase >> 2) + 1] as number;
  const linearHigh = base > 0xffff_ffff ? (baseHigh + 1) | 0 : baseHigh;
  cpu.loadSupervisor64(base | 0, linearHigh);
  const { low, high } = cpu;
  const type = (high >>> 8) & 0x1f;
  if (type !== SYSTEM_TYPE.INTERRUPT_GATE32 && type !== SYSTEM_TYPE.TRAP_GATE32) {
    cpu.raise(VECTOR.GP, idtErrorCode(event));
  }
  if (event.kind === 'software' && ((high >>> 13) & 3) < cplOf(words)) cpu.raise(VECTOR.GP, idtErrorCode(event));
  if ((high & (1 << 15)) === 0) cpu.raise(VECTOR.NP, idtErrorCode(event));
  cpu.loadSupervisor64(
    (base + 8) | 0,
    base + 8 > 0xffff_ffff && base <= 0xffff_ffff ? (linearHigh + 1) | 0 : linearHigh,
  );
  gate.selector = low >>> 16;
  gate.offsetLow = (low & 0xffff) | (high & ~0xffff);
  gate.offsetHigh = cpu.low;
  gate.ist = high & 7;
  gate.interrupt = type === SYSTEM_TYPE.INTERRUPT_GATE32;
}

function readHandlerSegment(cpu: Processor, selector: number, ext: 0 | 1): void {
  const errorCode = (selector & 0xfffc) | ext;
  if (isNull(selector)) cpu.raise(VECTOR.GP, ext);
  if (!isInTable(cpu, selector, 8)) cpu.raise(VECTOR.GP, errorCode);
  loadDescriptor(cpu, selector);
  const codeLow = cpu.low;
  const codeHigh = cpu.high;
  const attributes = descriptorAttributes(codeHigh);
  const cpl = cplOf(cpu.words);
  const dpl = dplOf(attributes);
  if (!isCode(attributes) || dpl > cpl) cpu.raise(VECTOR.GP, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  if ((attributes & (ATTR.L | ATTR.DB)) !== ATTR.L) cpu.raise(VECTOR.GP, errorCode);
  handler.selector = selector;
  handler.attributes = attributes;
  handler.codeLow = codeLow;
  handler.codeHigh = codeHigh;
  handler.newCpl = isConformingCode(attributes) ? cpl : dpl;
}

/** RSPn or ISTn of the 64-bit TSS into cpu.low/high (SDM Vol. 3A Figure 9-11). */
export function readStackPointer(cpu: Processor, offset: number, ext: 0 | 1): void {
  const words = cpu.words;
  if (offset + 7 > (words[TR_LIMIT] as number) >>> 0 || (attributesOf(words, SEG.TR) & ATTR.UNUSABLE) !== 0) {
    cpu.raise(VECTOR.TS, (selectorOf(words, SEG.TR) & 0xfffc) | ext);
  }
  const low = ((words[TR_BASE] as number) >>> 0) + offset;
  const high = words[TR_BASE + 1] as number;
  cpu.loadSupervisor64(low | 0, low > 0xffff_ffff ? (high + 1) | 0 : high);
}
