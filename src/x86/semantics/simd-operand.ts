import type { Emitter, Vec, VecOperand } from '../emitter.ts';

/**
 * A source as most SSE instructions read it: 128-bit memory operands must be aligned, or #GP(0)
 * (SDM Vol. 1 §10.4.1.1 "SSE Data Movement Instructions", Vol. 2A §2.4 "Instruction Exception Specification").
 */
export const source = (operand: VecOperand): Vec => operand.read({ aligned: operand.bits === 128 });

/** Byte indices of vecShuffle that take `count` bytes of b:a, from byte `first` on. */
export const bytesFrom = (first: number, count = 16): readonly number[] =>
  Array.from({ length: count }, (_, i) => first + i);

/** Indices of vecShuffle that choose whole lanes of `bytes` bytes, by lane number: those of a, then those of b. */
export const lanes = (bytes: number, ...chosen: readonly number[]): readonly number[] =>
  chosen.flatMap((lane) => bytesFrom(lane * bytes, bytes));

/** The low 64 bits of a, then those of b: two MMX operands as one 128-bit vector. */
export const joinLow = (e: Emitter, a: Vec, b: Vec): Vec => e.vecBinary('unpackLow', 'i64', a, b);

/** The high half of a in both halves. */
export const highHalf = (e: Emitter, a: Vec): Vec => e.vecShuffle(a, a, lanes(8, 1, 1));

/** The low `bits` of b replace those of a. */
export const withLow = (e: Emitter, bits: 32 | 64, a: Vec, b: Vec): Vec =>
  e.vecShuffle(a, b, bits === 64 ? lanes(8, 2, 1) : lanes(4, 4, 1, 2, 3));

/** The low `bits` of a, zero above. */
export const onlyLow = (e: Emitter, bits: 32 | 64, a: Vec): Vec => withLow(e, bits, e.vecZero(), a);

/** Lanes of b where the mask is all ones, of a where it is zero. */
export const blend = (e: Emitter, mask: Vec, a: Vec, b: Vec): Vec =>
  e.vecBinary('or', 'i64', e.vecBinary('andNot', 'i64', mask, a), e.vecBinary('and', 'i64', mask, b));
