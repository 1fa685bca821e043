/**
 * What decoding and address formation depend on, in one small number: records of translated code are
 * valid for one mode only. Bits of STATE.mode.
 */
export const MODE = {
  /** [1:0] code size: 0 = 16-bit, 1 = 32-bit, 2 = 64-bit mode. */
  CODE_SIZE: 3,
  CODE_16: 0,
  CODE_32: 1,
  CODE_64: 2,
  /** [2] stack-address size is 32 (SS.B) outside 64-bit mode. */
  STACK_32: 1 << 2,
  /** [3] ES, CS, SS and DS have base 0, limit 4 GiB and all rights: no segment checks needed. Always set in 64-bit mode. */
  FLAT: 1 << 3,
  /** [4] FS and GS have limit 4 GiB and are writable: only their base matters. Always set in 64-bit mode. */
  FLAT_FS: 1 << 4,
  FLAT_GS: 1 << 5,
  /** [6] CR0.PE set and RFLAGS.VM clear: protected mode (real and virtual-8086 mode otherwise). */
  PROTECTED: 1 << 6,
  /** [7] CR0.EM or CR0.TS set: x87 and MMX forms are decoded as the fault they raise. */
  X87_TRAP: 1 << 7,
  /** [8] SSE forms raise #UD or #NM: CR0.EM, CR0.TS or no CR4.OSFXSR. */
  SSE_TRAP: 1 << 8,
} as const;
