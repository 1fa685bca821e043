/** Device windows in guest-physical memory. What is neither RAM nor a window reads as all-ones. */
export interface Mmio {
  /** A device claims the page of this gpa, though RAM may lie below it (SMBASE, VGA, option ROMs). */
  isMmio(gpa: number): boolean;
  /** Naturally aligned accesses of 1, 2 or 4 bytes; larger or misaligned ones arrive in pieces. Values are unsigned. */
  read(gpa: number, sizeBytes: 1 | 2 | 4): number;
  write(gpa: number, sizeBytes: 1 | 2 | 4, value: number): void;
}

/** Translations cached by an execution engine; procedures say when they are stale. */
export interface MmuCache {
  /** All, or all but those of global pages (CR3 loads). */
  flush(what: 'all' | 'non-global'): void;
  /** Those of one linear page, global or not. */
  flushPage(linearLow: number, linearHigh: number): void;
  /** Memory changed under decoded code: bytes at gpa were written by a procedure or the page walker. */
  written(gpa: number, bytes: number): void;
}

/** A machine without devices: the first megabyte's hole is RAM too. */
export const NO_MMIO: Mmio = {
  isMmio: () => false,
  read: (_gpa, sizeBytes) => (sizeBytes === 4 ? 0xffff_ffff : sizeBytes === 2 ? 0xffff : 0xff),
  write: () => {},
};

/** For engines that cache nothing (the oracle, tests). */
export const NO_MMU_CACHE: MmuCache = { flush: () => {}, flushPage: () => {}, written: () => {} };
