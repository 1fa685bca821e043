import { isValidXcr0 } from '../control-registers.ts';
import { cpuidOf } from '../cpuid/dynamic.ts';
import { cplOf } from '../descriptors.ts';
import { highHalf, lowHalf } from '../halves.ts';
import { isCanonicalAddress } from '../linear.ts';
import { in64BitMode } from '../mode.ts';
import { readMsr, writeMsr } from '../msr.ts';
import type { Processor } from '../processor.ts';
import { inRealMode } from '../segmentation.ts';
import { procedure } from '../semantics.ts';
import { CR4, GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../state.ts';
import { componentsInUse } from '../xsave.ts';
import { requireCpl0 } from './system-control.ts';

/** CPUID, MSRs, time stamp, HLT, MONITOR, FS and GS bases, extended control registers, protection keys, hypercalls. */

const gpr = (index: number): number => (STATE.gpr + index * 8) >> 2;
const RAX = gpr(GPR.RAX);
const RBX = gpr(GPR.RBX);
const RCX = gpr(GPR.RCX);
const RDX = gpr(GPR.RDX);

/** Writes a 32-bit register, zero-extended. */
function set32(words: Int32Array, word: number, value: number): void {
  words[word] = value;
  words[word + 1] = 0;
}

/** EDX:EAX. */
function setPair(words: Int32Array, low: number, high: number): void {
  set32(words, RAX, low);
  set32(words, RDX, high);
}

const hasCr4 = (cpu: Processor, bit: number): boolean => ((cpu.words[STATE.cr4 >> 2] as number) & bit) !== 0;

export const CPUID = procedure(
  'CPUID',
  (cpu) => {
    const words = cpu.words;
    const [eax, ebx, ecx, edx] = cpuidOf(cpu, (words[RAX] as number) >>> 0, (words[RCX] as number) >>> 0);
    set32(words, RAX, eax);
    set32(words, RBX, ebx);
    set32(words, RCX, ecx);
    set32(words, RDX, edx);
  },
  { endsBlock: false },
);

export const RDMSR = procedure(
  'RDMSR',
  (cpu) => {
    requireCpl0(cpu);
    const words = cpu.words;
    if (!readMsr(cpu, (words[RCX] as number) >>> 0)) cpu.raise(VECTOR.GP, 0);
    setPair(words, cpu.low, cpu.high);
  },
  { endsBlock: false },
);

export const WRMSR = procedure('WRMSR', (cpu) => {
  requireCpl0(cpu);
  const words = cpu.words;
  if (!writeMsr(cpu, (words[RCX] as number) >>> 0, words[RAX] as number, words[RDX] as number)) {
    cpu.raise(VECTOR.GP, 0);
  }
});

function checkTimeStampDisable(cpu: Processor): void {
  if (hasCr4(cpu, CR4.TSD) && cplOf(cpu.words) !== 0) cpu.raise(VECTOR.GP, 0);
}

function readTimeStamp(cpu: Processor): void {
  const tsc = cpu.platform.readTsc();
  setPair(cpu.words, lowHalf(tsc), highHalf(tsc));
}

export const RDTSC = procedure(
  'RDTSC',
  (cpu) => {
    checkTimeStampDisable(cpu);
    readTimeStamp(cpu);
  },
  { endsBlock: false },
);

export const RDTSCP = procedure(
  'RDTSCP',
  (cpu) => {
    checkTimeStampDisable(cpu);
    readTimeStamp(cpu);
    set32(cpu.words, RCX, cpu.words[STATE.tscAux >> 2] as number);
  },
  { endsBlock: false },
);

export const RDPID = procedure(
  'RDPID',
  (cpu, instruction) => {
    cpu.writeOperand(instruction, 0, BigInt(cpu.u32(STATE.tscAux)));
  },
  { endsBlock: false },
);

/** There are no performance counters. */
export const RDPMC = procedure('RDPMC', (cpu) => cpu.raise(VECTOR.GP, 0));

export const HLT = procedure('HLT', (cpu) => {
  requireCpl0(cpu);
  cpu.halt();
});

/** A hint: the address is checked as for a load, and not watched. */
export const MONITOR = procedure('MONITOR', (cpu, instruction) => {
  if (cplOf(cpu.words) !== 0) cpu.raise(VECTOR.UD);
  if ((cpu.words[RCX] as number) !== 0) cpu.raise(VECTOR.GP, 0);
  const offset = cpu.readGpr(GPR.RAX, instruction.addressSize);
  cpu.readMemory(instruction.segmentOverridden ? instruction.segment : SEG.DS, offset, 1);
});

/** Does not wait: a store to the watched line would not wake it, so it is a no-op as SDM Vol. 2B "MWAIT" allows. */
export const MWAIT = procedure('MWAIT', (cpu) => {
  if (cplOf(cpu.words) !== 0) cpu.raise(VECTOR.UD);
  if ((cpu.words[RCX] as number) & ~1) cpu.raise(VECTOR.GP, 0);
});

function baseOffset(cpu: Processor, segment: number): number {
  if (!hasCr4(cpu, CR4.FSGSBASE)) cpu.raise(VECTOR.UD);
  return STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base;
}

const readBase = (name: string, segment: number) =>
  procedure(name, (cpu, instruction) => cpu.writeOperand(instruction, 0, cpu.u64(baseOffset(cpu, segment))), {
    endsBlock: false,
  });
const writeBase = (name: string, segment: number) =>
  procedure(
    name,
    (cpu, instruction) => {
      const offset = baseOffset(cpu, segment);
      const base = cpu.readOperand(instruction, 0);
      if (!isCanonicalAddress(base)) cpu.raise(VECTOR.GP, 0);
      cpu.setU64(offset, base);
    },
    { endsBlock: false },
  );
export const RDFSBASE = readBase('RDFSBASE', SEG.FS);
export const RDGSBASE = readBase('RDGSBASE', SEG.GS);
export const WRFSBASE = writeBase('WRFSBASE', SEG.FS);
export const WRGSBASE = writeBase('WRGSBASE', SEG.GS);

/** XCR0, or with ECX = 1 those of its components that are in use (XINUSE). */
export const XGETBV = procedure('XGETBV', (cpu) => {
  if (!hasCr4(cpu, CR4.OSXSAVE)) cpu.raise(VECTOR.UD);
  const words = cpu.words;
  const index = (words[RCX] as number) >>> 0;
  if (index > 1 || (index === 1 && !cpu.traits.features.has('xgetbv1'))) cpu.raise(VECTOR.GP, 0);
  const xcr0 = words[STATE.xcr0 >> 2] as number;
  setPair(words, index === 0 ? xcr0 : xcr0 & componentsInUse(words), 0);
});

export const XSETBV = procedure('XSETBV', (cpu) => {
  if (!hasCr4(cpu, CR4.OSXSAVE)) cpu.raise(VECTOR.UD);
  requireCpl0(cpu);
  const words = cpu.words;
  const value = (BigInt((words[RDX] as number) >>> 0) << 32n) | BigInt((words[RAX] as number) >>> 0);
  if ((words[RCX] as number) !== 0 || !isValidXcr0(cpu, value)) cpu.raise(VECTOR.GP, 0);
  cpu.setU64(STATE.xcr0, value);
});

export const RDPKRU = procedure('RDPKRU', (cpu) => {
  if (!hasCr4(cpu, CR4.PKE)) cpu.raise(VECTOR.UD);
  if ((cpu.words[RCX] as number) !== 0) cpu.raise(VECTOR.GP, 0);
  setPair(cpu.words, cpu.words[STATE.pkru >> 2] as number, 0);
});

export const WRPKRU = procedure('WRPKRU', (cpu) => {
  const words = cpu.words;
  if (!hasCr4(cpu, CR4.PKE)) cpu.raise(VECTOR.UD);
  if ((words[RCX] as number) !== 0 || (words[RDX] as number) !== 0) cpu.raise(VECTOR.GP, 0);
  const rights = words[RAX] as number;
  if (rights === words[STATE.pkru >> 2]) return;
  words[STATE.pkru >> 2] = rights;
  // They hold for all pages with a key.
  cpu.flushTlb('all');
});

/** VMCALL and VMMCALL mean the same: the personality takes both. Arguments: RBX RCX RDX RSI, then RDI. */
function hypercall(cpu: Processor): void {
  if (inRealMode(cpu.words)) cpu.raise(VECTOR.UD);
  const width = in64BitMode(cpu.words) ? 64 : 32;
  const args = [GPR.RBX, GPR.RCX, GPR.RDX, GPR.RSI, GPR.RDI].map((index) => cpu.readGpr(index, width));
  const result = cpu.platform.hypercall(cpu.readGpr(GPR.RAX, width), args, cplOf(cpu.words));
  if (result === undefined) cpu.raise(VECTOR.UD);
  cpu.writeGpr(GPR.RAX, width, BigInt.asUintN(width, result));
}
export const VMCALL = procedure('VMCALL', hypercall);
export const VMMCALL = procedure('VMMCALL', hypercall);
