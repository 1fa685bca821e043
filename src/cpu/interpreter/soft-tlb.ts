import { TLB } from './layout.ts';

const ENTRY_WORDS = TLB.ENTRY_BYTES / 4;
const ALL_ONES = -1;
/** More than there are entries, so that dropping repeats makes room. */
const FILLED_LIMIT = 4 * TLB.CONTEXTS * TLB.ENTRIES;

/**
 * The translation look-aside buffer that generated code reads: per MMU context a direct-mapped half for reads and one for
 * writes. A hit means that the access is plain RAM and allowed. Flushes undo what was filled since the last one, so
 * that they cost what was used.
 */
export class SoftTlb {
  readonly #words: Int32Array;
  /** Word indices of filled entries. */
  #filled: number[] = [];
  #filledGlobal: number[] = [];
  /** 1-GiB regions in which an entry stands for a part of a larger page. */
  readonly #largeRegions = new Set<number>();
  fills = 0;
  flushes = 0;

  /** `base`: linear-memory address of the vCPU's state. */
  constructor(buffer: ArrayBuffer, base: number) {
    this.#words = new Int32Array(buffer, base + TLB.OFFSET, (TLB.CONTEXTS * TLB.CONTEXT_BYTES) / 4);
    for (let i = 0; i < this.#words.length; i += ENTRY_WORDS) this.#invalidate(i);
  }

  #invalidate(index: number): void {
    this.#words[index] = ALL_ONES;
    this.#words[index + 1] = ALL_ONES;
  }

  #index(low: number, context: number, write: boolean): number {
    const entry = (low >>> 12) & (TLB.ENTRIES - 1);
    return (context * TLB.CONTEXT_BYTES + (write ? TLB.WRITE_HALF : 0)) / 4 + entry * ENTRY_WORDS;
  }

  has(low: number, high: number, context: number, write: boolean): boolean {
    const index = this.#index(low, context, write);
    return this.#words[index] === (low & ~0xfff) && this.#words[index + 1] === high;
  }

  /** `host`: linear-memory address of the page's first byte. */
  fill(
    low: number,
    high: number,
    page: { context: number; write: boolean; host: number; global: boolean; large: boolean },
  ): void {
    if (page.large) this.#largeRegions.add(regionOf(low, high));
    const index = this.#index(low, page.context, page.write);
    const words = this.#words;
    words[index] = low & ~0xfff;
    words[index + 1] = high;
    words[index + 2] = page.host - (low & ~0xfff);
    words[index + 3] = page.host;
    const filled = page.global ? this.#filledGlobal : this.#filled;
    filled.push(index);
    if (filled.length > FILLED_LIMIT) filled.splice(0, filled.length, ...new Set(filled));
    this.fills++;
  }

  flush(what: 'all' | 'non-global'): void {
    this.flushes++;
    // A global entry may since have replaced a filled one: it goes too, which is allowed.
    for (const index of this.#filled) this.#invalidate(index);
    this.#filled.length = 0;
    if (what === 'non-global') return;
    this.#largeRegions.clear();
    for (const index of this.#filledGlobal) this.#invalidate(index);
    this.#filledGlobal.length = 0;
  }

  /** All entries that the page at this address gave, which may be a large one (SDM Vol. 3A §4.10.4.1). */
  flushPage(low: number, high: number): void {
    if (this.#largeRegions.has(regionOf(low, high))) return this.#flushRegion(low, high);
    for (let context = 0; context < TLB.CONTEXTS; context++) {
      for (const write of [false, true]) {
        if (this.has(low, high, context, write)) this.#invalidate(this.#index(low, context, write));
      }
    }
  }

  #flushRegion(low: number, high: number): void {
    const words = this.#words;
    const region = regionOf(low, high);
    for (let i = 0; i < words.length; i += ENTRY_WORDS) {
      if (regionOf(words[i] as number, words[i + 1] as number) === region) this.#invalidate(i);
    }
  }

  /** A page now holds decoded code: writes to it must be seen, whatever linear address they use. */
  dropWrites(host: number): void {
    const words = this.#words;
    for (let context = 0; context < TLB.CONTEXTS; context++) {
      const start = (context * TLB.CONTEXT_BYTES + TLB.WRITE_HALF) / 4;
      for (let i = start; i < start + TLB.ENTRIES * ENTRY_WORDS; i += ENTRY_WORDS) {
        if (words[i + 3] === host && words[i] !== ALL_ONES) this.#invalidate(i);
      }
    }
  }
}

/** Number of the 1-GiB region of an address. */
const regionOf = (low: number, high: number): number => (high << 2) | (low >>> 30);
