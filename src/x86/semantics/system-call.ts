import { cplOf, setFixedSegment } from '../descriptors.ts';
import { isCanonicalHigh } from '../linear.ts';
import { in64BitMode, inLongMode } from '../mode.ts';
import type { Processor } from '../processor.ts';
import { readRflags, writeRflags } from '../rflags.ts';
import { inProtectedMode, inRealMode } from '../segmentation.ts';
import { describe, procedure } from '../semantics.ts';
import { ATTR, EFER, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../state.ts';

/** SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS (SDM Vol. 2B; SYSCALL outside 64-bit mode: AMD APM Vol. 3). Hot paths. */

const gpr = (index: number): number => (STATE.gpr + index * 8) >> 2;
const RIP = STATE.rip >> 2;
const RCX = gpr(GPR.RCX);
const RDX = gpr(GPR.RDX);
const RSP = gpr(GPR.RSP);
const R11 = gpr(11);
const EFER_WORD = STATE.efer >> 2;
const STAR_HIGH = (STATE.star >> 2) + 1;
const GS_BASE = STATE.segments + SEG.GS * SEGMENT_BYTES + SEGMENT.base;

const FLAT_CODE = ATTR.P | ATTR.S | ATTR.CODE | ATTR.READABLE | ATTR.ACCESSED | ATTR.G;
const FLAT_DATA = ATTR.P | ATTR.S | ATTR.WRITABLE | ATTR.ACCESSED | ATTR.G | ATTR.DB;

/** CS and SS as these instructions load them: flat, without a look at the descriptors. */
function setFlatSegments(words: Int32Array, code: number, stack: number, bits64: boolean): void {
  const cpl = code & 3;
  const dpl = cpl << ATTR.DPL_SHIFT;
  const size = bits64 ? ATTR.L : ATTR.DB;
  setFixedSegment(words, SEG.CS, { selector: code, attributes: FLAT_CODE | size | dpl, limit: -1, base: 0 });
  setFixedSegment(words, SEG.SS, { selector: stack, attributes: FLAT_DATA | dpl, limit: -1, base: 0 });
  words[STATE.cpl >> 2] = cpl;
}

/** A single-stepped SYSCALL whose mask clears TF traps when SYSRET has set it again. */
const newFlags = { trapsByNewFlags: true } as const;

export const SYSCALL = procedure(
  'SYSCALL',
  (cpu, instruction) => {
    const words = cpu.words;
    const enabled = ((words[EFER_WORD] as number) & EFER.SCE) !== 0;
    if (!enabled || !in64BitMode(words)) {
      syscallOutside64BitMode(cpu, enabled, cpu.nextRip(instruction));
      return;
    }
    const next = ((words[RIP] as number) >>> 0) + instruction.length;
    words[RCX] = next;
    words[RCX + 1] = (words[RIP + 1] as number) + (next > 0xffff_ffff ? 1 : 0);
    const flags = readRflags(words);
    words[R11] = flags;
    words[R11 + 1] = 0;
    enterSystem(cpu, words, flags & ~((words[STATE.sfmask >> 2] as number) | RFLAGS.RF), true);
    cpu.branchToWords(words[STATE.lstar >> 2] as number, words[(STATE.lstar >> 2) + 1] as number);
  },
  newFlags,
);

function enterSystem(cpu: Processor, words: Int32Array, flags: number, bits64: boolean): void {
  writeRflags(words, flags);
  const selector = (words[STAR_HIGH] as number) & 0xfffc;
  setFlatSegments(words, selector, (selector + 8) & 0xffff, bits64);
  cpu.updateMode();
}

/** Intel: #UD. AMD: compatibility mode enters at CSTAR, legacy mode at STAR's EIP. */
function syscallOutside64BitMode(cpu: Processor, enabled: boolean, next: bigint): void {
  const words = cpu.words;
  if (!enabled || cpu.traits.vendor === 'intel' || !inProtectedMode(words)) cpu.raise(VECTOR.UD);
  const flags = readRflags(words);
  cpu.setU64(STATE.gpr + GPR.RCX * 8, next);
  if (inLongMode(words)) {
    words[R11] = flags;
    words[R11 + 1] = 0;
    enterSystem(cpu, words, flags & ~((words[STATE.sfmask >> 2] as number) | RFLAGS.RF), true);
    cpu.branchToWords(words[STATE.cstar >> 2] as number, words[(STATE.cstar >> 2) + 1] as number);
  } else {
    enterSystem(cpu, words, flags & ~(RFLAGS.IF | RFLAGS.VM | RFLAGS.RF), false);
    cpu.branchToWords(words[STATE.star >> 2] as number, 0);
  }
}

export const SYSRET = procedure(
  'SYSRET',
  (cpu, instruction) => {
    const words = cpu.words;
    const enabled = ((words[EFER_WORD] as number) & EFER.SCE) !== 0;
    const amd = cpu.traits.vendor === 'amd';
    if (!enabled || !(in64BitMode(words) || (amd && inProtectedMode(words)))) cpu.raise(VECTOR.UD);
    if (cplOf(words) !== 0) cpu.raise(VECTOR.GP, 0);
    const bits64 = instruction.operandSize === 64;
    const high = words[RCX + 1] as number;
    // Intel faults here, at CPL 0; AMD lets the instruction fetch fault at CPL 3.
    if (bits64 && !amd && !isCanonicalHigh(high)) cpu.raise(VECTOR.GP, 0);
    const star = (words[STAR_HIGH] as number) >>> 16;
    if (inLongMode(words)) writeRflags(words, (words[R11] as number) & ~(RFLAGS.RF | RFLAGS.VM));
    else writeRflags(words, readRflags(words) | RFLAGS.IF);
    setFlatSegments(words, ((star + (bits64 ? 16 : 0)) & 0xffff) | 3, ((star + 8) & 0xffff) | 3, bits64);
    cpu.updateMode();
    cpu.branchToWords(words[RCX] as number, bits64 ? high : 0);
  },
  newFlags,
);

export const SYSENTER = procedure('SYSENTER', (cpu) => {
  const words = cpu.words;
  if (inLongMode(words) && cpu.traits.vendor === 'amd') cpu.raise(VECTOR.UD);
  const code = words[STATE.sysenterCs >> 2] as number;
  if (inRealMode(words) || (code & 0xfffc) === 0) cpu.raise(VECTOR.GP, 0);
  const long = inLongMode(words);
  writeRflags(words, readRflags(words) & ~(RFLAGS.VM | RFLAGS.IF | RFLAGS.RF));
  const selector = code & 0xfffc;
  setFlatSegments(words, selector, (selector + 8) & 0xffff, long);
  words[RSP] = words[STATE.sysenterEsp >> 2] as number;
  words[RSP + 1] = long ? (words[(STATE.sysenterEsp >> 2) + 1] as number) : 0;
  cpu.updateMode();
  const high = long ? (words[(STATE.sysenterEip >> 2) + 1] as number) : 0;
  cpu.branchToWords(words[STATE.sysenterEip >> 2] as number, high);
});

export const SYSEXIT = procedure('SYSEXIT', (cpu, instruction) => {
  const words = cpu.words;
  if (inLongMode(words) && cpu.traits.vendor === 'amd') cpu.raise(VECTOR.UD);
  const code = words[STATE.sysenterCs >> 2] as number;
  if (inRealMode(words) || (code & 0xfffc) === 0 || cplOf(words) !== 0) cpu.raise(VECTOR.GP, 0);
  const bits64 = instruction.operandSize === 64;
  const ripHigh = words[RDX + 1] as number;
  const rspHigh = words[RCX + 1] as number;
  if (bits64 && !(isCanonicalHigh(ripHigh) && isCanonicalHigh(rspHigh))) cpu.raise(VECTOR.GP, 0);
  const selector = ((code & 0xfffc) + (bits64 ? 32 : 16)) & 0xffff;
  setFlatSegments(words, selector | 3, ((selector + 8) & 0xffff) | 3, bits64);
  words[RSP] = words[RCX] as number;
  words[RSP + 1] = bits64 ? rspHigh : 0;
  cpu.updateMode();
  cpu.branchToWords(words[RDX] as number, bits64 ? ripHigh : 0);
});

/** In 64-bit mode only (`o64`). Nothing cached depends on the base. */
export const SWAPGS = describe('SWAPGS', [], ({ e }) => {
  e.when(e.ne(e.field32(STATE.cpl), e.int(32, 0)), () => e.raise(VECTOR.GP, 0));
  const user = e.field64(GS_BASE);
  const kernel = e.field64(STATE.kernelGsBase);
  e.setField64(GS_BASE, kernel);
  e.setField64(STATE.kernelGsBase, user);
});
