import { loadPdptes } from './control-registers.ts';
import { DR6, recordDebugException } from './debug.ts';
import {
  attributesOf,
  cplOf,
  descriptorAttributes,
  descriptorBase,
  descriptorLimit,
  descriptorLinear,
  dplOf,
  isCode,
  isConformingCode,
  isInTable,
  isNull,
  isReadable,
  isSystem,
  limitOf,
  loadDescriptor,
  markAccessed,
  markBusy,
  readDescriptor,
  SYSTEM_TYPE,
  selectorOf,
  setNullSegment,
  setSegment,
  typeOf,
} from './descriptors.ts';
import { currentStack, pushFrame } from './inner-stack.ts';
import { ACCESS, type Processor } from './processor.ts';
import { readRflags, writeRflags } from './rflags.ts';
import { checkStackDescriptor, loadRealSegment } from './segmentation.ts';
import { setStackPointer } from './stack.ts';
import { ATTR, CR0, CR4, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from './state.ts';
import { probeTaskState, readTaskState, type TaskState, taskLayout, writeTaskState } from './task-state.ts';

/** Task switches (SDM Vol. 3A §9.3 "Task Switching"). */

export interface TaskSwitch {
  readonly by: 'call' | 'jump' | 'iret' | 'interrupt';
  readonly ext: 0 | 1;
  /** RIP that the old task resumes at, and its RF. */
  readonly returnRip: bigint;
  readonly resumeFlag: boolean;
  /** To be pushed on the new task's stack. */
  readonly errorCode: number | undefined;
}

const RIP = STATE.rip >> 2;
const TR_BASE = STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.base;

/** [31:16] of a task gate's first dword. */
export const taskGateTarget = (low: number): number => low >>> 16;

const isWide = (type: number): boolean => type === SYSTEM_TYPE.TSS32 || type === SYSTEM_TYPE.TSS32_BUSY;

interface NewTask {
  readonly selector: number;
  readonly low: number;
  readonly high: number;
  readonly base: bigint;
  readonly wide: boolean;
}

/** Faults up to the commit belong to the old task, later ones to the new one, which then is the current task. */
export function switchTask(cpu: Processor, selector: number, options: TaskSwitch): void {
  const { words } = cpu;
  const task = readTask(cpu, selector, options);
  const oldBase = cpu.u64(TR_BASE);
  const oldWide = isWide(typeOf(attributesOf(words, SEG.TR)));
  const oldSelector = selectorOf(words, SEG.TR);
  const nested = options.by === 'call' || options.by === 'interrupt';

  const state = readTaskState(cpu, task.base, task.wide);
  probeTaskState(cpu, oldBase, oldWide);
  if (nested) cpu.probeLinear(task.base, 2, ACCESS.WRITE, true);
  if (options.by !== 'iret') cpu.probeLinear(descriptorLinear(cpu, selector) + 5n, 1, ACCESS.WRITE, true);
  if (!nested) cpu.probeLinear(descriptorLinear(cpu, oldSelector) + 5n, 1, ACCESS.WRITE, true);
  checkPdptes(cpu, state);

  if (!nested) markBusy(cpu, oldSelector, false);
  let oldFlags = (readRflags(words) & ~RFLAGS.RF) | (options.resumeFlag ? RFLAGS.RF : 0);
  if (options.by === 'iret') oldFlags &= ~RFLAGS.NT;
  writeTaskState(cpu, oldBase, oldWide, { eip: options.returnRip, eflags: oldFlags });
  if (nested) cpu.writeLinear(task.base, 2, BigInt(oldSelector), true);
  if (options.by !== 'iret') markBusy(cpu, selector, true);

  setSegment(words, SEG.TR, selector, task.low, task.high | (2 << 8));
  loadRegisters(cpu, state, task.wide, nested);
  loadSegments(cpu, state, options.ext);
  if (options.errorCode !== undefined) pushErrorCode(cpu, options.errorCode, task.wide, options.ext);
  if ((words[RIP] as number) >>> 0 > limitOf(words, SEG.CS)) cpu.raise(VECTOR.GP, options.ext);
  cpu.branchToWords(words[RIP] as number, 0);
  if (state.trap) {
    recordDebugException(words, DR6.BT);
    cpu.raise(VECTOR.DB);
  }
}

function readTask(cpu: Processor, selector: number, options: TaskSwitch): NewTask {
  const errorCode = (selector & 0xfffc) | options.ext;
  const returning = options.by === 'iret';
  const vector = returning ? VECTOR.TS : VECTOR.GP;
  if ((selector & 4) !== 0 || isNull(selector) || !isInTable(cpu, selector, 8)) cpu.raise(vector, errorCode);
  loadDescriptor(cpu, selector);
  const { low, high } = cpu;
  const attributes = descriptorAttributes(high);
  const type = typeOf(attributes);
  const fits = returning
    ? type === SYSTEM_TYPE.TSS16_BUSY || type === SYSTEM_TYPE.TSS32_BUSY
    : type === SYSTEM_TYPE.TSS16 || type === SYSTEM_TYPE.TSS32;
  if (!isSystem(attributes) || !fits) cpu.raise(vector, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  const wide = isWide(type);
  if (descriptorLimit(low, high) >>> 0 < taskLayout(wide).limit) cpu.raise(VECTOR.TS, errorCode);
  return { selector, low, high, base: BigInt(descriptorBase(low, high) >>> 0), wide };
}

const loadsCr3 = (cpu: Processor, state: TaskState): state is TaskState & { cr3: number } =>
  state.cr3 !== undefined && (cpu.words[STATE.cr0 >> 2] as number) < 0;

/** With PAE paging the new PDPTE registers are checked, and loaded, before anything else changes. */
function checkPdptes(cpu: Processor, state: TaskState): void {
  if (loadsCr3(cpu, state) && (cpu.u32(STATE.cr4) & CR4.PAE) !== 0) loadPdptes(cpu, state.cr3);
}

/** All but segments, which are null until their descriptors are loaded. */
function loadRegisters(cpu: Processor, state: TaskState, wide: boolean, nested: boolean): void {
  const { words } = cpu;
  if (loadsCr3(cpu, state)) {
    cpu.setU64(STATE.cr3, BigInt(state.cr3));
    cpu.flushTlb('non-global');
  }
  words[STATE.cr0 >> 2] = (words[STATE.cr0 >> 2] as number) | CR0.TS;
  // The local breakpoint enables belong to the old task.
  const dr7 = STATE.dr + 7 * 8;
  cpu.setU32(dr7, cpu.u32(dr7) & ~0x155);
  words[STATE.debugArmed >> 2] = (cpu.u32(dr7) & 0xff) !== 0 ? 1 : 0;
  words[RIP] = state.eip;
  words[RIP + 1] = 0;
  const flags = wide ? state.eflags : (state.eflags & 0xffff) | (readRflags(words) & ~0xffff & ~RFLAGS.RF & ~RFLAGS.VM);
  writeRflags(words, nested ? flags | RFLAGS.NT : flags);
  for (const [i, value] of state.registers.entries()) cpu.writeGpr(i, wide ? 32 : 16, BigInt(value));
  for (const [segment, selector] of state.selectors.entries()) setNullSegment(words, segment, selector);
  setNullSegment(words, SEG.LDTR, state.ldt);
  words[STATE.cpl >> 2] = (flags & RFLAGS.VM) !== 0 ? 3 : (state.selectors[SEG.CS] as number) & 3;
  cpu.updateMode();
}

function loadSegments(cpu: Processor, state: TaskState, ext: 0 | 1): void {
  const { words } = cpu;
  loadLdt(cpu, state.ldt, ext);
  if ((readRflags(words) & RFLAGS.VM) !== 0) {
    for (const [segment, selector] of state.selectors.entries()) loadRealSegment(words, segment, selector);
    cpu.updateMode();
    return;
  }
  const selectors = state.selectors as readonly [number, number, number, number, number, number];
  loadCode(cpu, selectors[SEG.CS], ext);
  if (isNull(selectors[SEG.SS])) cpu.raise(VECTOR.TS, (selectors[SEG.SS] & 0xfffc) | ext);
  checkStackDescriptor(cpu, selectors[SEG.SS], { cpl: cplOf(words), vector: VECTOR.TS, ext });
  commit(cpu, SEG.SS, selectors[SEG.SS]);
  for (const segment of [SEG.ES, SEG.DS, SEG.FS, SEG.GS]) loadData(cpu, segment, selectors[segment], ext);
  cpu.updateMode();
}

function commit(cpu: Processor, segment: number, selector: number): void {
  const { low, high } = cpu;
  markAccessed(cpu, selector, descriptorAttributes(high));
  setSegment(cpu.words, segment, selector, low, high);
  cpu.updateMode();
}

function loadLdt(cpu: Processor, selector: number, ext: 0 | 1): void {
  if (isNull(selector)) return;
  const errorCode = (selector & 0xfffc) | ext;
  if ((selector & 4) !== 0 || !isInTable(cpu, selector, 8)) cpu.raise(VECTOR.TS, errorCode);
  loadDescriptor(cpu, selector);
  const attributes = descriptorAttributes(cpu.high);
  const isLdt = isSystem(attributes) && typeOf(attributes) === SYSTEM_TYPE.LDT;
  if (!isLdt || (attributes & ATTR.P) === 0) cpu.raise(VECTOR.TS, errorCode);
  setSegment(cpu.words, SEG.LDTR, selector, cpu.low, cpu.high);
}

function loadCode(cpu: Processor, selector: number, ext: 0 | 1): void {
  const errorCode = (selector & 0xfffc) | ext;
  if (isNull(selector)) cpu.raise(VECTOR.TS, errorCode);
  readDescriptor(cpu, selector, VECTOR.TS, ext);
  const attributes = descriptorAttributes(cpu.high);
  const rpl = selector & 3;
  const dpl = dplOf(attributes);
  if (!isCode(attributes) || (isConformingCode(attributes) ? dpl > rpl : dpl !== rpl)) cpu.raise(VECTOR.TS, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  commit(cpu, SEG.CS, selector);
}

function loadData(cpu: Processor, segment: number, selector: number, ext: 0 | 1): void {
  if (isNull(selector)) return;
  const errorCode = (selector & 0xfffc) | ext;
  readDescriptor(cpu, selector, VECTOR.TS, ext);
  const attributes = descriptorAttributes(cpu.high);
  const dpl = dplOf(attributes);
  const denied = !isConformingCode(attributes) && ((selector & 3) > dpl || cplOf(cpu.words) > dpl);
  if (!isReadable(attributes) || denied) cpu.raise(VECTOR.TS, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  commit(cpu, segment, selector);
}

function pushErrorCode(cpu: Processor, errorCode: number, wide: boolean, ext: 0 | 1): void {
  const options = { bytes: wide ? 4 : 2, cpl: cplOf(cpu.words), errorCode: ext } as const;
  setStackPointer(cpu, BigInt(pushFrame(cpu, currentStack(cpu), [errorCode], options)));
}
