import type { Intrinsic } from './intrinsic.ts';

/** Distance of arguments in the scratch of intrinsics, in 32-bit words; the result takes the first one's place. */
export const ARGUMENT_WORDS = 8;

const MOST_ARGUMENTS = 6;
const WORD = 0xffff_ffffn;

/**
 * A pure intrinsic on 32-bit words, for those that programs run often: `inPlace` finds argument i at
 * `at + i * ARGUMENT_WORDS`, lowest word first, and leaves all four words of the result at `at`.
 */
export const overWords = (inPlace: (words: Int32Array, at: number) => void): Intrinsic => ({
  kind: 'pure',
  inPlace,
  evaluate: (args) => {
    const words = new Int32Array(MOST_ARGUMENTS * ARGUMENT_WORDS);
    args.forEach((argument, i) => {
      for (let n = 0; n < 4; n++) {
        words[i * ARGUMENT_WORDS + n] = Number((argument >> BigInt(32 * n)) & WORD);
      }
    });
    inPlace(words, 0);
    return words.subarray(0, 4).reduceRight((value, word) => (value << 32n) | BigInt(word >>> 0), 0n);
  },
});

/** A result of up to 32 bits. */
export function setResult(words: Int32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = 0;
  words[at + 2] = 0;
  words[at + 3] = 0;
}
