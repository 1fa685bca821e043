import { TLB } from './layout.ts';

const ENTRY_WORDS = TLB.ENTRY_BYTES / 4;
const ALL_ONES = -1;
const PAGE = 4096;
const ENTRIES = TLB.FILLED_CONTEXTS * 2 * TLB.ENTRIES;

/** Entries filled since the last flush, each once, by word index. */
class FilledEntries {
  readonly #list = new Int32Array(ENTRIES);
  readonly #listed = new Uint8Array(ENTRIES);
  #count = 0;

  add(index: number): void {
    const entry = index / ENTRY_WORDS;
    if (this.#listed[entry] === 1) return;
    this.#listed[entry] = 1;
    this.#list[this.#count++] = index;
  }

  forEach(call: (index: number) => void): void {
    for (let i = 0; i < this.#count; i++) call(this.#list[i] as number);
  }

  clear(): void {
    for (let i = 0; i < this.#count; i++) this.#listed[(this.#list[i] as number) / ENTRY_WORDS] = 0;
    this.#count = 0;
  }
}

/**
 * The translation look-aside buffer that generated code reads: per MMU context a direct-mapped half for reads and one for
 * writes. A hit means that the access is plain RAM and allowed. Flushes undo what was filled since the last one, so
 * that they cost what was used.
 */
export class SoftTlb {
  readonly #words: Int32Array;
  readonly #filled = new FilledEntries();
  readonly #filledGlobal = new FilledEntries();
  /** Large pages that gave entries, by size and number. */
  readonly #large = new Map<number, Set<number>>();
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
    if (page.pageBytes > PAGE) this.#noteLarge(pageOf(low, high, page.pageBytes), page.pageBytes);
    const words = this.#words;
    words[index] = low & ~0xfff;
    words[index + 1] = high;
    words[index + 2] = page.host - (low & ~0xfff);
    words[index + 3] = page.host;
    (page.global ? this.#filledGlobal : this.#filled).add(index);
    this.fills++;
  }

  flush(what: 'all' | 'non-global'): void {
    this.flushes++;
    // A global entry may since have replaced a filled one: it goes too, which is allowed.
    this.#drop(this.#filled);
    if (what === 'non-global') return;
    for (const pages of this.#large.values()) pages.clear();
    this.#drop(this.#filledGlobal);
  }

  #drop(filled: FilledEntries): void {
    filled.forEach((index) => {
      this.#invalidate(index);
    });
    filled.clear();
  }

  #noteLarge(page: number, pageBytes: number): void {
    const pages = this.#large.get(pageBytes);
    if (pages === undefined) this.#large.set(pageBytes, new Set([page]));
    else pages.add(page);
  }

  /** Drops all that lie in a large page. */
  #dropPage(page: number, pageBytes: number): void {
    const words = this.#words;
    for (const filled of [this.#filled, this.#filledGlobal]) {
      filled.forEach((index) => {
        if (pageOf(words[index] as number, words[index + 1] as number, pageBytes) === page) this.#invalidate(index);
      });
    }
  }

  /** All entries that the page at this address gave, which may be a large one (SDM Vol. 3A §4.10.4.1). */
  flushPage(low: number, high: number): void {
    for (const [pageBytes, pages] of this.#large) {
      const page = pageOf(low, high, pageBytes);
      if (pages.delete(page)) this.#dropPage(page, pageBytes);
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
