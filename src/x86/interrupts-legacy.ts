import {
  attributesOf,
  cplOf,
  descriptorAttributes,
  descriptorLimit,
  dplOf,
  isCode,
  isConformingCode,
  isNull,
  limitOf,
  markAccessed,
  readDescriptor,
  SYSTEM_TYPE,
  selectorOf,
  setNullSegment,
  setSegment,
  typeOf,
} from './descriptors.ts';
import { currentStack, pushFrame, readInnerStack, type Stack } from './inner-stack.ts';
import { extOf, type InterruptEvent, idtErrorCode } from './interrupt-event.ts';
import type { Processor } from './processor.ts';
import { readRflags, writeRflags } from './rflags.ts';
import { inRealMode, inVm86, loadRealSegment } from './segmentation.ts';
import { setStackPointer } from './stack.ts';
import { ATTR, CR4, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from './state.ts';
import { switchTask, taskGateTarget } from './task-switch.ts';

/** Delivery in real, virtual-8086 and protected mode (SDM Vol. 2A "INT n", Vol. 3A §7.12). */

const RIP = STATE.rip >> 2;
const TSS_BASE = STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.base;
const IO_MAP_BASE = 0x66;

export function deliverLegacy(cpu: Processor, event: InterruptEvent): void {
  if (inRealMode(cpu.words)) {
    if (event.vector * 4 + 3 > cpu.u32(STATE.idtrLimit)) cpu.raise(VECTOR.GP, 0);
    deliverByVectorTable(cpu, event, cpu.u64(STATE.idtrBase));
    return;
  }
  const gate = readGate(cpu, event);
  if (gate.type === SYSTEM_TYPE.TASK_GATE) {
    switchTask(cpu, gate.selector, {
      by: 'interrupt',
      ext: extOf(event),
      returnRip: BigInt(event.returnLow >>> 0),
      resumeFlag: event.resumeFlag,
      errorCode: event.errorCode,
    });
  } else deliverByGate(cpu, event, gate);
}

/** 8086 style: FLAGS, CS and IP on the stack, CS:IP from a table of far pointers. `flags` are those pushed. */
function deliverByVectorTable(cpu: Processor, event: InterruptEvent, table: bigint, flags?: number): void {
  const words = cpu.words;
  const old = readRflags(words);
  const pointer = Number(cpu.readLinear(table + BigInt(event.vector * 4), 4, true));
  const frame = [(flags ?? old) & 0xffff, selectorOf(words, SEG.CS), event.returnLow & 0xffff];
  const top = pushFrame(cpu, currentStack(cpu), frame, { bytes: 2, cpl: cplOf(words), errorCode: 0 });
  setStackPointer(cpu, BigInt(top));
  loadRealSegment(words, SEG.CS, pointer >>> 16);
  words[RIP] = pointer & 0xffff;
  words[RIP + 1] = 0;
  // Redirected in virtual-8086 mode with IOPL < 3, VIF stands for IF.
  const virtual = flags !== undefined && (old & RFLAGS.IOPL) !== RFLAGS.IOPL;
  const cleared = RFLAGS.TF | RFLAGS.RF | (virtual ? RFLAGS.VIF : RFLAGS.IF | RFLAGS.AC);
  writeRflags(words, old & ~cleared);
  cpu.updateMode();
}

interface Gate {
  readonly type: number;
  readonly selector: number;
  readonly offset: number;
}

const GATE_TYPES: ReadonlySet<number> = new Set([
  SYSTEM_TYPE.TASK_GATE,
  SYSTEM_TYPE.INTERRUPT_GATE16,
  SYSTEM_TYPE.TRAP_GATE16,
  SYSTEM_TYPE.INTERRUPT_GATE32,
  SYSTEM_TYPE.TRAP_GATE32,
]);
const isWide = (gate: Gate): boolean => gate.type >= SYSTEM_TYPE.INTERRUPT_GATE32;
const isInterruptGate = (gate: Gate): boolean => (gate.type & 1) === 0;

function readGate(cpu: Processor, event: InterruptEvent): Gate {
  const errorCode = idtErrorCode(event);
  if (event.vector * 8 + 7 > cpu.u32(STATE.idtrLimit)) cpu.raise(VECTOR.GP, errorCode);
  cpu.loadSupervisor64((cpu.u32(STATE.idtrBase) + event.vector * 8) | 0, 0);
  const { low, high } = cpu;
  const type = (high >>> 8) & 0x1f;
  if (!GATE_TYPES.has(type)) cpu.raise(VECTOR.GP, errorCode);
  if (event.kind === 'software' && ((high >>> 13) & 3) < cplOf(cpu.words)) cpu.raise(VECTOR.GP, errorCode);
  if ((high & (1 << 15)) === 0) cpu.raise(VECTOR.NP, errorCode);
  if (type === SYSTEM_TYPE.TASK_GATE) return { type, selector: taskGateTarget(low), offset: 0 };
  const offset = type >= SYSTEM_TYPE.INTERRUPT_GATE32 ? (low & 0xffff) | (high & ~0xffff) : low & 0xffff;
  return { type, selector: low >>> 16, offset };
}

interface Handler {
  readonly low: number;
  readonly high: number;
  readonly cpl: number;
}

function readHandler(cpu: Processor, gate: Gate, ext: 0 | 1): Handler {
  const { words } = cpu;
  const errorCode = (gate.selector & 0xfffc) | ext;
  if (isNull(gate.selector)) cpu.raise(VECTOR.GP, ext);
  readDescriptor(cpu, gate.selector, VECTOR.GP, ext);
  const { low, high } = cpu;
  const attributes = descriptorAttributes(high);
  const cpl = cplOf(words);
  const dpl = dplOf(attributes);
  if (!isCode(attributes) || dpl > cpl) cpu.raise(VECTOR.GP, errorCode);
  if ((attributes & ATTR.P) === 0) cpu.raise(VECTOR.NP, errorCode);
  const newCpl = isConformingCode(attributes) ? cpl : dpl;
  // Virtual-8086 mode is left for CPL 0 only.
  if (inVm86(words) && newCpl !== 0) cpu.raise(VECTOR.GP, errorCode);
  if (gate.offset >>> 0 > descriptorLimit(low, high) >>> 0) cpu.raise(VECTOR.GP, ext);
  return { low, high, cpl: newCpl };
}

function deliverByGate(cpu: Processor, event: InterruptEvent, gate: Gate): void {
  const { words } = cpu;
  const ext = extOf(event);
  const handler = readHandler(cpu, gate, ext);
  const vm86 = inVm86(words);
  const inner = handler.cpl < cplOf(words);
  const stack = inner ? readInnerStack(cpu, handler.cpl, ext) : currentStack(cpu);
  const flags = readRflags(words);
  const frame: number[] = inner ? outerState(cpu, vm86) : [];
  frame.push(flags | (event.resumeFlag ? RFLAGS.RF : 0), selectorOf(words, SEG.CS), event.returnLow);
  if (event.errorCode !== undefined) frame.push(event.errorCode);
  markAccessed(cpu, gate.selector, descriptorAttributes(handler.high));
  if (stack.descriptor !== undefined) markAccessed(cpu, stack.selector, stack.attributes);
  const errorCode = inner ? (stack.selector & 0xfffc) | ext : ext;
  const top = pushFrame(cpu, stack, frame, { bytes: isWide(gate) ? 4 : 2, cpl: handler.cpl, errorCode });

  enterStack(cpu, stack, top);
  if (vm86) for (const segment of [SEG.GS, SEG.FS, SEG.DS, SEG.ES]) setNullSegment(words, segment, 0);
  setSegment(words, SEG.CS, (gate.selector & 0xfffc) | handler.cpl, handler.low, handler.high);
  words[RIP] = gate.offset;
  words[RIP + 1] = 0;
  words[STATE.cpl >> 2] = handler.cpl;
  const cleared = RFLAGS.TF | RFLAGS.NT | RFLAGS.RF | RFLAGS.VM | (isInterruptGate(gate) ? RFLAGS.IF : 0);
  writeRflags(words, flags & ~cleared);
  cpu.updateMode();
}

/** What a switch to an inner stack pushes first. */
function outerState(cpu: Processor, vm86: boolean): number[] {
  const { words } = cpu;
  const stack = [selectorOf(words, SEG.SS), words[(STATE.gpr + GPR.RSP * 8) >> 2] as number];
  if (!vm86) return stack;
  return [...[SEG.GS, SEG.FS, SEG.DS, SEG.ES].map((segment) => selectorOf(words, segment)), ...stack];
}

function enterStack(cpu: Processor, stack: Stack, pointer: number): void {
  if (stack.descriptor !== undefined) {
    setSegment(cpu.words, SEG.SS, stack.selector, stack.descriptor.low, stack.descriptor.high);
  }
  cpu.writeGpr(GPR.RSP, (stack.attributes & ATTR.DB) !== 0 ? 32 : 16, BigInt(pointer >>> 0));
}

/**
 * INT n in virtual-8086 mode (SDM Vol. 3B §21.3 "Interrupt and Exception Handling in Virtual-8086 Mode", Table 21-2):
 * true if it was redirected to the 8086 program's handler; false if the IDT has it; #GP(0) if the monitor must see it.
 */
export function deliverVirtualInterrupt(cpu: Processor, vector: number, next: bigint): boolean {
  const flags = readRflags(cpu.words);
  const iopl3 = (flags & RFLAGS.IOPL) === RFLAGS.IOPL;
  const vme = (cpu.u32(STATE.cr4) & CR4.VME) !== 0;
  if (!vme || isForMonitor(cpu, vector)) {
    if (!iopl3) cpu.raise(VECTOR.GP, 0);
    return false;
  }
  const event: InterruptEvent = {
    vector,
    kind: 'software',
    errorCode: undefined,
    returnLow: Number(next & 0xffffn),
    returnHigh: 0,
    resumeFlag: false,
  };
  const virtualIf = (flags & RFLAGS.VIF) !== 0 ? RFLAGS.IF : 0;
  const image = iopl3 ? flags : (flags & ~RFLAGS.IF) | RFLAGS.IOPL | virtualIf;
  deliverByVectorTable(cpu, event, 0n, image);
  return true;
}

/** The vector's bit in the interrupt redirection bit map, the 32 bytes below the I/O permission bit map. */
function isForMonitor(cpu: Processor, vector: number): boolean {
  const { words } = cpu;
  const limit = limitOf(words, SEG.TR);
  const type = typeOf(attributesOf(words, SEG.TR));
  if ((type !== SYSTEM_TYPE.TSS32 && type !== SYSTEM_TYPE.TSS32_BUSY) || IO_MAP_BASE + 1 > limit) {
    cpu.raise(VECTOR.GP, 0);
  }
  const base = cpu.u64(TSS_BASE);
  const offset = Number(cpu.readLinear(base + BigInt(IO_MAP_BASE), 2, true)) - 32 + (vector >> 3);
  if (offset < 0 || offset > limit) cpu.raise(VECTOR.GP, 0);
  return ((Number(cpu.readLinear(base + BigInt(offset), 1, true)) >> (vector & 7)) & 1) !== 0;
}
