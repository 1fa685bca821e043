import { cplOf } from '../descriptors.ts';
import { in64BitMode } from '../mode.ts';
import type { Processor } from '../processor.ts';
import { readRflags, writeRflags } from '../rflags.ts';
import { inRealMode, inVm86 } from '../segmentation.ts';
import { procedure } from '../semantics.ts';
import { peekWord, pushWord, stackStep } from '../stack.ts';
import { CR4, RFLAGS, SHADOW, STATE, STATUS_FLAGS, VECTOR } from '../state.ts';

/** CLI, STI, STAC, CLAC, PUSHF, POPF with the rules of protected mode, virtual-8086 mode and their extensions. */

const SYSTEM_FLAGS = STATE.rflagsSystem >> 2;
const CR4_WORD = STATE.cr4 >> 2;

const iopl = (flags: number): number => (flags & RFLAGS.IOPL) >> RFLAGS.IOPL_SHIFT;

/** How CLI and STI act (SDM Vol. 2 "CLI", Table 3-7): on IF, on VIF, or not at all (#GP). */
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

export const CLI = procedure(
  'CLI',
  (cpu) => {
    const target = interruptFlagTarget(cpu);
    cpu.words[SYSTEM_FLAGS] = (cpu.words[SYSTEM_FLAGS] as number) & ~target;
  },
  { endsBlock: false },
);

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

function setAlignmentCheck(cpu: Processor, value: number): void {
  const words = cpu.words;
  if (cplOf(words) !== 0) cpu.raise(VECTOR.UD);
  words[SYSTEM_FLAGS] = ((words[SYSTEM_FLAGS] as number) & ~RFLAGS.AC) | value;
  cpu.updateMode();
}

export const STAC = procedure('STAC', (cpu) => setAlignmentCheck(cpu, RFLAGS.AC));
export const CLAC = procedure('CLAC', (cpu) => setAlignmentCheck(cpu, 0));

export const PUSHF = procedure(
  'PUSHF',
  (cpu, instruction) => {
    const words = cpu.words;
    // VM and RF are never pushed.
    let flags = readRflags(words) & ~(RFLAGS.VM | RFLAGS.RF);
    if (inVm86(words) && iopl(flags) < 3) {
      if (instruction.operandSize !== 16 || ((words[CR4_WORD] as number) & CR4.VME) === 0) cpu.raise(VECTOR.GP, 0);
      flags = (flags & ~RFLAGS.IF) | RFLAGS.IOPL | ((flags & RFLAGS.VIF) !== 0 ? RFLAGS.IF : 0);
    }
    pushWord(cpu, instruction.operandSize, flags);
  },
  { endsBlock: false },
);

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
