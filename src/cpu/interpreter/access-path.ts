import type { GuestMemory } from '../../memory/guest-memory.ts';
import { noteDataAccess } from '../../x86/debug.ts';
import { isCanonicalHigh } from '../../x86/linear.ts';
import { ACCESS, type Access, GuestFault } from '../../x86/processor.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { MMU_CONTEXT, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';
import { OWNER, SEGMENT_ACCESS } from '../ir/memory-recorder.ts';
import { RECORD, STATUS } from '../ir/record.ts';
import { type PageWalker, PRIVILEGE, type Privilege } from '../mmu/page-walk.ts';
import type { Mmio } from '../processor/mmio.ts';
import { SegmentAccess } from '../processor/segment-access.ts';
import type { SoftProcessor } from '../processor/soft-processor.ts';
import { ACCESS_KIND, OWNER_SHIFT } from './host-functions.ts';
import type { SoftTlb } from './soft-tlb.ts';

const PAGE = 4096;
const CPL = STATE.cpl >> 2;

export interface AccessPathOptions {
  readonly processor: SoftProcessor;
  readonly memory: GuestMemory;
  readonly mmio: Mmio;
  readonly tlb: SoftTlb;
  readonly buffer: ArrayBuffer;
  /** Linear-memory address of the vCPU's state. */
  readonly base: number;
  readonly holdsCode: (gpa: number) => boolean;
}

/** What generated code does when the TLB has no answer: page walks, device windows, accesses to two pages, faults. */
export class AccessPath {
  readonly #options: AccessPathOptions;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #segments: SegmentAccess;
  readonly #bufferAddress: number;
  /** The write that waits in the access buffer. */
  #low = 0;
  #high = 0;
  #bytes = 0;

  constructor(options: AccessPathOptions) {
    this.#options = options;
    this.#words = options.processor.words;
    this.#view = new DataView(options.buffer);
    this.#bufferAddress = options.base + STATE.accessBuffer;
    this.#segments = new SegmentAccess(this.#words, (vector, code) => options.processor.raise(vector, code));
  }

  /** Leaves a fault in the state; 0, as callers in generated code want it. */
  fault(vector: number, errorCode?: number): 0 {
    this.#words[STATE.faultVector >> 2] = vector;
    this.#words[STATE.faultError >> 2] = errorCode ?? 0;
    this.#words[STATE.faultHasError >> 2] = errorCode === undefined ? 0 : 1;
    return 0;
  }

  #pageFault(low: number, high: number): 0 {
    this.#words[STATE.cr2 >> 2] = low;
    this.#words[(STATE.cr2 >> 2) + 1] = high;
    return this.fault(VECTOR.PF, this.#options.processor.walker.errorCode);
  }

  #privilege(): Privilege {
    return this.#words[CPL] === 3 ? PRIVILEGE.USER : PRIVILEGE.SUPERVISOR;
  }

  /** Where code is in RAM and what its page is like, or undefined with a fault in the state. */
  fetch(low: number, high: number): Pick<PageWalker, 'gpa' | 'global' | 'pageBytes'> | undefined {
    const { walker } = this.#options.processor;
    if (!walker.walk(low, high, ACCESS.EXECUTE, this.#privilege())) {
      this.#pageFault(low, high);
      return undefined;
    }
    const { gpa } = walker;
    if (gpa < this.#options.memory.sizeBytes && !this.#options.mmio.isMmio(gpa)) return walker;
    // Deviation: code cannot run from device windows; all-ones is an invalid opcode.
    this.fault(VECTOR.UD);
    return undefined;
  }

  /** Makes a TLB entry if the page is plain RAM for this access and there is none; does not fault. */
  fill(low: number, high: number, access: Access): boolean {
    const write = access === ACCESS.WRITE;
    const context = this.#words[STATE.mmuContext >> 2] as number;
    if (!isCanonicalHigh(high) || this.#alignmentChecked() || this.#options.tlb.has(low, high, context, write))
      return false;
    const { walker } = this.#options.processor;
    if (!walker.walk(low, high, access, this.#privilege())) return false;
    return this.#install(low, high, context, write) !== 0;
  }

  /** Host address of the byte at the walker's result, with a TLB entry made if there may be one; 0 if it is not plain RAM. */
  #install(low: number, high: number, context: number, write: boolean): number {
    const { memory, mmio, tlb, holdsCode, processor } = this.#options;
    const { gpa, global, pageBytes } = processor.walker;
    const page = gpa - (gpa % PAGE);
    if (page + PAGE > memory.sizeBytes || mmio.isMmio(page)) return 0;
    if (write && holdsCode(page)) return 0;
    if (this.#words[STATE.debugArmed >> 2] !== 0) return 0;
    if (context !== MMU_CONTEXT.USER_ALIGNED) {
      tlb.fill(low, high, { context, write, host: memory.base + page, global, pageBytes });
    }
    return memory.base + gpa;
  }

  /** See HOST_FUNCTIONS.accessAddress. */
  address(record: number, low: number, high: number, what: number): number {
    const bytes = what & 0xff;
    const kind = what & 0xf00;
    const write = kind !== ACCESS_KIND.LOAD;
    const access = write ? ACCESS.WRITE : ACCESS.READ;
    const { processor } = this.#options;
    if (this.#outside(record, low, high, what)) {
      return this.fault(this.#segmentOf(record, what) === SEG.SS ? VECTOR.SS : VECTOR.GP, 0);
    }
    if (this.#alignmentChecked() && (low & (Math.min(bytes, 8) - 1)) !== 0) return this.fault(VECTOR.AC, 0);
    if (this.#words[STATE.debugArmed >> 2] !== 0) noteDataAccess(processor, low, high, { bytes, access });
    const crosses = (low & (PAGE - 1)) + bytes > PAGE;
    if (!crosses) {
      if (!processor.walker.walk(low, high, access, this.#privilege())) return this.#pageFault(low, high);
      const host = this.#install(low, high, this.#words[STATE.mmuContext >> 2] as number, write);
      if (host !== 0) return host;
    }
    return this.#throughBuffer(low, high, bytes, kind);
  }

  /** The segment by OWNER; DS stands for any that raises #GP. */
  #segmentOf(record: number, what: number): number {
    const owner = BigInt(what >> OWNER_SHIFT);
    if (owner === OWNER.OPERAND) return this.#view.getUint8(record + RECORD.segment);
    return owner === OWNER.STACK ? SEG.SS : SEG.DS;
  }

  /** Not canonical from first to last byte, or over the limit of a flat segment. */
  #outside(record: number, low: number, high: number, what: number): boolean {
    const overflows = (low >>> 0) + (what & 0xff) > 0x1_0000_0000;
    const mode = this.#words[STATE.mode >> 2] as number;
    if ((mode & MODE.CODE_SIZE) === MODE.CODE_64) {
      return !isCanonicalHigh(high) || (overflows && !isCanonicalHigh((high + 1) | 0));
    }
    // FS and GS have a base, and segments that are not flat were checked: both may wrap.
    return overflows && (mode & MODE.FLAT) !== 0 && this.#segmentOf(record, what) < SEG.FS;
  }

  #throughBuffer(low: number, high: number, bytes: number, kind: number): number {
    const { linear } = this.#options.processor;
    try {
      linear.map(low, high, bytes, kind === ACCESS_KIND.LOAD ? ACCESS.READ : ACCESS.WRITE, this.#privilege());
    } catch (error) {
      return this.#caught(error);
    }
    if (kind === ACCESS_KIND.LOAD || kind === ACCESS_KIND.UPDATE) {
      for (let at = 0; at < bytes; at += 4) {
        const part = Math.min(4, bytes - at);
        this.#view.setUint32(this.#bufferAddress + at, part === 4 ? linear.get32(at) : linear.getShort(at, part), true);
      }
    }
    if (kind === ACCESS_KIND.LOAD) return this.#bufferAddress;
    this.#low = low;
    this.#high = high;
    this.#bytes = bytes;
    return this.#bufferAddress;
  }

  #caught(error: unknown): 0 {
    if (!(error instanceof GuestFault)) throw error;
    return this.fault(error.vector, error.hasErrorCode ? error.errorCode : undefined);
  }

  /** Writes the access buffer to its place; that was checked when the buffer was given out. */
  commit(): void {
    const { linear } = this.#options.processor;
    linear.map(this.#low, this.#high, this.#bytes, ACCESS.WRITE, this.#privilege());
    for (let at = 0; at < this.#bytes; at += 4) {
      const part = Math.min(4, this.#bytes - at);
      const value = this.#view.getUint32(this.#bufferAddress + at, true);
      if (part === 4) linear.set32(at, value);
      else linear.setShort(at, part, value);
    }
    const words = this.#words;
    if (words[STATE.eventPending >> 2] !== 0) words[STATE.afterStore >> 2] = STATUS.STOP;
  }

  /** See HOST_FUNCTIONS.segmentLinear: 1 with the linear address in the scratch, or 0. */
  segmentLinear(record: number, low: number, high: number, segment: number, kind: number): number {
    const which = segment >= 0 ? segment : this.#view.getUint8(record + RECORD.segment);
    const base = this.#words[(STATE.segments + which * SEGMENT_BYTES + SEGMENT.base) >> 2] as number;
    if ((kind & SEGMENT_ACCESS.ALIGNED) !== 0 && ((base + low) & 15) !== 0) return this.fault(VECTOR.GP, 0);
    try {
      this.#segments.form(which, low, high, kind & 0xff, (kind & SEGMENT_ACCESS.WRITE) !== 0);
    } catch (error) {
      return this.#caught(error);
    }
    this.#words[STATE.scratch >> 2] = this.#segments.low;
    this.#words[(STATE.scratch >> 2) + 1] = this.#segments.high;
    return 1;
  }

  #alignmentChecked(): boolean {
    return this.#words[STATE.mmuContext >> 2] === MMU_CONTEXT.USER_ALIGNED;
  }

  /**
   * Host address for a bulk access that stays within one page of plain RAM, or 0: then one element at a time will do it,
   * or raise the fault.
   */
  bulkAddress(low: number, high: number, access: Access): number {
    if (!isCanonicalHigh(high) || this.#alignmentChecked()) return 0;
    const { walker } = this.#options.processor;
    if (!walker.walk(low, high, access, this.#privilege())) return 0;
    return this.#install(low, high, this.#words[STATE.mmuContext >> 2] as number, access === ACCESS.WRITE);
  }
}
