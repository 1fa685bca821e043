import { MMU_CONTEXT, STATE } from '../../x86/state.ts';
import { PRIVILEGE, type Privilege } from './page-walk.ts';

/** Entries; a power of two. Descriptor tables, TSS, handler stacks and the pages at hand fit. */
const ENTRIES = 64;
const CONTEXT_WORD = STATE.mmuContext >> 2;
/** In a tag: whose rights, beside MMU_CONTEXT. */
const IMPLICIT = MMU_CONTEXT.USER_ALIGNED + 1;
/** A tag that no page has: its low bits are beyond those in use. */
const INVALID = 0xfff;

/** Translations of procedures' accesses, by 4-KiB page, access and rights: what the TLB is to generated code. */
export class TranslationCache {
  readonly #words: Int32Array;
  /** [31:12] linear page  [4:2] rights  [1:0] access; then the upper half of the linear address. */
  readonly #tags = new Int32Array(ENTRIES * 2);
  readonly #gpas = new Float64Array(ENTRIES);

  constructor(words: Int32Array) {
    this.#words = words;
    this.flush();
  }

  flush(): void {
    this.#tags.fill(INVALID);
  }

  /** gpa of the byte at the address, or -1. */
  find(linearLow: number, linearHigh: number, access: number, privilege: Privilege): number {
    const tag = this.#tag(linearLow, access, privilege);
    const entry = indexOf(tag);
    if (this.#tags[entry * 2] !== tag || this.#tags[entry * 2 + 1] !== linearHigh) return -1;
    return (this.#gpas[entry] as number) + (linearLow & 0xfff);
  }

  add(linearLow: number, linearHigh: number, access: number, privilege: Privilege, gpa: number): void {
    const tag = this.#tag(linearLow, access, privilege);
    const entry = indexOf(tag);
    this.#tags[entry * 2] = tag;
    this.#tags[entry * 2 + 1] = linearHigh;
    this.#gpas[entry] = gpa - (linearLow & 0xfff);
  }

  #tag(linearLow: number, access: number, privilege: Privilege): number {
    const rights = privilege === PRIVILEGE.IMPLICIT ? IMPLICIT : (this.#words[CONTEXT_WORD] as number);
    return (linearLow & ~0xfff) | (rights << 2) | access;
  }
}

const indexOf = (tag: number): number => ((tag >>> 12) ^ (tag << 4) ^ (tag >>> 18)) & (ENTRIES - 1);
