import type { Intrinsic, IntrinsicTable } from './intrinsic.ts';
import { fromNumbers, toNumbers } from './lanes.ts';

const pure = (evaluate: (args: readonly bigint[]) => bigint): Intrinsic => ({ kind: 'pure', evaluate });

/** The least unsigned word, and its number above it: SDM Vol. 2B "PHMINPOSUW". */
function leastWord(a: bigint): bigint {
  const words = toNumbers(a, 16);
  const least = Math.min(...words);
  return fromNumbers([least, words.indexOf(least)], 16);
}

/** Sums of absolute differences of four bytes of b with those of a at eight places: SDM Vol. 2B "MPSADBW". */
function multipleSums(a: bigint, b: bigint, control: bigint): bigint {
  // imm8: [2] first byte of a / 4  [1:0] first byte of b / 4
  const block = toNumbers(b, 8).slice(Number(control & 3n) * 4);
  const bytes = toNumbers(a, 8).slice(Number((control >> 2n) & 1n) * 4);
  const sumAt = (place: number): number =>
    [0, 1, 2, 3].reduce((sum, i) => sum + Math.abs(bytes[place + i]! - block[i]!), 0);
  return fromNumbers([0, 1, 2, 3, 4, 5, 6, 7].map(sumAt), 16);
}

export const vectorIntrinsics: IntrinsicTable = {
  PHMINPOSUW: pure(([a]) => leastWord(a!)),
  /** destination, source, imm8 */
  MPSADBW: pure(([a, b, control]) => multipleSums(a!, b!, control!)),
};
