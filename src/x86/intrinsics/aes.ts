import type { Intrinsic, IntrinsicTable } from './intrinsic.ts';
import { fromNumbers, toNumbers } from './lanes.ts';

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

const products = (factor: number): Readonly<Uint8Array> =>
  Uint8Array.from({ length: 256 }, (_, byte) => multiply(byte, factor));
const [BY_2, BY_3, BY_9, BY_11, BY_13, BY_14] = [2, 3, 9, 11, 13, 14].map(products) as [
  Readonly<Uint8Array>,
  Readonly<Uint8Array>,
  Readonly<Uint8Array>,
  Readonly<Uint8Array>,
  Readonly<Uint8Array>,
  Readonly<Uint8Array>,
];

type State = readonly number[];

/** Byte i of the state is row i & 3, column i >> 2; row r turns left by r columns, or right. */
const SHIFTED = Array.from({ length: 16 }, (_, i) => (i + 4 * (i & 3)) & 15);
const INVERSE_SHIFTED = Array.from({ length: 16 }, (_, i) => (i - 4 * (i & 3)) & 15);

const substitute = (state: State): State => SHIFTED.map((from) => S_BOX[state[from]!]!);
const inverseSubstitute = (state: State): State => INVERSE_SHIFTED.map((from) => INVERSE_S_BOX[state[from]!]!);

/** Byte `i`'s neighbour `step` rows below in its column. */
const below = (state: State, i: number, step: number): number => state[(i & 12) | ((i + step) & 3)]!;

const mixColumns = (state: State): State =>
  state.map((byte, i) => BY_2[byte]! ^ BY_3[below(state, i, 1)]! ^ below(state, i, 2) ^ below(state, i, 3));

const inverseMixColumns = (state: State): State =>
  state.map(
    (byte, i) => BY_14[byte]! ^ BY_11[below(state, i, 1)]! ^ BY_13[below(state, i, 2)]! ^ BY_9[below(state, i, 3)]!,
  );

/** One round: the state goes through `steps`, then the round key is added. */
const round = (...steps: readonly ((state: State) => State)[]): Intrinsic => ({
  kind: 'pure',
  evaluate: ([state, key]) =>
    fromNumbers(
      steps.reduce((s, step) => step(s), toNumbers(state!, 8) as State),
      8,
    ) ^ key!,
});

const substituteWord = (word: number): number =>
  S_BOX[word & 0xff]! |
  (S_BOX[(word >> 8) & 0xff]! << 8) |
  (S_BOX[(word >> 16) & 0xff]! << 16) |
  (S_BOX[word >>> 24]! << 24);

const rotateWord = (word: number): number => (word >>> 8) | (word << 24);

/** SDM Vol. 2A "AESKEYGENASSIST". */
function keyAssist(source: bigint, roundConstant: bigint): bigint {
  const [, x1, , x3] = toNumbers(source, 32);
  const words = [x1!, x3!].flatMap((x) => {
    const word = substituteWord(x);
    return [word, rotateWord(word) ^ Number(roundConstant)];
  });
  return fromNumbers(words, 32);
}

export const aesIntrinsics: IntrinsicTable = {
  AESENC: round(substitute, mixColumns),
  AESENCLAST: round(substitute),
  AESDEC: round(inverseSubstitute, inverseMixColumns),
  AESDECLAST: round(inverseSubstitute),
  AESIMC: { kind: 'pure', evaluate: ([a]) => fromNumbers(inverseMixColumns(toNumbers(a!, 8)), 8) },
  AESKEYGENASSIST: { kind: 'pure', evaluate: ([a, imm8]) => keyAssist(a!, imm8!) },
};
