/**
 * The sandbox: what a case can see. Everything lies below 2 GiB, so disp32, RIP-relative and 32-bit code reach it,
 * and nothing else of the runner is mapped below 4 GiB.
 */
export const PAGE_BYTES = 4096;

/** One page, read and execute, filled with INT3 but for the instruction under test. The page after it is unmapped. */
export const CODE_LINEAR = 0x2000_0000;

/** Two pages, read and write, unmapped pages on both sides. */
export const DATA_LINEAR = 0x1000_0000;
export const DATA_PAGE_COUNT = 2;

/** One page, read and write, unmapped pages on both sides. */
export const STACK_LINEAR = 0x1800_0000;

/** One page of zeros, read only: a store to it faults with P=1, W=1. */
export const READ_ONLY_LINEAR = 0x1400_0000;

/** An address that is never mapped. */
export const UNMAPPED_LINEAR = 0x3000_0000;

export interface Window {
  readonly linear: number;
  readonly sizeBytes: number;
  /** Where its contents are in a record. */
  readonly offset: number;
}

export const RECORD = {
  gpr: 0, // u64[16] in encoding order: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15
  rip: 128, // u64
  rflags: 136, // u64
  fsBase: 144, // u64
  gsBase: 152, // u64
  cs: 160, // u16
  ss: 162, // u16, results only
  ds: 164, // u16, results only
  es: 166, // u16, results only
  fs: 168, // u16, results only
  gs: 170, // u16, results only
  codeLength: 172, // u16 in a case
  signal: 172, // u16 in a result: what ended the case
  stray: 174, // u16 in a result: 1 when a byte outside all windows was written
  vector: 176, // u32 in a result: exception vector
  errorCode: 180, // u32 in a result
  cr2: 184, // u64 in a result: stands only with vector 14
  fxsave: 192, // u8[512] as FXSAVE64 lays it out; the kernel's own bytes from 416 on are left out
  ymmHigh: 704, // u8[256]: bits 255:128 of YMM0..15
  memory: 960, // the windows, one after the other
  code: 2752, // u8[128] in a case: after all that a result shows
} as const;

export const CODE_BYTES = 128;

/** Of FXSAVE's 512 bytes, those that hold registers (SDM Vol. 1 §10.5.1 Table 10-2). */
export const FXSAVE_USED_BYTES = 416;

/**
 * The bytes that a case sets and a result shows; the rest of the pages is zero before each case.
 * `data` spans the border of the two data pages, `edge` ends where the mapping ends.
 */
export const WINDOWS = {
  data: { linear: DATA_LINEAR + PAGE_BYTES - 512, sizeBytes: 1024, offset: RECORD.memory },
  edge: { linear: DATA_LINEAR + 2 * PAGE_BYTES - 256, sizeBytes: 256, offset: RECORD.memory + 1024 },
  stack: { linear: STACK_LINEAR + 2048 - 256, sizeBytes: 512, offset: RECORD.memory + 1280 },
} as const satisfies Record<string, Window>;

export const RECORD_BYTES = RECORD.code + CODE_BYTES;

/** Code segment selectors of Linux on x86-64 (arch/x86/include/asm/segment.h). */
export const CS_64 = 0x33;
export const CS_32 = 0x23;
