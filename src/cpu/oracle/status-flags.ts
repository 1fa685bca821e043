import type { FlagRule, Width } from '../../x86/emitter.ts';
import { RFLAGS } from '../../x86/state.ts';

/** Status flags from their definitions, SDM Vol. 1 §3.4.3.1 "Status Flags", not from the lazy formulas of state.ts. */

export const FLAG_BITS = {
  CF: RFLAGS.CF,
  PF: RFLAGS.PF,
  AF: RFLAGS.AF,
  ZF: RFLAGS.ZF,
  SF: RFLAGS.SF,
  OF: RFLAGS.OF,
} as const;

/** ZF, SF and PF of a result. */
export function resultFlags(result: bigint, width: Width): number {
  let ones = 0;
  for (let at = 0n; at < 8n; at++) ones += Number((result >> at) & 1n);
  return (
    (result === 0n ? RFLAGS.ZF : 0) |
    (BigInt.asIntN(width, result) < 0n ? RFLAGS.SF : 0) |
    (ones % 2 === 0 ? RFLAGS.PF : 0)
  );
}

/** a, b and r unsigned; r = a ± b ± carry of the width. */
export interface FlagOperands {
  readonly a: bigint;
  readonly b: bigint;
  readonly r: bigint;
  readonly width: Width;
}

/** What carry or borrow went in, recovered from the result: 0 or 1. */
const carryIn = ({ a, b, r, width }: FlagOperands, sign: 1n | -1n): bigint =>
  BigInt.asUintN(width, sign * (r - (a + sign * b)));

/** Carry out of `bits` low bits (borrow for a subtraction). */
function carryOut(operands: FlagOperands, sign: 1n | -1n, bits: number): boolean {
  const low = (value: bigint): bigint => BigInt.asUintN(bits, value);
  const exact = low(operands.a) + sign * (low(operands.b) + carryIn(operands, sign));
  return exact < 0n || exact >= 1n << BigInt(bits);
}

/** The signed result does not fit. */
function overflow(operands: FlagOperands, sign: 1n | -1n): boolean {
  const { width } = operands;
  const signed = (value: bigint): bigint => BigInt.asIntN(width, value);
  const exact = signed(operands.a) + sign * (signed(operands.b) + carryIn(operands, sign));
  return exact !== signed(exact);
}

/** All six flags; INC and DEC keep CF of `before`. */
export function statusFlags(rule: FlagRule, operands: FlagOperands, before: number): number {
  const flags = resultFlags(operands.r, operands.width);
  if (rule === 'logic') return flags;
  const sign = rule === 'add' || rule === 'inc' ? 1n : -1n;
  const keepsCarry = rule === 'inc' || rule === 'dec';
  const carry = keepsCarry ? (before & RFLAGS.CF) !== 0 : carryOut(operands, sign, operands.width);
  return (
    flags |
    (carry ? RFLAGS.CF : 0) |
    (carryOut(operands, sign, 4) ? RFLAGS.AF : 0) |
    (overflow(operands, sign) ? RFLAGS.OF : 0)
  );
}
