import type { SoftProcessor } from '../../src/cpu/processor/soft-processor.ts';
import type { GuestMemory } from '../../src/memory/guest-memory.ts';
import type { CpuTraits } from '../../src/x86/cpuid/traits.ts';
import { decode } from '../../src/x86/decoder.ts';
import type { Instruction } from '../../src/x86/instruction.ts';
import type { FeatureSet } from '../../src/x86/opcodes/row.ts';
import { ACCESS, GuestFault, type Platform } from '../../src/x86/processor.ts';
import { readRflags, writeRflags } from '../../src/x86/rflags.ts';
import { ATTR, CR0, CR4, EFER, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../src/x86/state.ts';
import { COMPLETED, normaliseMode } from './compare.ts';
import type { CaseRecord } from './native/case.ts';
import {
  CODE_LINEAR,
  CS_64,
  DATA_LINEAR,
  PAGE_BYTES,
  READ_ONLY_LINEAR,
  RECORD,
  STACK_LINEAR,
  WINDOWS,
} from './native/layout.ts';

/** Guest RAM that it needs, from gpa 0. */
export const RAM_BYTES = 1 << 20;
/** Where the code page is in it. */
export const CODE_GPA = 0x2_0000;

// Guest-physical places.
const PML4_GPA = 0x1000;
const PDPT_GPA = 0x2000;
const GDT_GPA = 0x4000;
const TABLES_GPA = 0x8000;
const PAGES_GPA = CODE_GPA;

/** The GDT: the supervisor's, and above what 32-bit addresses reach. */
const GDT_LINEAR = 0x50_0000_0000;
/** In the GDT's page. */
const TSS_OFFSET = 0x800;

// Page-table bits, SDM Vol. 3A Table 4-20. A and D are set, so that walks write nothing.
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const ACCESSED_DIRTY = 0x60n;
const NO_EXECUTE = 1n << 63n;

interface Mapping {
  readonly linear: number;
  readonly gpa: number;
  readonly rights: bigint;
  /** What unused bytes hold. */
  readonly fill: number;
}

const MAPPINGS: readonly Mapping[] = [
  { linear: CODE_LINEAR, gpa: PAGES_GPA, rights: USER, fill: 0xcc },
  { linear: DATA_LINEAR, gpa: PAGES_GPA + 0x1000, rights: USER | WRITABLE | NO_EXECUTE, fill: 0 },
  { linear: DATA_LINEAR + 0x1000, gpa: PAGES_GPA + 0x2000, rights: USER | WRITABLE | NO_EXECUTE, fill: 0 },
  { linear: STACK_LINEAR, gpa: PAGES_GPA + 0x3000, rights: USER | WRITABLE | NO_EXECUTE, fill: 0 },
  { linear: READ_ONLY_LINEAR, gpa: PAGES_GPA + 0x4000, rights: USER | NO_EXECUTE, fill: 0 },
  { linear: GDT_LINEAR, gpa: GDT_GPA, rights: WRITABLE | NO_EXECUTE, fill: 0 },
];

/** Linux' GDT (arch/x86/kernel/cpu/common.c, gdt_page): what a selector names on the native side. */
const GDT: readonly bigint[] = [
  0n,
  0x00cf_9b00_0000_ffffn, // 08 kernel, 32-bit code
  0x00af_9b00_0000_ffffn, // 10 kernel code
  0x00cf_9300_0000_ffffn, // 18 kernel data
  0x00cf_fb00_0000_ffffn, // 20 user, 32-bit code
  0x00cf_f300_0000_ffffn, // 28 user data
  0x00af_fb00_0000_ffffn, // 30 user code
  0n,
  0x0000_8b00_0000_206fn, // 40 TSS
  ...Array<bigint>(7).fill(0n),
];

const FLAT_DATA = ATTR.S | ATTR.P | ATTR.DPL | ATTR.WRITABLE | ATTR.ACCESSED | ATTR.DB | ATTR.G;
const CODE = ATTR.S | ATTR.P | ATTR.DPL | ATTR.CODE | ATTR.READABLE | ATTR.ACCESSED | ATTR.G;
const USER_DS = 0x2b;
/** Type of a busy 32- or 64-bit TSS. */
const BUSY_TSS = 0xb;
const SELECTOR_FIELD = { ES: 'es', CS: 'cs', SS: 'ss', DS: 'ds', FS: 'fs', GS: 'gs' } as const;

export const PLATFORM: Platform = {
  portRead: () => 0xffff_ffff,
  portWrite: () => {},
  readMsr: () => undefined,
  writeMsr: () => false,
  readCr8: () => 0,
  writeCr8: () => {},
  readTsc: () => 0n,
  writeTsc: () => {},
  cpuid: () => [0, 0, 0, 0],
  hypercall: () => undefined,
  floatError: () => {},
  random: () => 0n,
};

export function traitsOf(features: FeatureSet): CpuTraits {
  return { vendor: 'amd', features, cr4Mask: -1, eferMask: -1, xcr0Mask: 7, xssMask: 0, pages1GiB: true };
}

/**
 * The software CPU in the place that the native runner gives its cases: CPL 3, long mode, the same pages mapped with
 * the same rights, Linux' segments.
 */
export class SoftMachine {
  readonly memory: GuestMemory;
  readonly processor: SoftProcessor;
  readonly features: FeatureSet;

  constructor(options: { memory: GuestMemory; processor: SoftProcessor; features: FeatureSet }) {
    this.memory = options.memory;
    this.processor = options.processor;
    this.features = options.features;
    this.#mapPages();
    this.memory.writeU16(GDT_GPA + TSS_OFFSET + 0x66, 0xffff); // I/O map base: beyond the limit, as Linux' is
    for (const [index, descriptor] of GDT.entries()) this.memory.writeU64(GDT_GPA + 8 * index, descriptor);
    this.#setControl();
  }

  #mapPages(): void {
    const table = PRESENT | WRITABLE | USER | ACCESSED_DIRTY;
    this.memory.writeU64(PML4_GPA, BigInt(PDPT_GPA) | table);
    let nextTable = TABLES_GPA;
    const tableAt = (entryGpa: number): number => {
      if (this.memory.readU64(entryGpa) === 0n) {
        this.memory.writeU64(entryGpa, BigInt(nextTable) | table);
        nextTable += PAGE_BYTES;
      }
      return Number(this.memory.readU64(entryGpa)) & ~0xfff;
    };
    for (const { linear, gpa, rights, fill } of MAPPINGS) {
      const directoryGpa = tableAt(PDPT_GPA + 8 * Math.floor(linear / 2 ** 30));
      const ptGpa = tableAt(directoryGpa + 8 * ((linear >>> 21) & 511));
      const pteGpa = ptGpa + 8 * ((linear >>> 12) & 511);
      this.memory.writeU64(pteGpa, BigInt(gpa) | rights | PRESENT | ACCESSED_DIRTY);
      this.memory.bytes.fill(fill, gpa, gpa + PAGE_BYTES);
    }
  }

  #setControl(): void {
    const cpu = this.processor;
    cpu.setU64(STATE.cr0, BigInt((CR0.PE | CR0.MP | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.PG) >>> 0));
    cpu.setU64(STATE.cr3, BigInt(PML4_GPA));
    const cr4 = CR4.PAE | CR4.PGE | CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.OSXSAVE | CR4.FSGSBASE | CR4.SMEP | CR4.SMAP;
    cpu.setU64(STATE.cr4, BigInt(cr4 | CR4.UMIP));
    cpu.setU64(STATE.efer, BigInt(EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE));
    cpu.setU64(STATE.xcr0, 7n);
    cpu.setU64(STATE.gdtrBase, BigInt(GDT_LINEAR));
    cpu.setU32(STATE.gdtrLimit, GDT.length * 8 - 1);
    this.#setSegment(SEG.LDTR, { selector: 0, attributes: ATTR.UNUSABLE });
    const tss = STATE.segments + SEG.TR * SEGMENT_BYTES;
    cpu.setU32(tss + SEGMENT.selector, 0x40);
    cpu.setU32(tss + SEGMENT.attributes, ATTR.P | BUSY_TSS);
    cpu.setU32(tss + SEGMENT.limit, 0x67);
    cpu.setU64(tss + SEGMENT.base, BigInt(GDT_LINEAR + TSS_OFFSET));
  }

  #setSegment(segment: number, options: { selector: number; attributes: number; base?: bigint }): void {
    const at = STATE.segments + segment * SEGMENT_BYTES;
    const cpu = this.processor;
    const usable = (options.attributes & ATTR.UNUSABLE) === 0;
    cpu.setU32(at + SEGMENT.selector, options.selector);
    cpu.setU32(at + SEGMENT.attributes, options.attributes);
    cpu.setU32(at + SEGMENT.limit, usable ? 0xffff_ffff : 0);
    cpu.setU64(at + SEGMENT.base, options.base ?? 0n);
  }

  load(record: CaseRecord): void {
    const cpu = this.processor;
    const { view } = record;
    for (let i = 0; i < 16; i++) cpu.setU64(STATE.gpr + 8 * i, record.gpr[i] ?? 0n);
    cpu.setU64(STATE.rip, record.rip);
    writeRflags(cpu.words, record.rflags);
    const mode64 = record.cs === CS_64;
    this.#setSegment(SEG.CS, { selector: record.cs, attributes: CODE | (mode64 ? ATTR.L : ATTR.DB) });
    for (const segment of [SEG.SS, SEG.DS, SEG.ES]) {
      this.#setSegment(segment, { selector: USER_DS, attributes: FLAT_DATA });
    }
    this.#setSegment(SEG.FS, { selector: 0, attributes: ATTR.UNUSABLE, base: record.fsBase });
    this.#setSegment(SEG.GS, { selector: 0, attributes: ATTR.UNUSABLE, base: record.gsBase });
    cpu.setU32(STATE.cpl, 3);
    cpu.setU64(STATE.cr2, 0n);
    cpu.setU32(STATE.eventPending, 0);
    cpu.setU32(STATE.interruptShadow, 0);
    cpu.setU32(STATE.mxcsr, record.mxcsr);
    this.#loadX87(record);
    for (let i = 0; i < 16; i++) {
      const at = STATE.xmm + 32 * i;
      for (const [from, to] of [
        [RECORD.fxsave + 160 + 16 * i, at],
        [RECORD.ymmHigh + 16 * i, at + 16],
      ] as const) {
        cpu.setU64(to, view.getBigUint64(from, true));
        cpu.setU64(to + 8, view.getBigUint64(from + 8, true));
      }
    }
    for (const window of Object.values(WINDOWS)) {
      this.memory.bytes.set(record.window(window), gpaOf(window.linear));
    }
    const codeGpa = gpaOf(Number(record.rip));
    this.memory.bytes.fill(0xcc, PAGES_GPA, PAGES_GPA + PAGE_BYTES);
    const room = PAGES_GPA + PAGE_BYTES - codeGpa;
    this.memory.bytes.set(record.code.subarray(0, room), codeGpa);
    cpu.updateMode();
  }

  #loadX87(record: CaseRecord): void {
    const cpu = this.processor;
    const { view } = record;
    const at = RECORD.fxsave;
    const status = view.getUint16(at + 2, true);
    cpu.setU32(STATE.fcw, view.getUint16(at, true));
    cpu.setU32(STATE.fsw, status);
    for (const field of [STATE.fop, STATE.fcs, STATE.fds]) cpu.setU32(field, 0);
    cpu.setU64(STATE.fip, 0n);
    cpu.setU64(STATE.fdp, 0n);
    const valid = view.getUint8(at + 4);
    const top = (status >> 11) & 7;
    let tags = 0;
    for (let physical = 0; physical < 8; physical++) {
      const from = at + 32 + 16 * ((physical - top) & 7);
      const significand = view.getBigUint64(from, true);
      const exponent = view.getUint16(from + 8, true);
      cpu.setU64(STATE.x87 + 16 * physical, significand);
      cpu.setU64(STATE.x87 + 16 * physical + 8, BigInt(exponent));
      const tag = (valid >> physical) & 1 ? tagOf(significand, exponent) : 3;
      tags |= tag << (2 * physical);
    }
    cpu.setU32(STATE.ftw, tags);
  }

  /** The state as a normalised result. A fault is the one in STATE.faultVector. */
  store(record: CaseRecord, end: 'completed' | 'fault'): void {
    const cpu = this.processor;
    const { view } = record;
    record.bytes.fill(0);
    for (let i = 0; i < 16; i++) record.gpr[i] = cpu.u64(STATE.gpr + 8 * i);
    record.rip = cpu.u64(STATE.rip);
    record.rflags = readRflags(cpu.words) & ~0x1_0000; // RF
    for (const name of ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'] as const) {
      const selector = cpu.u32(STATE.segments + SEG[name] * SEGMENT_BYTES + SEGMENT.selector);
      view.setUint16(RECORD[SELECTOR_FIELD[name]], selector, true);
    }
    normaliseMode(record);
    record.fsBase = cpu.u64(STATE.segments + SEG.FS * SEGMENT_BYTES + SEGMENT.base);
    record.gsBase = cpu.u64(STATE.segments + SEG.GS * SEGMENT_BYTES + SEGMENT.base);
    if (end === 'completed') view.setUint32(RECORD.vector, COMPLETED, true);
    else {
      const vector = cpu.u32(STATE.faultVector);
      view.setUint32(RECORD.vector, vector, true);
      view.setUint32(RECORD.errorCode, cpu.u32(STATE.faultHasError) !== 0 ? cpu.u32(STATE.faultError) : 0, true);
      if (vector === 14) view.setBigUint64(RECORD.cr2, cpu.u64(STATE.cr2), true);
    }
    record.mxcsr = cpu.u32(STATE.mxcsr);
    this.#storeX87(record);
    for (let i = 0; i < 16; i++) {
      const at = STATE.xmm + 32 * i;
      for (const [to, from] of [
        [RECORD.fxsave + 160 + 16 * i, at],
        [RECORD.ymmHigh + 16 * i, at + 16],
      ] as const) {
        view.setBigUint64(to, cpu.u64(from), true);
        view.setBigUint64(to + 8, cpu.u64(from + 8), true);
      }
    }
    for (const window of Object.values(WINDOWS)) {
      const gpa = gpaOf(window.linear);
      record.bytes.set(this.memory.bytes.subarray(gpa, gpa + window.sizeBytes), window.offset);
      this.memory.bytes.fill(0, gpa, gpa + window.sizeBytes);
    }
    this.#noteStray(record);
  }

  #storeX87(record: CaseRecord): void {
    const cpu = this.processor;
    const { view } = record;
    const at = RECORD.fxsave;
    const status = cpu.u32(STATE.fsw);
    const tags = cpu.u32(STATE.ftw);
    const top = (status >> 11) & 7;
    view.setUint16(at, cpu.u32(STATE.fcw), true);
    view.setUint16(at + 2, status, true);
    let valid = 0;
    for (let physical = 0; physical < 8; physical++) {
      const to = at + 32 + 16 * ((physical - top) & 7);
      if (((tags >> (2 * physical)) & 3) !== 3) valid |= 1 << physical;
      view.setBigUint64(to, cpu.u64(STATE.x87 + 16 * physical), true);
      view.setUint16(to + 8, Number(cpu.u64(STATE.x87 + 16 * physical + 8) & 0xffffn), true);
    }
    view.setUint8(at + 4, valid);
  }

  /** The instruction at RIP; undefined if the decoder finds none and the fault is in STATE.faultVector. */
  fetch(): Instruction | undefined {
    const cpu = this.processor;
    const gpa = gpaOf(Number(cpu.u64(STATE.rip)));
    const end = PAGES_GPA + PAGE_BYTES;
    const decoded = decode(this.memory.bytes, gpa, end, cpu.u32(STATE.mode), this.features);
    if (decoded.row !== undefined) return decoded;
    if (decoded.kind === 'more') throw new Error('A case ends in the middle of its instruction');
    this.#setFault(decoded.kind === 'invalid' ? VECTOR.UD : VECTOR.GP, decoded.kind === 'invalid' ? undefined : 0);
    return undefined;
  }

  /**
   * Where the host goes on after the instruction: it fetches the next one, and faults if RIP has left the code page.
   * False for a fault.
   */
  fetchNext(): boolean {
    const cpu = this.processor;
    const rip = cpu.u64(STATE.rip);
    if (rip >= CODE_LINEAR && rip < CODE_LINEAR + PAGE_BYTES) return true;
    try {
      cpu.probeLinear(rip, 1, ACCESS.EXECUTE, false);
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      this.#setFault(error.vector, error.hasErrorCode ? error.errorCode : undefined);
    }
    return false;
  }

  #setFault(vector: number, errorCode: number | undefined): void {
    this.processor.setU32(STATE.faultVector, vector);
    this.processor.setU32(STATE.faultError, errorCode ?? 0);
    this.processor.setU32(STATE.faultHasError, errorCode === undefined ? 0 : 1);
  }

  /** All windows are zero again: what is not was written outside them. */
  #noteStray(record: CaseRecord): void {
    const pages = this.memory.bytes.subarray(PAGES_GPA + PAGE_BYTES, PAGES_GPA + 4 * PAGE_BYTES);
    const words = new BigUint64Array(pages.buffer, pages.byteOffset, pages.length / 8);
    let bits = 0n;
    for (let i = 0; i < words.length; i += 1) if (words[i] !== 0n) bits |= 1n;
    if (bits === 0n) return;
    record.view.setUint16(RECORD.stray, 1, true);
    pages.fill(0);
  }
}

/** SDM Vol. 1 Figure 8-7: 0 valid, 1 zero, 2 special. */
function tagOf(significand: bigint, signAndExponent: number): number {
  const exponent = signAndExponent & 0x7fff;
  if (exponent === 0 && significand === 0n) return 1;
  return exponent === 0 || exponent === 0x7fff || significand >> 63n === 0n ? 2 : 0;
}

function gpaOf(linear: number): number {
  const mapping = MAPPINGS.find((candidate) => candidate.linear === (linear & ~(PAGE_BYTES - 1)));
  if (mapping === undefined) throw new RangeError(`Linear address ${linear.toString(16)} is not in the sandbox`);
  return mapping.gpa + (linear & (PAGE_BYTES - 1));
}
