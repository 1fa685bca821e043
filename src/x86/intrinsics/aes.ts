import type { Intrinsic, IntrinsicTable } from './intrinsic.ts';
import { ARGUMENT_WORDS, overWords } from './words.ts';

/** AES-NI: SDM Vol. 1 §12.13 "Intel Advanced Encryption Standard Instructions", FIPS 197. */

/** Product by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
const timesX = (a: number): number => ((a << 1) ^ ((a & 0x80) !== 0 ? 0x11b : 0)) & 0xff;

function multiply(a: number, b: number): number {
  let product = 0;
  for (let factor = a, rest = b; rest !== 0; rest >>= 1, factor = timesX(factor)) if (rest & 1) product ^= factor;
  return product;
}

/** Powers of the generator 3: the inverse of POWERS[n] is POWERS[255 - n]. */
const POWERS = new Uint8Array(256);
for (let n = 0, power = 1; n < 256; n++, power ^= timesX(power)) POWERS[n] = power;
const INVERSES = new Uint8Array(256);
POWERS.forEach((power, n) => {
  INVERSES[power] = POWERS[255 - n]!;
});

/** The affine transformation of the inverse (FIPS 197 §5.1.1). */
const S_BOX = INVERSES.map((inverse) => {
  let result = 0x63;
  for (let turn = 0; turn < 5; turn++) result ^= (inverse << turn) | (inverse >> (8 - turn));
  return result & 0xff;
});
const INVERSE_S_BOX = new Uint8Array(256);
S_BOX.forEach((value, byte) => {
  INVERSE_S_BOX[value] = byte;
});

const products = (factor: number): Uint8Array => Uint8Array.from({ length: 256 }, (_, byte) => multiply(byte, factor));
const [BY_1, BY_2, BY_3] = [products(1), products(2), products(3)];
const [BY_9, BY_11, BY_13, BY_14] = [products(9), products(11), products(13), products(14)];

/** Byte i of the state is row i & 3, column i >> 2; row r turns left by r columns, or right. */
const SHIFTED = Uint8Array.from({ length: 16 }, (_, i) => (i + 4 * (i & 3)) & 15);
const INVERSE_SHIFTED = Uint8Array.from({ length: 16 }, (_, i) => (i - 4 * (i & 3)) & 15);

/** The state, and what a step makes of it. Module state, so that a round allocates nothing. */
const state = new Uint8Array(16);
const substituted = new Uint8Array(16);

function load(words: Int32Array, at: number): void {
  for (let i = 0; i < 16; i++) state[i] = words[at + (i >> 2)]! >> (8 * (i & 3));
}

/** Rows shifted and bytes substituted, from `state` to `substituted`. */
function substitute(from: Uint8Array, box: Uint8Array): void {
  for (let i = 0; i < 16; i++) substituted[i] = box[state[from[i]!]!]!;
}

const wordOf = (bytes: Uint8Array, i: number): number =>
  bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);

/** A column whose first byte is `i`, mixed: row r is the sum of the column's bytes, r, r + 1, …, times the factors. */
function mixed(bytes: Uint8Array, i: number, factors: readonly Uint8Array[]): number {
  let word = 0;
  for (let row = 0; row < 4; row++) {
    let byte = 0;
    for (let step = 0; step < 4; step++) byte ^= factors[step]![bytes[i + ((row + step) & 3)]!]!;
    word |= byte << (8 * row);
  }
  return word;
}

const MIX = [BY_2, BY_3, BY_1, BY_1];
const INVERSE_MIX = [BY_14, BY_11, BY_13, BY_9];

interface Round {
  readonly shifted: Uint8Array;
  readonly box: Uint8Array;
  /** The last round does not mix columns. */
  readonly mix?: readonly Uint8Array[];
}

/** state, round key */
const round = ({ shifted, box, mix }: Round): Intrinsic =>
  overWords((words, at) => {
    load(words, at);
    substitute(shifted, box);
    for (let n = 0; n < 4; n++) {
      const word = mix === undefined ? wordOf(substituted, 4 * n) : mixed(substituted, 4 * n, mix);
      words[at + n] = word ^ words[at + ARGUMENT_WORDS + n]!;
    }
  });

const substituteWord = (word: number): number =>
  S_BOX[word & 0xff]! |
  (S_BOX[(word >> 8) & 0xff]! << 8) |
  (S_BOX[(word >> 16) & 0xff]! << 16) |
  (S_BOX[word >>> 24]! << 24);

const rotateWord = (word: number): number => (word >>> 8) | (word << 24);

const forward = { shifted: SHIFTED, box: S_BOX };
const backward = { shifted: INVERSE_SHIFTED, box: INVERSE_S_BOX };

export const aesIntrinsics: IntrinsicTable = {
  AESENC: round({ ...forward, mix: MIX }),
  AESENCLAST: round(forward),
  AESDEC: round({ ...backward, mix: INVERSE_MIX }),
  AESDECLAST: round(backward),
  AESIMC: overWords((words, at) => {
    load(words, at);
    for (let n = 0; n < 4; n++) words[at + n] = mixed(state, 4 * n, INVERSE_MIX);
  }),
  /** source, round constant: SDM Vol. 2A "AESKEYGENASSIST". */
  AESKEYGENASSIST: overWords((words, at) => {
    const low = substituteWord(words[at + 1]!);
    const high = substituteWord(words[at + 3]!);
    const constant = words[at + ARGUMENT_WORDS]!;
    words[at] = low;
    words[at + 1] = rotateWord(low) ^ constant;
    words[at + 2] = high;
    words[at + 3] = rotateWord(high) ^ constant;
  }),
};
