import type { IntrinsicTable } from './intrinsic.ts';
import { ARGUMENT_WORDS, overWords } from './words.ts';

/** Low and high word of the last product. */
let low = 0;
let high = 0;

/** Polynomial product over GF(2) of 32-bit factors. */
function carrylessProduct(a: number, b: number): void {
  low = 0;
  high = 0;
  for (let rest = b; rest !== 0; rest &= rest - 1) {
    const place = 31 - Math.clz32(rest & -rest);
    low ^= a << place;
    // In two steps, since a shift by 32 is none.
    high ^= (a >>> 1) >>> (31 - place);
  }
}

/** imm8[0] and imm8[4] choose the halves of destination and source: SDM Vol. 2B "PCLMULQDQ". */
export const pclmulqdqIntrinsics: IntrinsicTable = {
  PCLMULQDQ: overWords((words, at) => {
    const control = words[at + 2 * ARGUMENT_WORDS]!;
    const a = at + (control & 1) * 2;
    const b = at + ARGUMENT_WORDS + ((control >> 4) & 1) * 2;
    const [a0, a1, b0, b1] = [words[a]!, words[a + 1]!, words[b]!, words[b + 1]!];
    carrylessProduct(a0, b0);
    const [low0, low1] = [low, high];
    carrylessProduct(a1, b1);
    const [high0, high1] = [low, high];
    // Karatsuba: the middle from one product more.
    carrylessProduct(a0 ^ a1, b0 ^ b1);
    const middle0 = low ^ low0 ^ high0;
    const middle1 = high ^ low1 ^ high1;
    words[at] = low0;
    words[at + 1] = low1 ^ middle0;
    words[at + 2] = high0 ^ middle1;
    words[at + 3] = high1;
  }),
};
