import type { CpuTraits } from './cpuid/traits.ts';
import type { Instruction } from './instruction.ts';

/** Thrown by procedures and caught at their call boundary: an exception for the guest, nothing changed yet. */
export class GuestFault {
  vector = 0;
  errorCode = 0;
  hasErrorCode = false;
}

/** Why a linear access is made: decides protection checks (SDM Vol. 3A §4.6 "Access Rights"). */
export const ACCESS = { READ: 0, WRITE: 1, EXECUTE: 2 } as const;
export type Access = (typeof ACCESS)[keyof typeof ACCESS];

/**
 * What a procedure sees of the CPU. Values of up to 64 bits are unsigned bigints; u32 fields are unsigned numbers.
 * Every access raises the architectural fault by throwing GuestFault.
 */
export interface Processor {
  /** The state as 32-bit words: index = STATE offset / 4. What runs often works on it without bigints. */
  readonly words: Int32Array;
  /** What the CPU model offers: reserved bits of control registers, vendor, features. */
  readonly traits: CpuTraits;

  /** State fields by STATE offset. */
  u32(offset: number): number;
  setU32(offset: number, value: number): void;
  u64(offset: number): bigint;
  setU64(offset: number, value: bigint): void;

  readGpr(index: number, width: 8 | 16 | 32 | 64): bigint;
  /** 32-bit writes zero-extend, 8/16-bit writes merge. */
  writeGpr(index: number, width: 8 | 16 | 32 | 64, value: bigint): void;
  /** All of RFLAGS, materialised. */
  rflags(): number;
  setRflags(value: number): void;

  /** Operand `n` of the instruction: general registers, memory, immediates, segment selectors (not vectors). */
  readOperand(instruction: Instruction, n: number): bigint;
  writeOperand(instruction: Instruction, n: number, value: bigint): void;
  /** Offset of the memory operand in its segment, truncated to the address size. */
  effectiveAddress(instruction: Instruction): bigint;

  /** Through segment `segment` at `offset`: limit, type, canonical and paging checks at CPL. `bytes` 1-16 (10 for m80). */
  readMemory(segment: number, offset: bigint, bytes: number): bigint;
  writeMemory(segment: number, offset: bigint, bytes: number, value: bigint): void;
  /** Raises what a write would raise. */
  probeWrite(segment: number, offset: bigint, bytes: number): void;
  /** Linear accesses; `supervisor` ones are the CPU's own (descriptor tables, TSS, stacks of handlers): CPL 0 whatever CPL is. */
  readLinear(linear: bigint, bytes: number, supervisor: boolean): bigint;
  writeLinear(linear: bigint, bytes: number, value: bigint, supervisor: boolean): void;
  probeLinear(linear: bigint, bytes: number, access: Access, supervisor: boolean): void;

  /** As readLinear(…, 8, supervisor: true), without bigints: the result is in `low` and `high` (signed). */
  loadSupervisor64(linearLow: number, linearHigh: number): void;
  low: number;
  high: number;
  /** As writeLinear(…, 8, …) of words at `linear` and up, all checked before any is written. `words` are taken as 32-bit. */
  storeLinearWords(linearLow: number, linearHigh: number, words: Int32Array, count: number, supervisor: boolean): void;
  /** As readLinear of `count` 32-bit words; all read or a fault. */
  loadLinearWords(linearLow: number, linearHigh: number, words: Int32Array, count: number, supervisor: boolean): void;

  /** The linear address of `bytes` in a segment, with limit, type and canonical checks but not the paging ones. */
  linearAddress(segment: number, offset: bigint, bytes: number, access: Access): bigint;

  /**
   * linearAddress without bigints: the result is in `low` and `high`. Raises #AC, too, where an access of `bytes` does
   * (SDM Vol. 3A §6.15 "Alignment Check Exception (#AC)").
   */
  formLinear(segment: number, offsetLow: number, offsetHigh: number, bytes: number, access: Access): void;

  /** Base of a segment register as the current mode uses it: 0 for all but FS and GS in 64-bit mode. */
  segmentBase(segment: number): bigint;
  /** A guest-physical access without translation: PDPTE registers. */
  readPhysical64(gpa: number): bigint;

  /** Where the instruction after this one begins: RIP plus its length, of the code size. */
  nextRip(instruction: Instruction): bigint;

  /** Raises an exception for the guest. */
  raise(vector: number, errorCode?: number): never;

  /** Must follow a change of CR0, CR4, EFER, CS, SS, DS, ES, FS, GS, CPL, RFLAGS.VM or RFLAGS.AC. */
  updateMode(): void;
  /** Drops cached translations: all, all but global ones, or those of one linear page. */
  flushTlb(what: 'all' | 'non-global'): void;
  flushTlbPage(linear: bigint): void;

  /** RIP after the instruction; procedures that branch set STATE.rip themselves, after all checks, with `branchTo`. */
  branchTo(rip: bigint): void;
  branchToWords(ripLow: number, ripHigh: number): void;
  /** HLT or MWAIT: stops until the next event. */
  halt(): void;

  /** DR6 bits of data and I/O breakpoints that were hit and not reported yet (x86/debug.ts). */
  breakpointHits: number;

  /** The machine around the CPU. */
  readonly platform: Platform;
}

/** What a CPU asks of its surroundings: the engine's upward calls. Values are unsigned. */
export interface Platform {
  portRead(port: number, sizeBytes: 1 | 2 | 4): number;
  portWrite(port: number, sizeBytes: 1 | 2 | 4, value: number): void;
  /** MSRs that live outside the CPU core (APIC, kvmclock, …). undefined or false: #GP(0). */
  readMsr(index: number): bigint | undefined;
  writeMsr(index: number, value: bigint): boolean;
  /** TPR[7:4], as CR8. */
  readCr8(): number;
  writeCr8(value: number): void;
  readTsc(): bigint;
  writeTsc(value: bigint): void;
  /** EAX EBX ECX EDX, before the CPU's own dynamic bits (OSXSAVE, APIC id, XSAVE sizes) are filled in. */
  cpuid(leaf: number, subleaf: number): readonly [number, number, number, number];
  /** VMCALL and VMMCALL; undefined: the personality has none, #UD. */
  hypercall(number: bigint, args: readonly bigint[], cpl: number): bigint | undefined;
  /** FERR#: an unmasked x87 exception with CR0.NE clear (IRQ 13 on a PC). */
  floatError(): void;
  random(): bigint;
}
