import { TLB } from './layout.ts';

const ENTRY_WORDS = TLB.ENTRY_BYTES / 4;
const ALL_ONES = -1;
const PAGE = 4096;
/** More than there are entries, so that dropping repeats makes room. */
const FILLED_LIMIT = 4 * TLB.FILLED_CONTEXTS * TLB.ENTRIES;

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
  /** Word indices of entries that stand for parts of large pages, by the page's size and number. */
  readonly #large = new Map<number, Map<number, number[]>>();
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
    page: { context: number; write: boolean; host: number; global: boolean; pageBytes: number },
  ): void {
    const index = this.#index(low, page.context, page.write);
    if (page.pageBytes > PAGE) this.#noteLarge(pageOf(low, high, page.pageBytes), page.pageBytes, index);
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
    for (const pages of this.#large.values()) pages.clear();
    for (const index of this.#filledGlobal) this.#invalidate(index);
    this.#filledGlobal.length = 0;
  }

  #noteLarge(page: number, pageBytes: number, index: number): void {
    let pages = this.#large.get(pageBytes);
    if (pages === undefined) {
      pages = new Map();
      this.#large.set(pageBytes, pages);
    }
    const entries = pages.get(page);
    if (entries === undefined) pages.set(page, [index]);
    else {
      entries.push(index);
      if (entries.length > FILLED_LIMIT) entries.splice(0, entries.length, ...new Set(entries));
    }
  }

  /** All entries that the page at this address gave, which may be a large one (SDM Vol. 3A §4.10.4.1). */
  flushPage(low: number, high: number): void {
    for (const [pageBytes, pages] of this.#large) {
      const page = pageOf(low, high, pageBytes);
      // What has since been overwritten goes too, which is allowed.
      for (const index of pages.get(page) ?? []) this.#invalidate(index);
      pages.delete(page);
    }
    for (let context = 0; context < TLB.FILLED_CONTEXTS; context++) {
      for (const write of [false, true]) {
        if (this.has(low, high, context, write)) this.#invalidate(this.#index(low, context, write));
      }
    }
  }

  /** A page now holds decoded code: writes to it must be seen, whatever linear address they use. */
  dropWrites(host: number): void {
    const words = this.#words;
    for (let context = 0; context < TLB.FILLED_CONTEXTS; context++) {
      const start = (context * TLB.CONTEXT_BYTES + TLB.WRITE_HALF) / 4;
      for (let i = start; i < start + TLB.ENTRIES * ENTRY_WORDS; i += ENTRY_WORDS) {
        if (words[i + 3] === host && words[i] !== ALL_ONES) this.#invalidate(i);
      }
    }
  }
}

/** Number of the page of this size at an address. */
const pageOf = (low: number, high: number, pageBytes: number): number =>
  Math.floor(((high >>> 0) * 0x1_0000_0000 + ((low & ~0xfff) >>> 0)) / pageBytes);
