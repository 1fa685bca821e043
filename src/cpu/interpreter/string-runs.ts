import { ACCESS } from '../../x86/processor.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';
import type { SoftProcessor } from '../processor/soft-processor.ts';
import type { AccessPath } from './access-path.ts';

const PAGE = 4096;
const gprWord = (index: number): number => (STATE.gpr + index * 8) >> 2;
const RCX = gprWord(GPR.RCX);
const RSI = gprWord(GPR.RSI);
const RDI = gprWord(GPR.RDI);
const RAX = gprWord(GPR.RAX);
const BUDGET = STATE.budget >> 2;

/** A repeated MOVS or STOS. */
export interface StringRun {
  readonly operation: 'MOVS' | 'STOS';
  readonly elementBytes: 1 | 2 | 4 | 8;
  readonly addressSize: 16 | 32 | 64;
  /** SEG number of the source. */
  readonly segment: number;
}

/** Moves or stores as many elements as fit before the next page boundary, in one copy. */
export class StringRuns {
  readonly #words: Int32Array;
  readonly #access: AccessPath;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(processor: SoftProcessor, access: AccessPath, buffer: ArrayBuffer) {
    this.#words = processor.words;
    this.#access = access;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /**
   * 1 if something was moved, and RCX, RSI and RDI tell how much; 0: the element-wise way must decide. Every element but
   * one is taken off STATE.budget here, that one by run(). The last element is left: with it the instruction completes.
   */
  run(run: StringRun): number {
    const words = this.#words;
    const mode = words[STATE.mode >> 2] as number;
    const natural = (mode & MODE.CODE_SIZE) === MODE.CODE_64 ? 64 : 32;
    if ((mode & MODE.FLAT) === 0 || run.addressSize !== natural) return 0;
    if (run.segment === SEG.FS && (mode & MODE.FLAT_FS) === 0) return 0;
    if (run.segment === SEG.GS && (mode & MODE.FLAT_GS) === 0) return 0;
    if (((words[STATE.rflagsSystem >> 2] as number) & RFLAGS.DF) !== 0) return 0;
    const size = run.elementBytes;
    const left = natural === 64 && words[RCX + 1] !== 0 ? PAGE : ((words[RCX] as number) >>> 0) - 1;
    const most = Math.min(left, words[BUDGET] as number);
    const room = (low: number): number => Math.floor((PAGE - (low & (PAGE - 1))) / size);
    const toLow = words[RDI] as number;
    const toHigh = natural === 64 ? (words[RDI + 1] as number) : 0;
    let count = Math.min(most, room(toLow));
    let fromLow = 0;
    let fromHigh = 0;
    if (run.operation === 'MOVS') {
      [fromLow, fromHigh] = this.#source(run.segment, natural);
      count = Math.min(count, room(fromLow));
    }
    if (count < 2) return 0;
    // The source first: where it faults, the destination's dirty flag stays.
    const from = run.operation === 'MOVS' ? this.#access.bulkAddress(fromLow, fromHigh, ACCESS.READ) : -1;
    const to = from === 0 ? 0 : this.#access.bulkAddress(toLow, toHigh, ACCESS.WRITE);
    if (to === 0) return 0;
    if (run.operation === 'MOVS') {
      // Ascending element by element, a destination just above the source repeats what it has written.
      if (to > from && to < from + count * size) return 0;
      this.#bytes.copyWithin(to, from, from + count * size);
      this.#advance(RSI, count * size, natural);
    } else this.#store(to, count, size);
    this.#advance(RDI, count * size, natural);
    this.#advance(RCX, -count, natural);
    words[BUDGET] = (words[BUDGET] as number) - (count - 1);
    return 1;
  }

  #source(segment: number, natural: 32 | 64): [number, number] {
    const words = this.#words;
    const low = words[RSI] as number;
    const high = natural === 64 ? (words[RSI + 1] as number) : 0;
    if (segment !== SEG.FS && segment !== SEG.GS) return [low, high];
    const base = (STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base) >> 2;
    const sum = (low >>> 0) + ((words[base] as number) >>> 0);
    const carry = sum > 0xffff_ffff ? 1 : 0;
    return [sum | 0, natural === 64 ? (high + (words[base + 1] as number) + carry) | 0 : 0];
  }

  #store(to: number, count: number, size: 1 | 2 | 4 | 8): void {
    const low = this.#words[RAX] as number;
    if (size === 1) {
      this.#bytes.fill(low & 0xff, to, to + count);
      return;
    }
    const high = this.#words[RAX + 1] as number;
    const view = this.#view;
    if (size === 2) view.setUint16(to, low, true);
    else view.setUint32(to, low, true);
    if (size === 8) view.setUint32(to + 4, high, true);
    // Doubles what is there until all is filled.
    for (let done = size; done < count * size; done *= 2) {
      this.#bytes.copyWithin(to + done, to, to + Math.min(done, count * size - done));
    }
  }

  /** Adds to a register of the address size; a 32-bit one clears its upper half. */
  #advance(word: number, by: number, natural: 32 | 64): void {
    const words = this.#words;
    const sum = ((words[word] as number) >>> 0) + by;
    words[word] = sum;
    if (natural === 32) words[word + 1] = 0;
    else if (sum > 0xffff_ffff) words[word + 1] = (words[word + 1] as number) + 1;
    else if (sum < 0) words[word + 1] = (words[word + 1] as number) - 1;
  }
}
