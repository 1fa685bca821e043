import { isCanonicalHigh } from '../../x86/linear.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';
import type { AccessPath } from './access-path.ts';
import type { CodeCache } from './code-cache.ts';
import { JUMP_CACHE } from './layout.ts';

const CS_BASE = (STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.base) >> 2;
const CS_LIMIT = (STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.limit) >> 2;
const WORD = {
  mode: STATE.mode >> 2,
  cpl: STATE.cpl >> 2,
  generation: STATE.codeGeneration >> 2,
  globalGeneration: STATE.globalCodeGeneration >> 2,
} as const;

/** Tags: [31:10] generation  [9] CPL 3  [8:0] mode. Generations of non-global pages are even, of global ones odd. */
const GENERATION_SHIFT = 10;
const GENERATION_STEP = 2;
const GENERATION_LIMIT = 1 << 22;
const USER_BIT = 1 << 9;
const MODE_MASK = USER_BIT - 1;

const PAGE = 4096;
const JUMP_WORDS = JUMP_CACHE.ENTRY_BYTES / 4;
const FETCH_ENTRIES = 1024;
/** u32[4]: linear page (low), linear high, guest-physical page number, tag. */
const FETCH_WORDS = 4;

/**
 * From RIP to record: the jump cache that generated code reads, and behind it the translations of the pages that code was
 * fetched from. Both are dropped by changing the generation that their entries must carry.
 */
export class CodeLookup {
  readonly #words: Int32Array;
  readonly #jumps: Int32Array;
  readonly #fetched = new Int32Array(FETCH_ENTRIES * FETCH_WORDS);
  readonly #access: AccessPath;
  readonly #code: CodeCache;
  #generation = 2;
  #globalGeneration = 3;
  #csBase = 0;
  #csLimit = 0;
  /** A translation of this generation was overwritten: jumps into its page may be cached still. */
  #evicted = false;
  #evictedGlobal = false;
  /** Large pages, by their size, that code was fetched from: INVLPG of an address in one drops all of it. */
  readonly #largePages = new Map<number, Set<number>>();
  lookups = 0;
  flushes = 0;

  /** `base`: linear-memory address of the vCPU's state. */
  constructor(words: Int32Array, buffer: ArrayBuffer, base: number, parts: { access: AccessPath; code: CodeCache }) {
    this.#words = words;
    this.#jumps = new Int32Array(buffer, base + JUMP_CACHE.OFFSET, JUMP_CACHE.ENTRIES * JUMP_WORDS);
    this.#access = parts.access;
    this.#code = parts.code;
  }

  /** Drops translations and jumps: all, or those that lie in pages not marked global. */
  flush(what: 'all' | 'non-global'): void {
    this.flushes++;
    this.#generation += GENERATION_STEP;
    if (what === 'all') {
      this.#globalGeneration += GENERATION_STEP;
      this.#evictedGlobal = false;
      this.#largePages.clear();
    }
    this.#evicted = false;
    if (this.#generation >= GENERATION_LIMIT || this.#globalGeneration >= GENERATION_LIMIT) {
      // Numbers begin again: nothing old may carry them.
      this.#jumps.fill(0);
      this.#fetched.fill(0);
      this.#generation = 2;
      this.#globalGeneration = 3;
    }
    this.sync();
  }

  /** INVLPG costs nothing unless code was fetched from that page. */
  flushPage(low: number, high: number): void {
    const at = fetchIndex(low);
    const fetched = this.#fetched;
    if (
      this.#evicted ||
      this.#evictedGlobal ||
      this.#isInLargePage(low, high) ||
      (fetched[at] === (low & ~0xfff) && fetched[at + 1] === high)
    )
      this.flush('all');
  }

  #isInLargePage(low: number, high: number): boolean {
    for (const [pageBytes, pages] of this.#largePages) if (pages.has(pageOf(low, high, pageBytes))) return true;
    return false;
  }

  /** Brings the tags in line with mode and CPL; to be called whenever these may have changed. */
  sync(): void {
    const words = this.#words;
    const mode = words[WORD.mode] as number;
    if ((mode & MODE.CODE_SIZE) !== MODE.CODE_64 && this.#codeSegmentChanged()) {
      // Outside 64-bit mode, RIP says where code is only together with CS's base.
      this.#csBase = words[CS_BASE] as number;
      this.#csLimit = words[CS_LIMIT] as number;
      this.flush('all');
      return;
    }
    const state = (mode & MODE_MASK) | (words[WORD.cpl] === 3 ? USER_BIT : 0);
    words[WORD.generation] = (this.#generation << GENERATION_SHIFT) | state;
    words[WORD.globalGeneration] = (this.#globalGeneration << GENERATION_SHIFT) | state;
  }

  #codeSegmentChanged(): boolean {
    return this.#words[CS_BASE] !== this.#csBase || this.#words[CS_LIMIT] !== this.#csLimit;
  }

  /** Record for the code at RIP, or 0 with a fault in the state. */
  find(ripLow: number, ripHigh: number): number {
    this.lookups++;
    const record = this.#translate(ripLow, ripHigh, false);
    if (record === 0 || this.#confined) return record;
    const jumps = this.#jumps;
    const at = (ripLow & (JUMP_CACHE.ENTRIES - 1)) * JUMP_WORDS;
    jumps[at] = ripLow;
    jumps[at + 1] = ripHigh;
    jumps[at + 2] = record;
    jumps[at + 3] = this.#words[this.#lastGlobal ? WORD.globalGeneration : WORD.generation] as number;
    return record;
  }

  /** The step records for the instruction at RIP, or 0 with a fault in the state. */
  prepareStep(ripLow: number, ripHigh: number): number {
    return this.#translate(ripLow, ripHigh, true);
  }

  /** All pages of the last translation are global. */
  #lastGlobal = false;
  /** CS's limit lies within the page of the last translation: what is decoded there is not kept. */
  #confined = false;

  #translate(ripLow: number, ripHigh: number, step: boolean): number {
    const mode = (this.#words[WORD.mode] as number) & MODE_MASK;
    const wide = (mode & MODE.CODE_SIZE) === MODE.CODE_64;
    const low = wide ? ripLow : (ripLow + (this.#words[CS_BASE] as number)) | 0;
    const high = wide ? ripHigh : 0;
    const room = wide ? PAGE : ((this.#words[CS_LIMIT] as number) >>> 0) - (ripLow >>> 0) + 1;
    if (wide ? !isCanonicalHigh(high) : room <= 0) return this.#access.fault(VECTOR.GP, 0);
    const pageRoom = PAGE - (low & (PAGE - 1));
    this.#confined = !wide && room < pageRoom;
    this.#lastGlobal = true;
    const gpa = this.#fetch(low, high);
    if (gpa === undefined) return 0;
    const next = (): number | undefined => {
      const nextLow = ((low | 0xfff) + 1) | 0;
      if (!wide && room <= pageRoom) {
        this.#access.fault(VECTOR.GP, 0);
        return undefined;
      }
      const nextHigh = nextLow === 0 && wide ? (high + 1) | 0 : high;
      if (!isCanonicalHigh(nextHigh)) {
        this.#access.fault(VECTOR.GP, 0);
        return undefined;
      }
      return this.#fetch(nextLow, nextHigh);
    };
    if (step || this.#confined) return this.#code.prepareStep(gpa, mode, next, room) ?? 0;
    return this.#code.find(gpa, mode, next) ?? 0;
  }

  /** gpa of code in RAM, or undefined with a fault in the state. */
  #fetch(low: number, high: number): number | undefined {
    const fetched = this.#fetched;
    const words = this.#words;
    const at = fetchIndex(low);
    const tag = fetched[at + 3] as number;
    const valid = tag === words[WORD.generation] || tag === words[WORD.globalGeneration];
    if (valid && fetched[at] === (low & ~0xfff) && fetched[at + 1] === high) {
      this.#lastGlobal &&= tag === words[WORD.globalGeneration];
      return (fetched[at + 2] as number) * 4096 + (low & 0xfff);
    }
    const fetch = this.#access.fetch(low, high);
    if (fetch === undefined) return undefined;
    const samePage = fetched[at] === (low & ~0xfff) && fetched[at + 1] === high;
    if (!samePage) this.#noteEviction(tag);
    fetched[at] = low & ~0xfff;
    fetched[at + 1] = high;
    fetched[at + 2] = Math.floor(fetch.gpa / 4096);
    fetched[at + 3] = words[fetch.global ? WORD.globalGeneration : WORD.generation] as number;
    this.#lastGlobal &&= fetch.global;
    if (fetch.pageBytes > PAGE) this.#noteLargePage(low, high, fetch.pageBytes);
    return fetch.gpa;
  }

  #noteLargePage(low: number, high: number, pageBytes: number): void {
    let pages = this.#largePages.get(pageBytes);
    if (pages === undefined) {
      pages = new Set();
      this.#largePages.set(pageBytes, pages);
    }
    pages.add(pageOf(low, high, pageBytes));
  }

  /** Of an entry with this tag, whatever its mode and CPL. */
  #noteEviction(tag: number): void {
    const generation = tag >>> GENERATION_SHIFT;
    if (generation === this.#generation) this.#evicted = true;
    else if (generation === this.#globalGeneration) this.#evictedGlobal = true;
  }
}

const fetchIndex = (low: number): number => ((low >>> 12) & (FETCH_ENTRIES - 1)) * FETCH_WORDS;

const pageOf = (low: number, high: number, pageBytes: number): number =>
  Math.floor(((high >>> 0) * 0x1_0000_0000 + ((low & ~0xfff) >>> 0)) / pageBytes);
