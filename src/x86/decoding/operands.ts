import type { DecodedOperand } from '../instruction.ts';

/** Operands without a value of their own are shared by all instructions, so that decoding allocates little. */

type Width = 8 | 16 | 32 | 64;
const WIDTHS: readonly Width[] = [8, 16, 32, 64];
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** GPR_OPERANDS[bits >> 4 as 0 1 2 4][register]. */
export const GPR_OPERANDS: readonly (readonly DecodedOperand[])[] = numbers(5).map((slot) => {
  const width = WIDTHS.find((candidate) => candidate >> 4 === slot);
  return width === undefined ? [] : numbers(16).map((index) => ({ kind: 'gpr', index, high: false, width }));
});

/** AH CH DH BH. */
export const HIGH_BYTE_OPERANDS: readonly DecodedOperand[] = numbers(4).map((index) => ({
  kind: 'gpr',
  index,
  high: true,
  width: 8,
}));

/** MEMORY_OPERANDS[bits >> 3], up to 16 bytes. */
export const MEMORY_OPERANDS: readonly DecodedOperand[] = numbers(17).map((bytes) => ({
  kind: 'memory',
  bits: bytes * 8,
}));

/** XMM_OPERANDS[bits >> 4][register], for 16, 32, 64 and 128 bits. */
export const XMM_OPERANDS: readonly (readonly DecodedOperand[])[] = numbers(9).map((slot) =>
  numbers(16).map((index) => ({ kind: 'xmm', index, bits: slot * 16 })),
);

export const MMX_OPERANDS: readonly DecodedOperand[] = numbers(8).map((index) => ({ kind: 'mmx', index }));
export const ST_OPERANDS: readonly DecodedOperand[] = numbers(8).map((index) => ({ kind: 'st', index }));
export const SEGMENT_OPERANDS: readonly DecodedOperand[] = numbers(6).map((index) => ({ kind: 'segment', index }));
export const CONTROL_OPERANDS: readonly DecodedOperand[] = numbers(16).map((index) => ({ kind: 'control', index }));
export const DEBUG_OPERANDS: readonly DecodedOperand[] = numbers(8).map((index) => ({ kind: 'debug', index }));

/** BYTE_IMMEDIATES[byte]. */
export const BYTE_IMMEDIATES: readonly DecodedOperand[] = numbers(256).map((byte) => ({
  kind: 'immediate',
  width: 8,
  value: BigInt(byte),
}));

/** Sign-extended bytes by operand size: index (bits >> 5) * 256 + byte. */
export const SIGNED_BYTE_IMMEDIATES: readonly DecodedOperand[] = ([16, 32, 64] as const).flatMap((width) =>
  numbers(256).map(
    (byte): DecodedOperand => ({
      kind: 'immediate',
      width,
      value: BigInt.asUintN(width, BigInt.asIntN(8, BigInt(byte))),
    }),
  ),
);
