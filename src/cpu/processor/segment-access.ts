import { isCanonicalHigh } from '../../x86/linear.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { ATTR, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';

const SEGMENTS = STATE.segments >> 2;
const ATTRIBUTES = SEGMENT.attributes >> 2;
const LIMIT = SEGMENT.limit >> 2;
const BASE = SEGMENT.base >> 2;
const MODE_WORD = STATE.mode >> 2;

/**
 * Forms linear addresses from segment and offset, with the checks of SDM Vol. 3A §5.3 "Limit Checking" and
 * §5.4 "Type Checking". Results are in `low` and `high`.
 */
export class SegmentAccess {
  low = 0;
  high = 0;
  readonly #words: Int32Array;
  readonly #raise: (vector: number, errorCode: number) => never;

  constructor(words: Int32Array, raise: (vector: number, errorCode: number) => never) {
    this.#words = words;
    this.#raise = raise;
  }

  /** Raises #SS(0) for SS and #GP(0) for the others. */
  form(segment: number, offsetLow: number, offsetHigh: number, bytes: number, write: boolean): void {
    const words = this.#words;
    const mode = words[MODE_WORD] as number;
    const word = SEGMENTS + segment * (SEGMENT_BYTES >> 2);
    if ((mode & MODE.CODE_SIZE) === MODE.CODE_64) {
      this.#form64(segment, word, offsetLow, offsetHigh, bytes);
      return;
    }
    const attributes = words[word + ATTRIBUTES] as number;
    if ((mode & MODE.PROTECTED) !== 0 && !permits(attributes, write)) this.#fault(segment);
    const offset = offsetLow >>> 0;
    const last = offset + bytes - 1;
    const limit = (words[word + LIMIT] as number) >>> 0;
    if ((attributes & (ATTR.CODE | ATTR.EXPAND_DOWN)) === ATTR.EXPAND_DOWN) {
      const top = (attributes & ATTR.DB) !== 0 ? 0xffff_ffff : 0xffff;
      if (offset <= limit || last > top) this.#fault(segment);
    } else if (last > limit) this.#fault(segment);
    this.low = ((words[word + BASE] as number) + offsetLow) | 0;
    this.high = 0;
  }

  #form64(segment: number, word: number, offsetLow: number, offsetHigh: number, bytes: number): void {
    if (segment === SEG.FS || segment === SEG.GS) {
      const baseLow = (this.#words[word + BASE] as number) >>> 0;
      const sum = baseLow + (offsetLow >>> 0);
      this.low = sum | 0;
      this.high = ((this.#words[word + BASE + 1] as number) + offsetHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    } else {
      this.low = offsetLow | 0;
      this.high = offsetHigh | 0;
    }
    const endHigh = (this.low >>> 0) + bytes - 1 > 0xffff_ffff ? (this.high + 1) | 0 : this.high;
    // A wrap from the top of the address space to 0 is canonical at both ends, and no fault on silicon either.
    if (!isCanonicalHigh(this.high) || !isCanonicalHigh(endHigh)) this.#fault(segment);
  }

  #fault(segment: number): never {
    return this.#raise(segment === SEG.SS ? VECTOR.SS : VECTOR.GP, 0);
  }
}

function permits(attributes: number, write: boolean): boolean {
  if ((attributes & ATTR.UNUSABLE) !== 0) return false;
  const code = (attributes & ATTR.CODE) !== 0;
  if (write) return !code && (attributes & ATTR.WRITABLE) !== 0;
  return !code || (attributes & ATTR.READABLE) !== 0;
}
