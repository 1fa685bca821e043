/**
 * The architectural state of one vCPU, as it lies in linear memory. Offsets in bytes from the vCPU's base.
 * Every back end (oracle, interpreter, JIT) and every procedure works on this one struct; it is the snapshot too.
 */

/** Segment registers by their number in ModR/M and SIB-free encodings; LDTR and TR follow. */
export const SEG = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5, LDTR: 6, TR: 7 } as const;
export type SegmentIndex = (typeof SEG)[keyof typeof SEG];

export const SEGMENT_BYTES = 32;
/** A cached descriptor. Layout of one segment: selector, attributes, limit, base. */
export const SEGMENT = {
  /** u32, low 16 bits. */
  selector: 0,
  /** u32: the descriptor's second dword, bits 8-23: [7:0] type, S, DPL, P  [12] AVL [13] L [14] D/B [15] G  [16] unusable (null). */
  attributes: 4,
  /** u32, in bytes, granularity applied; inclusive. */
  limit: 8,
  /** u64. In 64-bit mode only FS, GS, LDTR and TR use the upper half. */
  base: 16,
} as const;

/** Bits of SEGMENT.attributes. */
export const ATTR = {
  TYPE: 0x0f,
  ACCESSED: 1 << 0,
  /** Data: writable. Code: readable. */
  WRITABLE: 1 << 1,
  READABLE: 1 << 1,
  /** Data: expand-down. Code: conforming. */
  EXPAND_DOWN: 1 << 2,
  CONFORMING: 1 << 2,
  CODE: 1 << 3,
  /** Clear for system segments and gates. */
  S: 1 << 4,
  DPL_SHIFT: 5,
  DPL: 3 << 5,
  P: 1 << 7,
  AVL: 1 << 12,
  L: 1 << 13,
  DB: 1 << 14,
  G: 1 << 15,
  UNUSABLE: 1 << 16,
} as const;

/** Byte offsets of the fields. 64-bit fields are 8-aligned, vectors 32-aligned. */
export const STATE = {
  /** u64[16], in encoding order: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15. */
  gpr: 0,
  /** u64, always 0: the register that an absent base or index names. */
  zero: 128,
  /** u64: linear address of the page that holds the instruction being run (interpreter's RIP-relative base). */
  ripBase: 136,
  /** u64: RIP (EIP, IP): offset in CS. Exact whenever control is outside generated code. */
  rip: 144,
  /** i64: result of the last flag-setting operation, sign-extended from its width: ZF, SF and PF derive from it. */
  flagResult: 152,
  /** u32: [31] CF  [30] CF^OF  [15:8] xor into PF's byte  [3] AF  [0] xor into SF. */
  flagAux: 160,
  /** u32: RFLAGS without CF PF AF ZF SF OF: TF IF DF IOPL NT RF VM AC VIF VIP ID. Bit 1 is kept set. */
  rflagsSystem: 164,
  /** u32: current privilege level. */
  cpl: 168,
  /** u32: see MODE in processor-mode.ts. */
  mode: 172,
  /** u32: nonzero if an interrupt, NMI or other event waits for an instruction boundary. */
  eventPending: 176,
  /** u32: SHADOW of the instruction before, if it was STI or a load of SS: no interrupt is taken before the next one ends. */
  interruptShadow: 180,
  /** u64: instructions retired. */
  instructionCount: 184,
  /** SEGMENT_BYTES each: ES CS SS DS FS GS LDTR TR. */
  segments: 192,
  /** u64 base, u32 limit. */
  gdtrBase: 448,
  gdtrLimit: 456,
  idtrLimit: 460,
  idtrBase: 464,
  /** u64 each. */
  cr0: 472,
  cr2: 480,
  cr3: 488,
  cr4: 496,
  efer: 504,
  xcr0: 512,
  dr: 520, // u64[8]: DR0-DR3, 4 and 5 unused, DR6, DR7
  /** Model-specific registers that the CPU itself reads. u64 each. */
  star: 584,
  lstar: 592,
  cstar: 600,
  sfmask: 608,
  kernelGsBase: 616,
  sysenterCs: 624,
  sysenterEsp: 632,
  sysenterEip: 640,
  tscAux: 648,
  pat: 656,
  pkru: 664, // u32
  mxcsr: 668, // u32
  /** x87: control and status words (TOP inside), full 16-bit tag word, last opcode (11 bits): u32 each. */
  fcw: 672,
  fsw: 676,
  ftw: 680,
  fop: 684,
  /** u64: last instruction and operand pointers; u32: their selectors. */
  fip: 688,
  fdp: 696,
  fcs: 704,
  fds: 708,
  /** Pending fault of the instruction that just stopped: vector or -1, error code, has-error flag (u32 each). */
  faultVector: 712,
  faultError: 716,
  faultHasError: 720,
  /** u32: whose rights memory accesses of the current code have; see MMU_CONTEXT. Kept by updateMode(). */
  mmuContext: 728,
  /** u32: nonzero if DR7 enables a breakpoint: the engine then runs instruction by instruction (x86/debug.ts). */
  debugArmed: 732,
  /** u64 scratch for arguments and results of intrinsics: six vectors of 32 bytes. */
  scratch: 736,
  /** 16 bytes each, R0-R7 by physical number (not by TOP): 80-bit value, 6 bytes unused. MMi is the low 64 bits of Ri. */
  x87: 928,
  /** 32 bytes each: YMM0-YMM15, XMM in the low half. */
  xmm: 1056,
  /** u64[4]: the PDPTE registers of PAE paging, loaded with CR3 (SDM Vol. 3A §4.4.1 "PDPTE Registers"). */
  pdpte: 1568,
  /** u64. */
  xss: 1600,
  /** u32: 1 from the delivery of an NMI to the next IRET: further NMIs wait. */
  nmiBlocked: 1608,
  /** u32: the initial (x2)APIC id, for CPUID. */
  apicId: 1612,
  /** u32: instructions that run() may still retire before it returns. */
  budget: 1616,
  /**
   * u32: what a handler that stored must answer instead of going on (STATUS in cpu/ir/record.ts): BRANCH if decoded code was
   * dropped, STOP if an event arrived. 0 otherwise.
   */
  afterStore: 1620,
  /** u32: what entries of the jump cache must carry: [31:10] generation, [9] CPL 3, [8:0] mode. */
  codeGeneration: 1624,
  /** u32: the same for jumps into pages that translations keep across CR3 loads. */
  globalCodeGeneration: 1628,
  /** 64 bytes: where an access that has no plain host address (device, two pages) puts its data. */
  accessBuffer: 1632,
  /** u64[256]: MSRs that are only stored (x86/msr.ts gives each its slot). */
  storedMsrs: 2048,
  /** Bytes reserved for the struct. */
  SIZE_BYTES: 4096,
} as const;

/** Values of STATE.interruptShadow. A load of SS holds off debug exceptions too (SDM Vol. 3A §7.8.3). */
export const SHADOW = { NONE: 0, STI: 1, SS: 2 } as const;

/** STATE offset of a segment register's selector. */
export const selectorOffset = (segment: number): number => STATE.segments + segment * SEGMENT_BYTES + SEGMENT.selector;

/** STATE offset of CR0, CR2, CR3 or CR4. */
export const controlOffset = (index: number): number => (index === 0 ? STATE.cr0 : STATE.cr2 + (index - 2) * 8);

/** Values of STATE.mmuContext: a TLB entry made under one of them says nothing about the others. */
export const MMU_CONTEXT = {
  /** CPL 0-2; accesses to user pages fault (CR4.SMAP set, RFLAGS.AC clear). */
  SUPERVISOR: 0,
  /** CPL 3. */
  USER: 1,
  /** CPL 0-2 with access to user pages. */
  SUPERVISOR_USER_DATA: 2,
  /** CPL 3 with alignment checks: each access has to be looked at, so there are no TLB entries. */
  USER_ALIGNED: 3,
} as const;

export const GPR = {
  RAX: 0,
  RCX: 1,
  RDX: 2,
  RBX: 3,
  RSP: 4,
  RBP: 5,
  RSI: 6,
  RDI: 7,
} as const;

/** RFLAGS, SDM Vol. 1 §3.4.3 "EFLAGS Register". */
export const RFLAGS = {
  CF: 1 << 0,
  FIXED: 1 << 1,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  IOPL_SHIFT: 12,
  IOPL: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  VIF: 1 << 19,
  VIP: 1 << 20,
  ID: 1 << 21,
} as const;

export const STATUS_FLAGS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;

/** SDM Vol. 3A §2.5 "Control Registers". */
export const CR0 = {
  PE: 1 << 0,
  MP: 1 << 1,
  EM: 1 << 2,
  TS: 1 << 3,
  ET: 1 << 4,
  NE: 1 << 5,
  WP: 1 << 16,
  AM: 1 << 18,
  NW: 1 << 29,
  CD: 1 << 30,
  PG: 0x8000_0000,
} as const;

export const CR4 = {
  VME: 1 << 0,
  PVI: 1 << 1,
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  UMIP: 1 << 11,
  FSGSBASE: 1 << 16,
  PCIDE: 1 << 17,
  OSXSAVE: 1 << 18,
  SMEP: 1 << 20,
  SMAP: 1 << 21,
  PKE: 1 << 22,
} as const;

export const EFER = { SCE: 1 << 0, LME: 1 << 8, LMA: 1 << 10, NXE: 1 << 11, FFXSR: 1 << 14 } as const;

/** Exception vectors, SDM Vol. 3A Table 7-1. */
export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
} as const;
