import type { Instruction } from '../instruction.ts';
import { in64BitMode } from '../mode.ts';
import { ACCESS, type Processor } from '../processor.ts';
import { procedure } from '../semantics.ts';
import { CR0, CR4, GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../state.ts';
import {
  AREA_BYTES_MAX,
  areaBytes,
  componentOffset,
  componentsInUse,
  EXTENDED_BYTES,
  EXTENDED_COMPONENTS,
  LEGACY_BYTES,
  XSTATE,
  YMM_WORDS,
} from '../xsave.ts';
import { MXCSR_MASK, packX87, unpackX87 } from './fxsave.ts';
import { requireCpl0 } from './system-control.ts';

/** XSAVE, XSAVEOPT, XSAVEC, XSAVES, XRSTOR, XRSTORS (SDM Vol. 1 §13.7-13.12). Context switches use them. */

const RAX = (STATE.gpr + GPR.RAX * 8) >> 2;
const MXCSR = STATE.mxcsr >> 2;
const PKRU = STATE.pkru >> 2;
const XMM = STATE.xmm >> 2;
const MXCSR_INITIAL = 0x1f80;
const COMPACTED = 0x8000_0000 | 0;

/** The area as words, for one instruction; each part that is transferred has a view. */
const area = new Int32Array(AREA_BYTES_MAX / 4);
const MXCSR_AT = 24;
const REGISTERS_AT = 32;
const XMM_AT = 160;
const HEADER_AT = LEGACY_BYTES;

/** A place in memory, checked and formed once. */
interface Area {
  readonly cpu: Processor;
  readonly low: number;
  readonly high: number;
}

function part(place: Area, offset: number): { low: number; high: number } {
  const low = (place.low >>> 0) + offset;
  return { low: low | 0, high: low > 0xffff_ffff ? (place.high + 1) | 0 : place.high };
}

function store(place: Area, offset: number, bytes: number): void {
  const { low, high } = part(place, offset);
  place.cpu.storeLinearWords(low, high, area.subarray(offset >> 2), bytes >> 2, false);
}

function load(place: Area, offset: number, bytes: number): void {
  const { low, high } = part(place, offset);
  place.cpu.loadLinearWords(low, high, area.subarray(offset >> 2), bytes >> 2, false);
}

/** Checks that all forms share: #UD, #NM, then alignment. */
function openArea(cpu: Processor, instruction: Instruction, bytes: number, write: boolean): Area {
  const offset = cpu.effectiveAddress(instruction);
  const access = write ? ACCESS.WRITE : ACCESS.READ;
  const { segment } = instruction;
  const based = segment === SEG.FS || segment === SEG.GS || !in64BitMode(cpu.words);
  const base = based ? cpu.u64(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base) : 0n;
  // Before the segment's own checks, as on silicon.
  if (((base + offset) & 63n) !== 0n) cpu.raise(VECTOR.GP, 0);
  cpu.formLinear(segment, Number(BigInt.asIntN(32, offset)), Number(BigInt.asIntN(32, offset >> 32n)), bytes, access);
  const { low, high } = cpu;
  cpu.probeLinear((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0), bytes, access, false);
  return { cpu, low, high };
}

function checkEnabled(cpu: Processor): void {
  if (((cpu.words[STATE.cr4 >> 2] as number) & CR4.OSXSAVE) === 0) cpu.raise(VECTOR.UD);
  if (((cpu.words[STATE.cr0 >> 2] as number) & CR0.TS) !== 0) cpu.raise(VECTOR.NM);
}

/** RFBM: EDX:EAX of the components that are enabled. None has an index above 31. */
const requested = (cpu: Processor, supervisor: boolean): number => {
  const xss = supervisor ? (cpu.words[STATE.xss >> 2] as number) : 0;
  return (cpu.words[RAX] as number) & ((cpu.words[STATE.xcr0 >> 2] as number) | xss);
};

/** XMM registers that the mode can reach. */
const vectorCount = (words: Int32Array): number => (in64BitMode(words) ? 16 : 8);

function saveX87(place: Area, wide: boolean): void {
  const image = packX87(place.cpu, wide);
  for (let word = 0; word < XMM_AT / 4; word++) area[word] = Number(BigInt.asIntN(32, image >> BigInt(word * 32)));
  store(place, 0, MXCSR_AT);
  store(place, REGISTERS_AT, XMM_AT - REGISTERS_AT);
}

function saveMxcsr(place: Area): void {
  area[MXCSR_AT >> 2] = place.cpu.words[MXCSR] as number;
  area[(MXCSR_AT >> 2) + 1] = MXCSR_MASK;
  store(place, MXCSR_AT, 8);
}

/** 16-byte halves of the vector registers: XMM at `half` 0, the rest of YMM at 4. */
function saveVectors(place: Area, offset: number, half: 0 | 4): void {
  const words = place.cpu.words;
  const count = vectorCount(words);
  for (let i = 0; i < count; i++) {
    const from = XMM + i * YMM_WORDS + half;
    for (let word = 0; word < 4; word++) area[(offset >> 2) + i * 4 + word] = words[from + word] as number;
  }
  store(place, offset, count * 16);
}

function saveComponents(place: Area, mask: number, format: { mask: number; compacted: boolean; wide: boolean }): void {
  const { words } = place.cpu;
  if ((mask & XSTATE.X87) !== 0) saveX87(place, format.wide);
  if ((mask & XSTATE.SSE) !== 0) saveVectors(place, XMM_AT, 0);
  for (const component of EXTENDED_COMPONENTS) {
    const bit = 1 << component.index;
    if ((mask & bit) === 0) continue;
    const offset = componentOffset(component, format.mask, format.compacted);
    if (bit === XSTATE.AVX) saveVectors(place, offset, 4);
    else {
      area[offset >> 2] = words[PKRU] as number;
      area[(offset >> 2) + 1] = 0;
      store(place, offset, component.bytes);
    }
  }
}

/** XSAVE writes all that is asked for; XSAVEOPT only what is in use. Both keep the bits of others in XSTATE_BV. */
function saveStandard(cpu: Processor, instruction: Instruction, initOptimization: boolean): void {
  checkEnabled(cpu);
  const mask = requested(cpu, false);
  const place = openArea(cpu, instruction, areaBytes(mask, false), true);
  const inUse = componentsInUse(cpu.words);
  load(place, HEADER_AT, 4);
  const header = ((area[HEADER_AT >> 2] as number) & ~mask) | (mask & inUse);
  saveComponents(place, initOptimization ? mask & inUse : mask, {
    mask,
    compacted: false,
    wide: instruction.rexW,
  });
  if ((mask & (XSTATE.SSE | XSTATE.AVX)) !== 0) saveMxcsr(place);
  area[HEADER_AT >> 2] = header;
  store(place, HEADER_AT, 4);
}

function saveCompacted(cpu: Processor, instruction: Instruction, supervisor: boolean): void {
  checkEnabled(cpu);
  if (supervisor) requireCpl0(cpu);
  const mask = requested(cpu, supervisor);
  const place = openArea(cpu, instruction, areaBytes(mask, true), true);
  let inUse = componentsInUse(cpu.words);
  if ((cpu.words[MXCSR] as number) !== MXCSR_INITIAL) inUse |= XSTATE.SSE;
  const saved = mask & inUse;
  saveComponents(place, saved, { mask, compacted: true, wide: instruction.rexW });
  if ((saved & XSTATE.SSE) !== 0) saveMxcsr(place);
  const header = HEADER_AT >> 2;
  area[header] = saved;
  area[header + 1] = 0;
  area[header + 2] = mask;
  area[header + 3] = COMPACTED;
  store(place, HEADER_AT, 16);
}

/** XSTATE_BV after the header's checks (SDM Vol. 1 §13.8.1, §13.8.2), else #GP(0). */
function checkHeader(cpu: Processor, enabled: number, compacted: boolean): number {
  const header = HEADER_AT >> 2;
  const word = (n: number): number => area[header + n] as number;
  const present = word(0);
  const layout = word(2);
  let zero = word(1);
  for (let n = 4; n < 6; n++) zero |= word(n);
  if (compacted) {
    for (let n = 6; n < 16; n++) zero |= word(n);
    zero |= (word(3) & ~COMPACTED) | (layout & ~enabled) | (present & ~layout);
  } else zero |= layout | word(3) | (present & ~enabled);
  if (zero !== 0) cpu.raise(VECTOR.GP, 0);
  return present;
}

function restore(cpu: Processor, instruction: Instruction, supervisor: boolean): void {
  checkEnabled(cpu);
  if (supervisor) requireCpl0(cpu);
  const { words } = cpu;
  const xss = supervisor ? (words[STATE.xss >> 2] as number) : 0;
  const enabled = (words[STATE.xcr0 >> 2] as number) | xss;
  const mask = requested(cpu, supervisor);
  const place = openArea(cpu, instruction, EXTENDED_BYTES, false);
  load(place, 0, EXTENDED_BYTES);
  const compacted = (area[(HEADER_AT >> 2) + 3] as number) < 0;
  if (supervisor && !compacted) cpu.raise(VECTOR.GP, 0);
  const present = checkHeader(cpu, enabled, compacted);
  const layout = area[(HEADER_AT >> 2) + 2] as number;
  const total = areaBytes(compacted ? layout : mask & present, compacted);
  const linear = (BigInt(place.high >>> 0) << 32n) | BigInt(place.low >>> 0);
  if (total > EXTENDED_BYTES) {
    cpu.probeLinear(linear, total, ACCESS.READ, false);
    const rest = part(place, EXTENDED_BYTES);
    const view = area.subarray(EXTENDED_BYTES >> 2);
    cpu.loadLinearWords(rest.low, rest.high, view, (total - EXTENDED_BYTES) >> 2, false);
  }
  const mxcsr = area[MXCSR_AT >> 2] as number;
  const loadsMxcsr = compacted ? (mask & present & XSTATE.SSE) !== 0 : (mask & (XSTATE.SSE | XSTATE.AVX)) !== 0;
  if (loadsMxcsr && (mxcsr & ~MXCSR_MASK) !== 0) cpu.raise(VECTOR.GP, 0);

  if (loadsMxcsr) words[MXCSR] = mxcsr;
  else if ((mask & XSTATE.SSE) !== 0) words[MXCSR] = MXCSR_INITIAL;
  loadComponents(cpu, mask, present, { layout, compacted, wide: instruction.rexW });
}

function loadComponents(
  cpu: Processor,
  mask: number,
  present: number,
  format: { layout: number; compacted: boolean; wide: boolean },
): void {
  if ((mask & XSTATE.X87) !== 0) restoreX87(cpu, (present & XSTATE.X87) !== 0, format.wide);
  if ((mask & XSTATE.SSE) !== 0) restoreVectors(cpu.words, (present & XSTATE.SSE) !== 0 ? XMM_AT : undefined, 0);
  for (const component of EXTENDED_COMPONENTS) {
    const bit = 1 << component.index;
    if ((mask & bit) === 0) continue;
    const offset = (present & bit) === 0 ? undefined : componentOffset(component, format.layout, format.compacted);
    if (bit === XSTATE.AVX) restoreVectors(cpu.words, offset, 4);
    else {
      const value = offset === undefined ? 0 : (area[offset >> 2] as number);
      if (cpu.words[PKRU] !== value) {
        cpu.words[PKRU] = value;
        cpu.flushTlb('all');
      }
    }
  }
}

/** FCW 37FH, all registers empty and zero. */
const X87_INITIAL_IMAGE = 0x37fn;

function restoreX87(cpu: Processor, present: boolean, wide: boolean): void {
  if (!present) {
    if ((componentsInUse(cpu.words) & XSTATE.X87) === 0) return;
    unpackX87(cpu, X87_INITIAL_IMAGE, true);
    return;
  }
  let image = 0n;
  for (let word = XMM_AT / 4 - 1; word >= 0; word--) image = (image << 32n) | BigInt((area[word] as number) >>> 0);
  unpackX87(cpu, image, wide);
}

/** From the area at `offset`, or to zero. */
function restoreVectors(words: Int32Array, offset: number | undefined, half: 0 | 4): void {
  const count = vectorCount(words);
  for (let i = 0; i < count; i++) {
    const to = XMM + i * YMM_WORDS + half;
    for (let word = 0; word < 4; word++) {
      words[to + word] = offset === undefined ? 0 : (area[(offset >> 2) + i * 4 + word] as number);
    }
  }
}

const keepsBlock = { endsBlock: false } as const;
export const XSAVE = procedure('XSAVE', (cpu, i) => saveStandard(cpu, i, false), keepsBlock);
export const XSAVEOPT = procedure('XSAVEOPT', (cpu, i) => saveStandard(cpu, i, true), keepsBlock);
export const XSAVEC = procedure('XSAVEC', (cpu, i) => saveCompacted(cpu, i, false), keepsBlock);
export const XSAVES = procedure('XSAVES', (cpu, i) => saveCompacted(cpu, i, true), keepsBlock);
export const XRSTOR = procedure('XRSTOR', (cpu, i) => restore(cpu, i, false));
export const XRSTORS = procedure('XRSTORS', (cpu, i) => restore(cpu, i, true));
