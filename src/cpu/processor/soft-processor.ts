import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { CpuTraits } from '../../x86/cpuid/traits.ts';
import { noteDataAccess } from '../../x86/debug.ts';
import { highHalf, lowHalf } from '../../x86/halves.ts';
import type { Instruction } from '../../x86/instruction.ts';
import { isCanonicalHigh } from '../../x86/linear.ts';
import { updateDerivedState } from '../../x86/mode.ts';
import { ACCESS, type Access, GuestFault, type Platform, type Processor } from '../../x86/processor.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { readRflags, writeRflags } from '../../x86/rflags.ts';
import { CR0, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';
import { PageWalker, PRIVILEGE, type Privilege } from '../mmu/page-walk.ts';
import { LinearMemory } from './linear-memory.ts';
import type { Mmio, MmuCache } from './mmio.ts';
import { effectiveAddress, readOperand, writeOperand } from './operands.ts';
import { PhysicalMemory } from './physical-memory.ts';
import { SegmentAccess } from './segment-access.ts';

const RIP = STATE.rip >> 2;
const CPL = STATE.cpl >> 2;
const DEBUG_ARMED = STATE.debugArmed >> 2;
const MODE_WORD = STATE.mode >> 2;
const WORD_MASK = 0xffff_ffffn;

export interface SoftProcessorOptions {
  /** Guest RAM; the vCPU's state lies in the same buffer, STATE.SIZE_BYTES from `stateBase` (a multiple of 8). */
  readonly memory: GuestMemory;
  readonly stateBase: number;
  readonly cache: MmuCache;
  readonly mmio: Mmio;
  readonly platform: Platform;
  readonly traits: CpuTraits;
}

/** The processor of the software CPU: architectural state in linear memory, memory through segments and page walks. */
export class SoftProcessor implements Processor {
  readonly words: Int32Array;
  readonly traits: CpuTraits;
  readonly platform: Platform;
  readonly walker: PageWalker;
  readonly linear: LinearMemory;
  /** Result of loadSupervisor64. */
  low = 0;
  high = 0;
  /** HLT or MWAIT stopped it; the engine clears this when an event arrives. */
  halted = false;
  breakpointHits = 0;

  readonly #state: DataView;
  readonly #segments: SegmentAccess;
  readonly #cache: MmuCache;
  readonly #physical: PhysicalMemory;
  readonly #fault = new GuestFault();
  #branched = false;

  constructor(options: SoftProcessorOptions) {
    const { memory, stateBase, cache, mmio } = options;
    this.words = new Int32Array(memory.buffer, stateBase, STATE.SIZE_BYTES >> 2);
    this.#state = new DataView(memory.buffer, stateBase, STATE.SIZE_BYTES);
    this.traits = options.traits;
    this.platform = options.platform;
    this.#cache = cache;
    const onWrite = (gpa: number, bytes: number): void => cache.written(gpa, bytes);
    this.walker = new PageWalker(this.words, memory, { pages1GiB: options.traits.pages1GiB, onWrite });
    this.#physical = new PhysicalMemory(memory, mmio, onWrite);
    this.linear = new LinearMemory(this.words, this.walker, this.#physical, (low, high, code) =>
      this.raisePageFault(low, high, code),
    );
    this.#segments = new SegmentAccess(this.words, (vector, code) => this.raise(vector, code));
  }

  /**
   * The boundary of a procedure: runs it and moves RIP past the instruction unless it branched. False if it raised
   * an exception, which is then in STATE.faultVector, faultError and faultHasError, with RIP still at the instruction.
   */
  runProcedure(instruction: Instruction): boolean {
    const semantics = instruction.row.semantics;
    if (semantics.kind !== 'procedure') return false;
    this.#branched = false;
    try {
      semantics.run(this, instruction);
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      this.words[STATE.faultVector >> 2] = error.vector;
      this.words[STATE.faultError >> 2] = error.errorCode;
      this.words[STATE.faultHasError >> 2] = error.hasErrorCode ? 1 : 0;
      return false;
    }
    if (!this.#branched) this.#advance(instruction.length);
    return true;
  }

  u32(offset: number): number {
    return (this.words[offset >> 2] as number) >>> 0;
  }

  setU32(offset: number, value: number): void {
    this.words[offset >> 2] = value;
  }

  u64(offset: number): bigint {
    return this.#state.getBigUint64(offset, true);
  }

  setU64(offset: number, value: bigint): void {
    this.#state.setBigUint64(offset, value, true);
  }

  readGpr(index: number, width: 8 | 16 | 32 | 64): bigint {
    const offset = STATE.gpr + index * 8;
    if (width === 64) return this.#state.getBigUint64(offset, true);
    const word = this.u32(offset);
    return BigInt(width === 32 ? word : width === 16 ? word & 0xffff : word & 0xff);
  }

  writeGpr(index: number, width: 8 | 16 | 32 | 64, value: bigint): void {
    const offset = STATE.gpr + index * 8;
    if (width === 64) this.#state.setBigUint64(offset, value, true);
    else if (width === 32) this.#state.setBigUint64(offset, value & WORD_MASK, true);
    else if (width === 16) this.#state.setUint16(offset, Number(value & 0xffffn), true);
    else this.#state.setUint8(offset, Number(value & 0xffn));
  }

  rflags(): number {
    return readRflags(this.words);
  }

  setRflags(value: number): void {
    writeRflags(this.words, value);
  }

  readOperand(instruction: Instruction, n: number): bigint {
    return readOperand(this, instruction, n);
  }

  writeOperand(instruction: Instruction, n: number, value: bigint): void {
    writeOperand(this, instruction, n, value);
  }

  effectiveAddress(instruction: Instruction): bigint {
    return effectiveAddress(this, instruction);
  }

  readMemory(segment: number, offset: bigint, bytes: number): bigint {
    this.#mapMemory(segment, offset, bytes, ACCESS.READ);
    return this.linear.getInteger(bytes);
  }

  writeMemory(segment: number, offset: bigint, bytes: number, value: bigint): void {
    this.#mapMemory(segment, offset, bytes, ACCESS.WRITE);
    this.linear.setInteger(bytes, value);
  }

  probeWrite(segment: number, offset: bigint, bytes: number): void {
    this.#mapMemory(segment, offset, bytes, ACCESS.WRITE);
  }

  #mapMemory(segment: number, offset: bigint, bytes: number, access: Access): void {
    const segments = this.#segments;
    segments.form(segment, lowHalf(offset), highHalf(offset), bytes, access === ACCESS.WRITE);
    const privilege = this.#privilege(false);
    if (privilege === PRIVILEGE.USER) this.#checkAlignment(segments.low, bytes);
    this.linear.map(segments.low, segments.high, bytes, access, privilege);
    if (this.words[DEBUG_ARMED] !== 0) noteDataAccess(this, segments.low, segments.high, { bytes, access });
  }

  /** SDM Vol. 3A §6.15 "Alignment Check Exception (#AC)". */
  #checkAlignment(linearLow: number, bytes: number): void {
    if ((this.u32(STATE.cr0) & CR0.AM) === 0 || (this.u32(STATE.rflagsSystem) & RFLAGS.AC) === 0) return;
    const alignment = ALIGNMENT[bytes] ?? 1;
    if ((linearLow & (alignment - 1)) !== 0) this.raise(VECTOR.AC, 0);
  }

  #privilege(supervisor: boolean): Privilege {
    if (supervisor) return PRIVILEGE.IMPLICIT;
    return this.words[CPL] === 3 ? PRIVILEGE.USER : PRIVILEGE.SUPERVISOR;
  }

  formLinear(segment: number, offsetLow: number, offsetHigh: number, bytes: number, access: Access): void {
    const segments = this.#segments;
    segments.form(segment, offsetLow, offsetHigh, bytes, access === ACCESS.WRITE);
    if (this.words[CPL] === 3) this.#checkAlignment(segments.low, bytes);
    this.low = segments.low;
    this.high = segments.high;
  }

  linearAddress(segment: number, offset: bigint, bytes: number, access: Access): bigint {
    const segments = this.#segments;
    segments.form(segment, lowHalf(offset), highHalf(offset), bytes, access === ACCESS.WRITE);
    return (BigInt(segments.high >>> 0) << 32n) | BigInt(segments.low >>> 0);
  }

  readLinear(linear: bigint, bytes: number, supervisor: boolean): bigint {
    this.#mapLinear(lowHalf(linear), highHalf(linear), bytes, ACCESS.READ, supervisor);
    return this.linear.getInteger(bytes);
  }

  writeLinear(linear: bigint, bytes: number, value: bigint, supervisor: boolean): void {
    this.#mapLinear(lowHalf(linear), highHalf(linear), bytes, ACCESS.WRITE, supervisor);
    this.linear.setInteger(bytes, value);
  }

  probeLinear(linear: bigint, bytes: number, access: Access, supervisor: boolean): void {
    this.#mapLinear(lowHalf(linear), highHalf(linear), bytes, access, supervisor);
  }

  loadSupervisor64(linearLow: number, linearHigh: number): void {
    this.#mapLinear(linearLow, linearHigh, 8, ACCESS.READ, true);
    this.low = this.linear.get32(0) | 0;
    this.high = this.linear.get32(4) | 0;
  }

  storeLinearWords(linearLow: number, linearHigh: number, words: Int32Array, count: number, supervisor: boolean): void {
    this.#mapLinear(linearLow, linearHigh, count * 4, ACCESS.WRITE, supervisor);
    this.linear.setWords(words, count);
  }

  loadLinearWords(linearLow: number, linearHigh: number, words: Int32Array, count: number, supervisor: boolean): void {
    this.#mapLinear(linearLow, linearHigh, count * 4, ACCESS.READ, supervisor);
    this.linear.getWords(words, count);
  }

  /** Non-canonical addresses raise #GP(0). */
  #mapLinear(low: number, high: number, bytes: number, access: Access, supervisor: boolean): void {
    if (!isCanonicalHigh(high)) this.raise(VECTOR.GP, 0);
    this.linear.map(low | 0, high | 0, bytes, access, this.#privilege(supervisor));
    if (!supervisor && this.words[DEBUG_ARMED] !== 0) noteDataAccess(this, low, high, { bytes, access });
  }

  segmentBase(segment: number): bigint {
    const codeSize = (this.words[MODE_WORD] as number) & MODE.CODE_SIZE;
    if (codeSize === MODE.CODE_64 && segment !== SEG.FS && segment !== SEG.GS) return 0n;
    return this.u64(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base);
  }

  readPhysical64(gpa: number): bigint {
    return (BigInt(this.#physical.read32(gpa + 4)) << 32n) | BigInt(this.#physical.read32(gpa));
  }

  nextRip(instruction: Instruction): bigint {
    const next = this.u64(STATE.rip) + BigInt(instruction.length);
    const codeSize = (this.words[MODE_WORD] as number) & MODE.CODE_SIZE;
    return codeSize === MODE.CODE_64 ? BigInt.asUintN(64, next) : next & WORD_MASK;
  }

  #advance(length: number): void {
    const words = this.words;
    const low = ((words[RIP] as number) >>> 0) + length;
    const codeSize = (words[MODE_WORD] as number) & MODE.CODE_SIZE;
    words[RIP] = low;
    if (low > 0xffff_ffff && codeSize === MODE.CODE_64) words[RIP + 1] = (words[RIP + 1] as number) + 1;
  }

  raise(vector: number, errorCode?: number): never {
    const fault = this.#fault;
    fault.vector = vector;
    fault.errorCode = errorCode ?? 0;
    fault.hasErrorCode = errorCode !== undefined;
    throw fault;
  }

  /** #PF: CR2 and the exception. */
  raisePageFault(linearLow: number, linearHigh: number, errorCode: number): never {
    this.words[STATE.cr2 >> 2] = linearLow;
    this.words[(STATE.cr2 >> 2) + 1] = linearHigh;
    return this.raise(VECTOR.PF, errorCode);
  }

  updateMode(): void {
    updateDerivedState(this.words);
  }

  flushTlb(what: 'all' | 'non-global'): void {
    this.linear.translations.flush();
    this.#cache.flush(what);
  }

  flushTlbPage(linear: bigint): void {
    this.linear.translations.flush();
    this.#cache.flushPage(lowHalf(linear), highHalf(linear));
  }

  branchTo(rip: bigint): void {
    this.#state.setBigUint64(STATE.rip, rip, true);
    this.#branched = true;
  }

  branchToWords(ripLow: number, ripHigh: number): void {
    this.words[RIP] = ripLow;
    this.words[RIP + 1] = ripHigh;
    this.#branched = true;
  }

  halt(): void {
    this.halted = true;
  }
}

/** Operand bytes to the alignment that #AC demands, SDM Vol. 3A Table 7-7. */
const ALIGNMENT: Readonly<Record<number, number>> = { 2: 2, 4: 4, 6: 4, 8: 8, 10: 8 };
