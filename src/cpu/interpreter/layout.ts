import { RECORD } from '../ir/record.ts';

/**
 * Where the interpreter keeps its tables in linear memory, in bytes from the vCPU's base. The state struct comes first.
 *
 *   0x00_0000  state (x86/state.ts)
 *   0x01_0000  TLB: for each MMU context a read half and a write half
 *   0x03_0000  jump cache
 *   0x04_0000  decoded records
 */
export const TLB = {
  OFFSET: 0x1_0000,
  ENTRIES: 1024,
  /** u64 linear page address (or all-ones), u32 host address minus linear (low 32 bits), u32 unused. */
  ENTRY_BYTES: 16,
  /** Write entries follow the read entries of the same context. */
  WRITE_HALF: 0x4000,
  CONTEXT_BYTES: 0x8000,
  /** Of MMU_CONTEXT; the last one never has entries. */
  CONTEXTS: 4,
  FILLED_CONTEXTS: 3,
} as const;

export const JUMP_CACHE = {
  OFFSET: 0x3_0000,
  ENTRIES: 4096,
  /** u64 RIP, u32 record address, u32 generation and mode (STATE.codeGeneration). */
  ENTRY_BYTES: 16,
} as const;

export const RECORDS = {
  OFFSET: 0x4_0000,
  /** The first records are special: two for single steps, and run()'s begin for each code size. */
  STEP: 0,
  ENTER_64: 2,
  ENTER_32: 3,
  RESERVED: 4,
  /** Room for decoded instructions; when it is full, all are dropped. */
  CAPACITY: 1 << 20,
} as const;

export const VCPU_BYTES = RECORDS.OFFSET + RECORDS.CAPACITY * 32;

const PAGE_BYTES = 65_536;

/**
 * What modules demand of the memory: the tables of their vCPU. With nothing said of RAM, one module fits machines of
 * any size (WebAssembly 2.0 §4.5.3 "Memories": an import without a maximum matches any).
 */
export const memoryOf = (base: number): { readonly initial: number } => ({
  initial: Math.ceil((base + VCPU_BYTES) / PAGE_BYTES),
});

/** The record that begins run() of a code size. */
export const enterRecord = (base: number, codeSize: 32 | 64): number =>
  base + RECORDS.OFFSET + (codeSize === 64 ? RECORDS.ENTER_64 : RECORDS.ENTER_32) * RECORD.SIZE_BYTES;
