import type { Description, Procedure, Role, Semantics } from '../semantics.ts';

/**
 * Operand codes of SDM Vol. 2D App. A.2, addressing letter and size letter.
 *
 * letter  E general register or memory by ModR/M.rm    G general register by ModR/M.reg
 *         R general register by ModR/M.rm (mod = 3)    M memory by ModR/M.rm (mod != 3)
 *         Z general register by opcode bits 2:0 (ours) B VEX.vvvv general register
 *         I immediate   J branch displacement   O memory at an absolute offset   A far pointer
 *         S segment register   C control register   D debug register   (all by ModR/M.reg)
 *         P MMX register by reg   Q MMX register or memory by rm   N MMX register by rm
 *         V XMM register by reg   W XMM register or memory by rm   U XMM register by rm
 * size    b 8   w 16   d 32   q 64   dq 128   v operand size (16/32/64)   z 16, or 32 for 32 and 64
 *         y 32, or 64 with 64-bit operand size     p far pointer   a BOUND's pair   s descriptor-table pointer
 *         t 80   bs an 8-bit immediate sign-extended to the operand size   none: no access (LEA, INVLPG)
 *         i 32 by operand size, sign-extended to it: `Iz` as used by 64-bit forms; `Iv` is the full 64-bit one of MOV.
 * Others name a fixed register (AL, AX, eAX is rAX at z, rAX at v, CL, DX) or the constant 1.
 * Vector memory: Wd Wq Ww Wdq give the memory width; V U W as registers are always whole XMM registers.
 */
type Gpr<L extends string> = `${L}${'b' | 'w' | 'd' | 'q' | 'v' | 'z' | 'y'}`;
type Fixed = 'AL' | 'CL' | 'AX' | 'DX' | 'EAX' | 'eAX' | 'rAX';
export type WritableCode = Gpr<'E' | 'G' | 'R' | 'M' | 'Z' | 'B' | 'O'> | Fixed;
export type ReadableCode = WritableCode | 'M' | `I${'b' | 'w' | 'd' | 'z' | 'v' | 'bs'}` | `J${'b' | 'z'}` | '1';
export type VectorCode = 'Pq' | 'Qq' | 'Qd' | 'Nq' | `${'V' | 'W' | 'U' | 'M'}${'w' | 'd' | 'q' | 'dq'}`;
/** Operands that only procedures take; but descriptions read Sw and Cy. */
export type SystemCode =
  | 'Ap'
  | 'Mp'
  | 'Ma'
  | 'Ms'
  | 'Mt'
  | 'Mdq'
  | 'M'
  | 'Sw'
  | 'Cy'
  | 'Dy'
  | 'Ry'
  | `M${'b' | 'w' | 'd' | 'q'}`
  | 'ES'
  | 'CS'
  | 'SS'
  | 'DS'
  | 'FS'
  | 'GS'
  | 'ST0'
  | 'STi';
export type OperandCode = ReadableCode | VectorCode | SystemCode;

type CodeFor<R extends Role> = R extends 'dst' | 'dst2'
  ? WritableCode
  : R extends 'src' | 'src2' | 'src3'
    ? ReadableCode | 'Sw' | 'Cy'
    : VectorCode;
type CodesFor<R extends readonly Role[]> = { readonly [K in keyof R]: CodeFor<R[K]> };

/** A CPUID feature that must be offered, or the form raises #UD (the MSR #GP). Names are /proc/cpuinfo's. */
export type Feature =
  | 'fpu'
  | 'cmov'
  | 'cx8'
  | 'cx16'
  | 'mmx'
  | 'sse'
  | 'sse2'
  | 'sse3'
  | 'ssse3'
  | 'sse4_1'
  | 'sse4_2'
  | 'popcnt'
  | 'aes'
  | 'pclmulqdq'
  | 'sha'
  | 'movbe'
  | 'abm'
  | 'bmi1'
  | 'bmi2'
  | 'adx'
  | 'rdrand'
  | 'rdseed'
  | 'fsgsbase'
  | 'xsave'
  | 'xsavec'
  | 'xsaveopt'
  | 'xsaves'
  | 'xgetbv1'
  | 'fxsr'
  | 'syscall'
  | 'sep'
  | 'rdtscp'
  | 'tsc_adjust'
  | 'tsc'
  | 'msr'
  | 'monitor'
  | 'clflush'
  | 'clflushopt'
  | 'clwb'
  | 'invpcid'
  | 'smap'
  | 'lm'
  | 'lahf_lm'
  | 'rdpid'
  | 'pku'
  | 'nopl'
  | 'hypervisor'
  | '486';

/** What a CPU model offers. */
export type FeatureSet = ReadonlySet<Feature>;

export interface RowOptions {
  /** LOCK is allowed when the destination is memory. */
  readonly lock?: true;
  /** Operand size is 64 by default in 64-bit mode; 32 is not encodable (PUSH, near branches: `f64` cannot be 16 either on Intel). */
  readonly d64?: true;
  readonly f64?: true;
  /** #UD in 64-bit mode, or outside it. */
  readonly i64?: true;
  readonly o64?: true;
  readonly feature?: Feature;
  /** What the same bytes mean on a CPU without `feature`, instead of #UD: LZCNT is BSR there. */
  readonly without?: Row;
  /** F2/F3 repeat this row's string instruction. */
  readonly repeat?: true;
  /** Needs FPU/MMX/SSE state enabled: #UD or #NM by CR0 and CR4 before anything else. */
  readonly unit?: 'x87' | 'mmx' | 'sse';
  /** Not in real or virtual-8086 mode (#UD). */
  readonly protectedOnly?: true;
  /** Privileged or otherwise unfit for running natively in user mode: not in the tests against the host CPU. */
  readonly system?: true;
}

export interface Row {
  readonly semantics: Semantics;
  readonly operands: readonly OperandCode[];
  readonly options: RowOptions;
}

/** Forms chosen by ModR/M.reg; each may again depend on mod and rm. */
export interface Group {
  readonly kind: 'group';
  readonly byReg: readonly (Entry | undefined)[];
}
/** Chosen by ModR/M.mod: memory or register form; `byRm` fixes rm too (0F 01 C1, D9 E8, …). */
export interface ByMod {
  readonly kind: 'byMod';
  readonly memory: Entry | undefined;
  readonly register: Entry | undefined;
  readonly byRm: readonly (Entry | undefined)[] | undefined;
}
/** Chosen by mandatory prefix: none, 66, F3, F2. `fallback` means: F2/F3 given but absent here count as `none`/`66`. */
export interface ByPrefix {
  readonly kind: 'byPrefix';
  readonly none: Entry | undefined;
  readonly p66: Entry | undefined;
  readonly f3: Entry | undefined;
  readonly f2: Entry | undefined;
}
/** Chosen by 64-bit mode or not (0x63: MOVSXD or ARPL), or by operand size. */
export interface ByMode {
  readonly kind: 'byMode';
  readonly mode64: Entry | undefined;
  readonly legacy: Entry | undefined;
}
/** Chosen by REX.W (CMPXCHG8B or CMPXCHG16B), REX.R (CR0-CR7 or CR8) or REX.B (0x90: NOP or XCHG R8, rAX). Without a REX prefix the bits are clear. */
export interface ByRex {
  readonly kind: 'byRex';
  readonly bit: 'W' | 'R' | 'B';
  readonly clear: Entry;
  readonly set: Entry;
}
export type Entry = Row | Group | ByMod | ByPrefix | ByMode | ByRex;
export type OpcodeMap = Readonly<Record<number, Entry>>;

export function op<const R extends readonly Role[]>(
  semantics: Description<R>,
  operands: CodesFor<R>,
  options?: RowOptions,
): Row;
export function op(semantics: Procedure, operands: readonly OperandCode[], options?: RowOptions): Row;
export function op(semantics: Semantics, operands: readonly OperandCode[], options: RowOptions = {}): Row {
  return { semantics, operands, options };
}

export const group = (byReg: Readonly<Record<number, Entry>>): Group => ({
  kind: 'group',
  byReg: Array.from({ length: 8 }, (_, reg) => byReg[reg]),
});

export const byMod = (forms: { memory?: Entry; register?: Entry; byRm?: Readonly<Record<number, Entry>> }): ByMod => ({
  kind: 'byMod',
  memory: forms.memory,
  register: forms.register,
  byRm: forms.byRm === undefined ? undefined : Array.from({ length: 8 }, (_, rm) => forms.byRm?.[rm] ?? forms.register),
});

export const byPrefix = (forms: { none?: Entry; p66?: Entry; f3?: Entry; f2?: Entry }): ByPrefix => ({
  kind: 'byPrefix',
  none: forms.none,
  p66: forms.p66,
  f3: forms.f3,
  f2: forms.f2,
});

export const byMode = (mode64: Entry | undefined, legacy: Entry | undefined): ByMode => ({
  kind: 'byMode',
  mode64,
  legacy,
});

export const byRex = (bit: 'W' | 'R' | 'B', forms: { clear: Entry; set: Entry }): ByRex => ({
  kind: 'byRex',
  bit,
  clear: forms.clear,
  set: forms.set,
});

/** The same row for a run of opcodes (those that carry a register or a condition). */
export const rows = (from: number, to: number, row: Row): Record<number, Row> =>
  Object.fromEntries(Array.from({ length: to - from + 1 }, (_, i) => [from + i, row]));
