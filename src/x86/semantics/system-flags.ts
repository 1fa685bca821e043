import { cplOf } from '../descriptors.ts';
import type { Emitter, Int } from '../emitter.ts';
import { in64BitMode } from '../mode.ts';
import type { Processor } from '../processor.ts';
import { readRflags, writeRflags } from '../rflags.ts';
import { inRealMode, inVm86 } from '../segmentation.ts';
import { describe, procedure } from '../semantics.ts';
import { peekWord, stackStep } from '../stack.ts';
import { CR4, MMU_CONTEXT, RFLAGS, SHADOW, STATE, STATUS_FLAGS, VECTOR } from '../state.ts';

/** CLI, STI, STAC, CLAC, PUSHF, POPF with the rules of protected mode, virtual-8086 mode and their extensions. */

/** Bits of RFLAGS and CR4 by number. */
const [IF_BIT, VM_BIT, VIF_BIT] = [9, 17, 19];
const [VME_BIT, PVI_BIT, SMAP_BIT] = [0, 1, 21];

/** System flags that are pushed; the status flags join them. */
const PUSHED =
  RFLAGS.TF | RFLAGS.IF | RFLAGS.DF | RFLAGS.IOPL | RFLAGS.NT | RFLAGS.AC | RFLAGS.VIF | RFLAGS.VIP | RFLAGS.ID;

const SYSTEM_FLAGS = STATE.rflagsSystem >> 2;
const CR4_WORD = STATE.cr4 >> 2;

const iopl = (flags: number): number => (flags & RFLAGS.IOPL) >> RFLAGS.IOPL_SHIFT;

/** How STI acts, and CLI likewise (SDM Vol. 2 "CLI", Table 3-7): on IF, on VIF, or not at all (#GP). */
function interruptFlagTarget(cpu: Processor): number {
  const words = cpu.words;
  if (inRealMode(words)) return RFLAGS.IF;
  const flags = words[SYSTEM_FLAGS] as number;
  const cpl = cplOf(words);
  const level = iopl(flags);
  const cr4 = words[CR4_WORD] as number;
  if (inVm86(words)) {
    if (level === 3) return RFLAGS.IF;
    if ((cr4 & CR4.VME) !== 0) return RFLAGS.VIF;
  } else {
    if (level >= cpl) return RFLAGS.IF;
    if (cpl === 3 && (cr4 & CR4.PVI) !== 0) return RFLAGS.VIF;
  }
  return cpu.raise(VECTOR.GP, 0);
}

/** Raises #GP(0) unless one of IF and VIF is CLI's to clear, as interruptFlagTarget says; CPL is 0 in real mode and 3 in VM86. */
export const CLI = describe('CLI', [], ({ e }) => {
  const flags = e.field32(STATE.rflagsSystem);
  const cpl = e.field32(STATE.cpl);
  const cr4 = e.field32(STATE.cr4);
  const level = e.and(e.shr(flags, e.int(32, RFLAGS.IOPL_SHIFT)), e.int(32, 3));
  const real = e.boolNot(e.bit(e.field32(STATE.cr0), 0));
  const onFlag = e.boolOr(real, e.boolNot(e.ltU(level, cpl)));
  const extension = e.selectBool(e.bit(flags, VM_BIT), e.bit(cr4, VME_BIT), e.bit(cr4, PVI_BIT));
  const onVirtualFlag = e.boolAnd(e.eq(cpl, e.int(32, 3)), extension);
  e.when(e.boolNot(e.boolOr(onFlag, onVirtualFlag)), () => e.raise(VECTOR.GP, 0));
  const target = e.select(onFlag, e.int(32, RFLAGS.IF), e.int(32, RFLAGS.VIF));
  e.setField32(STATE.rflagsSystem, e.and(flags, e.not(target)));
});

/** Interrupts wait for one more instruction if STI enabled them. */
export const STI = procedure('STI', (cpu) => {
  const words = cpu.words;
  const target = interruptFlagTarget(cpu);
  const flags = words[SYSTEM_FLAGS] as number;
  if (target === RFLAGS.VIF && (flags & RFLAGS.VIP) !== 0) cpu.raise(VECTOR.GP, 0);
  if (target === RFLAGS.IF && (flags & RFLAGS.IF) === 0) {
    words[STATE.interruptShadow >> 2] = SHADOW.STI;
  }
  words[SYSTEM_FLAGS] = flags | target;
});

/** RFLAGS.AC for CPL 0, where it opens user pages to the supervisor (SDM Vol. 3A §4.6). */
const alignmentCheck = (name: string, value: boolean) =>
  describe(name, [], ({ e }) => {
    e.when(e.ne(e.field32(STATE.cpl), e.int(32, 0)), () => e.raise(VECTOR.UD));
    const flags = e.field32(STATE.rflagsSystem);
    const others = e.and(flags, e.int(32, ~RFLAGS.AC));
    const open = e.int(32, MMU_CONTEXT.SUPERVISOR_USER_DATA);
    const closed = e.select(e.bit(e.field32(STATE.cr4), SMAP_BIT), e.int(32, MMU_CONTEXT.SUPERVISOR), open);
    e.setField32(STATE.rflagsSystem, value ? e.or(others, e.int(32, RFLAGS.AC)) : others);
    e.setField32(STATE.mmuContext, value ? open : closed);
  });

export const STAC = alignmentCheck('STAC', true);
export const CLAC = alignmentCheck('CLAC', false);

const STATUS_PLACES = { CF: 0, PF: 2, AF: 4, ZF: 6, SF: 7, OF: 11 } as const;

/** RFLAGS as it is pushed: without VM and RF. */
function pushedFlags(e: Emitter): Int {
  const stored = e.and(e.field32(STATE.rflagsSystem), e.int(32, PUSHED));
  return Object.entries(STATUS_PLACES).reduce(
    (image, [flag, place]) =>
      e.or(image, e.shl(e.fromBool(32, e.flag(flag as keyof typeof STATUS_PLACES)), e.int(32, place))),
    e.or(stored, e.int(32, RFLAGS.FIXED)),
  );
}

export const PUSHF = describe('PUSHF', [], ({ e, width, mode64 }) => {
  const flags = pushedFlags(e);
  if (mode64) {
    e.push(e.resize(flags, width));
    return;
  }
  const system = e.field32(STATE.rflagsSystem);
  const trusted = e.eq(e.and(system, e.int(32, RFLAGS.IOPL)), e.int(32, RFLAGS.IOPL));
  const virtual = e.boolAnd(e.bit(system, VM_BIT), e.boolNot(trusted));
  const extension = width === 16 ? e.bit(e.field32(STATE.cr4), VME_BIT) : e.bool(false);
  e.when(e.boolAnd(virtual, e.boolNot(extension)), () => e.raise(VECTOR.GP, 0));
  // VIF in the place of IF, and an IOPL of 3.
  const virtualFlag = e.shl(e.fromBool(32, e.bit(system, VIF_BIT)), e.int(32, IF_BIT));
  const virtualImage = e.or(e.and(flags, e.int(32, ~RFLAGS.IF)), e.or(virtualFlag, e.int(32, RFLAGS.IOPL)));
  e.push(e.resize(e.select(virtual, virtualImage, flags), width));
});

const ALWAYS = STATUS_FLAGS | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT;
const WIDE = RFLAGS.AC | RFLAGS.ID;

/** SDM Vol. 2B "POPF/POPFD/POPFQ", Table 4-21 "Effect of POPF/POPFD on the EFLAGS Register". */
export const POPF = procedure('POPF', (cpu, instruction) => {
  const words = cpu.words;
  const size = instruction.operandSize;
  const old = readRflags(words);
  const level = iopl(old);
  const cpl = cplOf(words);
  const vm86 = inVm86(words) && !in64BitMode(words);
  const virtual = vm86 && level < 3;
  if (virtual && (size !== 16 || ((words[CR4_WORD] as number) & CR4.VME) === 0)) cpu.raise(VECTOR.GP, 0);

  let popped = peekWord(cpu, size);
  let mask = size === 16 ? ALWAYS : ALWAYS | WIDE;
  if (virtual) {
    const pending = (old & RFLAGS.VIP) !== 0 && (popped & RFLAGS.IF) !== 0;
    if (pending || (popped & RFLAGS.TF) !== 0) cpu.raise(VECTOR.GP, 0);
    popped = (popped & ~RFLAGS.VIF) | ((popped & RFLAGS.IF) !== 0 ? RFLAGS.VIF : 0);
    mask |= RFLAGS.VIF;
  } else {
    if (vm86 || cpl <= level) mask |= RFLAGS.IF;
    if (!vm86 && cpl === 0) mask |= RFLAGS.IOPL;
  }
  stackStep(cpu, size >> 3);
  // RF is cleared.
  writeRflags(words, (old & ~(mask | RFLAGS.RF)) | (popped & mask));
  cpu.updateMode();
});
