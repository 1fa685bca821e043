import type { Row } from './opcodes/row.ts';

/** An operand after decoding. */
export type DecodedOperand =
  /** General register; `high` is AH CH DH BH (index 0-3). */
  | { readonly kind: 'gpr'; readonly index: number; readonly high: boolean; readonly width: 8 | 16 | 32 | 64 }
  /** The instruction's one memory operand, formed from the `base`, `index`, … fields of the instruction. */
  | { readonly kind: 'memory'; readonly bits: number }
  /** The first (or only) immediate, already extended to `width`. */
  | { readonly kind: 'immediate'; readonly width: 8 | 16 | 32 | 64; readonly value: bigint }
  /** Branch displacement, sign-extended. */
  | { readonly kind: 'relative'; readonly displacement: number }
  /** ptr16:16, ptr16:32. */
  | { readonly kind: 'far'; readonly selector: number; readonly offset: number }
  | { readonly kind: 'xmm'; readonly index: number; readonly bits: number }
  | { readonly kind: 'mmx'; readonly index: number }
  | { readonly kind: 'st'; readonly index: number }
  | { readonly kind: 'segment' | 'control' | 'debug'; readonly index: number };

export type Repeat = 'none' | 'repe' | 'repne';

/** One decoded instruction. Fields in the order a decoder finds them. */
export interface Instruction {
  row: Row;
  /** Bytes, 1-15. */
  length: number;
  lock: boolean;
  /** F3 or F2, when the row does not use them as mandatory prefixes. */
  repeat: Repeat;
  /** Effective sizes in bits. */
  operandSize: 16 | 32 | 64;
  addressSize: 16 | 32 | 64;
  /** REX.W was given. */
  rexW: boolean;
  /** Last opcode byte, and ModR/M (0 if none). */
  opcode: number;
  modrm: number;
  /** Segment of the memory operand or the string source: override, else SS for rSP/rBP bases, else DS (SEG). */
  segment: number;
  segmentOverridden: boolean;
  /** Memory operand: register numbers or -1. */
  base: number;
  index: number;
  /** 0-3. */
  scale: number;
  /** Sign-extended; for moffs in 64-bit mode see `displacementHigh`. */
  displacement: number;
  /** Upper half of a 64-bit moffs; else the sign of `displacement`. */
  displacementHigh: number;
  ripRelative: boolean;
  /** A second immediate: ENTER's level, EXTRQ/INSERTQ's. */
  immediate2: number;
  operands: readonly DecodedOperand[];
}
