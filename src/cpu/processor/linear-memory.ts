import { in64BitMode } from '../../x86/mode.ts';
import { ACCESS, type Access } from '../../x86/processor.ts';
import type { PageWalker, Privilege } from '../mmu/page-walk.ts';
import { TranslationCache } from '../mmu/translation-cache.ts';
import type { PhysicalMemory } from './physical-memory.ts';

const PAGE_BYTES = 4096;

/**
 * Accesses at linear addresses: `map` translates all pages of an access before a byte of it moves, then the
 * transfers below work on what it found. An access is at most one page long, so it touches at most two.
 */
export class LinearMemory {
  readonly walker: PageWalker;
  readonly translations: TranslationCache;
  readonly #physical: PhysicalMemory;
  readonly #words: Int32Array;
  readonly #pageFault: (linearLow: number, linearHigh: number, errorCode: number) => never;
  /** The access mapped last: guest-physical runs before and after the page boundary. */
  #gpa = 0;
  #headBytes = 0;
  #tailGpa = 0;

  constructor(
    words: Int32Array,
    walker: PageWalker,
    physical: PhysicalMemory,
    pageFault: (linearLow: number, linearHigh: number, errorCode: number) => never,
  ) {
    this.#words = words;
    this.walker = walker;
    this.translations = new TranslationCache(words);
    this.#physical = physical;
    this.#pageFault = pageFault;
  }

  /** Checks the whole access and remembers where it goes. Raises #PF; the caller has checked that it is canonical. */
  map(linearLow: number, linearHigh: number, bytes: number, access: Access, privilege: Privilege): void {
    this.#gpa = this.#translate(linearLow, linearHigh, access, privilege);
    this.#headBytes = PAGE_BYTES - (linearLow & (PAGE_BYTES - 1));
    if (bytes <= this.#headBytes) return;
    const nextLow = ((linearLow | (PAGE_BYTES - 1)) + 1) | 0;
    // Outside 64-bit mode linear addresses wrap at 4 GiB.
    const nextHigh = nextLow === 0 && in64BitMode(this.#words) ? (linearHigh + 1) | 0 : linearHigh;
    this.#tailGpa = this.#translate(nextLow, nextHigh, access, privilege);
  }

  #translate(linearLow: number, linearHigh: number, access: Access, privilege: Privilege): number {
    const cached = this.translations.find(linearLow, linearHigh, access, privilege);
    if (cached >= 0) return cached;
    const { walker } = this;
    if (!walker.walk(linearLow, linearHigh, access, privilege)) {
      this.#pageFault(linearLow, linearHigh, walker.errorCode);
    }
    this.translations.add(linearLow, linearHigh, access, privilege, walker.gpa);
    return walker.gpa;
  }

  /** gpa of byte `offset` of the mapped access. */
  gpaOf(offset: number): number {
    return offset < this.#headBytes ? this.#gpa + offset : this.#tailGpa + (offset - this.#headBytes);
  }

  /** Unsigned 32 bits at `offset` of the mapped access. */
  get32(offset: number): number {
    if (offset + 4 <= this.#headBytes) return this.#physical.read32(this.#gpa + offset);
    if (offset >= this.#headBytes) return this.#physical.read32(this.#tailGpa + (offset - this.#headBytes));
    return this.getShort(offset, 4);
  }

  set32(offset: number, value: number): void {
    if (offset + 4 <= this.#headBytes) this.#physical.write32(this.#gpa + offset, value);
    else if (offset >= this.#headBytes) {
      this.#physical.write32(this.#tailGpa + (offset - this.#headBytes), value);
    } else this.setShort(offset, 4, value);
  }

  /** The first `count` 32-bit words of the mapped access. */
  getWords(words: Int32Array, count: number): void {
    if (count * 4 <= this.#headBytes && this.#physical.readWords(this.#gpa, words, count)) return;
    for (let i = 0; i < count; i++) words[i] = this.get32(i * 4);
  }

  setWords(words: Int32Array, count: number): void {
    if (count * 4 <= this.#headBytes && this.#physical.writeWords(this.#gpa, words, count)) return;
    for (let i = 0; i < count; i++) this.set32(i * 4, words[i] as number);
  }

  /** 1-4 bytes, unsigned. */
  getShort(offset: number, bytes: number): number {
    if (offset + bytes <= this.#headBytes || offset >= this.#headBytes) {
      return this.#physical.read(this.gpaOf(offset), bytes);
    }
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8) | this.#physical.read8(this.gpaOf(offset + i));
    return value >>> 0;
  }

  setShort(offset: number, bytes: number, value: number): void {
    if (offset + bytes <= this.#headBytes || offset >= this.#headBytes) {
      this.#physical.write(this.gpaOf(offset), bytes, value);
    } else for (let i = 0; i < bytes; i++) this.#physical.write8(this.gpaOf(offset + i), value >>> (8 * i));
  }

  /** Little-endian integer of any length. */
  getInteger(bytes: number): bigint {
    if (bytes <= 4) return BigInt(this.getShort(0, bytes));
    let value = 0n;
    for (let offset = 0; offset < bytes; offset += 4) {
      const part = Math.min(4, bytes - offset);
      value |= BigInt(this.getShort(offset, part)) << BigInt(8 * offset);
    }
    return value;
  }

  setInteger(bytes: number, value: bigint): void {
    if (bytes <= 4) this.setShort(0, bytes, Number(value & 0xffff_ffffn));
    else {
      for (let offset = 0; offset < bytes; offset += 4) {
        const part = Math.min(4, bytes - offset);
        this.setShort(offset, part, Number((value >> BigInt(8 * offset)) & 0xffff_ffffn));
      }
    }
  }

  read(linearLow: number, linearHigh: number, bytes: number, privilege: Privilege): bigint {
    this.map(linearLow, linearHigh, bytes, ACCESS.READ, privilege);
    return this.getInteger(bytes);
  }

  write(linearLow: number, linearHigh: number, bytes: number, value: bigint, privilege: Privilege): void {
    this.map(linearLow, linearHigh, bytes, ACCESS.WRITE, privilege);
    this.setInteger(bytes, value);
  }
}
