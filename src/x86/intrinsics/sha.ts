import type { IntrinsicTable } from './intrinsic.ts';
import { ARGUMENT_WORDS, overWords } from './words.ts';

/** SHA extensions: SDM Vol. 2B "SHA1RNDS4" and following, FIPS 180-4. Words are numbered from the lowest lane. */

const rotateLeft = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
const rotateRight = (x: number, n: number): number => rotateLeft(x, 32 - n);

const choose = (x: number, y: number, z: number): number => (x & y) ^ (~x & z);
const parity = (x: number, y: number, z: number): number => x ^ y ^ z;
const majority = (x: number, y: number, z: number): number => (x & y) ^ (x & z) ^ (y & z);

/** Function and constant of SHA-1's four groups of rounds (FIPS 180-4 §4.1.1, §4.2.1). */
const SHA1_GROUPS = [
  { f: choose, k: 0x5a827999 },
  { f: parity, k: 0x6ed9eba1 },
  { f: majority, k: 0x8f1bbcdc },
  { f: parity, k: 0xca62c1d6 },
] as const;

const B = ARGUMENT_WORDS;
const THIRD = 2 * ARGUMENT_WORDS;

/** Writes the result, lowest lane first. */
function set(words: Int32Array, at: number, w0: number, w1: number, w2: number, w3: number): void {
  words[at] = w0;
  words[at + 1] = w1;
  words[at + 2] = w2;
  words[at + 3] = w3;
}

/** State D C B A; message W3 W2 W1 and W0 + E; group. */
function sha1Rounds(words: Int32Array, at: number): void {
  const { f, k } = SHA1_GROUPS[(words[at + THIRD]! & 3) as 0 | 1 | 2 | 3];
  let d = words[at]!;
  let c = words[at + 1]!;
  let b = words[at + 2]!;
  let a = words[at + 3]!;
  let e = 0;
  for (let n = 3; n >= 0; n--) {
    const next = (f(b, c, d) + rotateLeft(a, 5) + words[at + B + n]! + e + k) | 0;
    e = d;
    d = c;
    c = rotateLeft(b, 30);
    b = a;
    a = next;
  }
  set(words, at, d, c, b, a);
}

function sha1Schedule1(words: Int32Array, at: number): void {
  const a0 = words[at]!;
  const a1 = words[at + 1]!;
  const b2 = words[at + B + 2]!;
  const b3 = words[at + B + 3]!;
  set(words, at, b2 ^ a0, b3 ^ a1, a0 ^ words[at + 2]!, a1 ^ words[at + 3]!);
}

function sha1Schedule2(words: Int32Array, at: number): void {
  const w16 = rotateLeft(words[at + 3]! ^ words[at + B + 2]!, 1);
  const w17 = rotateLeft(words[at + 2]! ^ words[at + B + 1]!, 1);
  const w18 = rotateLeft(words[at + 1]! ^ words[at + B]!, 1);
  const w19 = rotateLeft(words[at]! ^ w16, 1);
  set(words, at, w19, w18, w17, w16);
}

function sha1NextE(words: Int32Array, at: number): void {
  const e = rotateLeft(words[at + 3]!, 30);
  set(words, at, words[at + B]!, words[at + B + 1]!, words[at + B + 2]!, words[at + B + 3]! + e);
}

/** FIPS 180-4 §4.1.2. */
const bigSigma0 = (x: number): number => rotateRight(x, 2) ^ rotateRight(x, 13) ^ rotateRight(x, 22);
const bigSigma1 = (x: number): number => rotateRight(x, 6) ^ rotateRight(x, 11) ^ rotateRight(x, 25);
const sigma0 = (x: number): number => rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x >>> 3);
const sigma1 = (x: number): number => rotateRight(x, 17) ^ rotateRight(x, 19) ^ (x >>> 10);

/** State H G D C, then F E B A; third, W + K of two rounds in its low words. */
function sha256Rounds(words: Int32Array, at: number): void {
  let h = words[at]!;
  let g = words[at + 1]!;
  let d = words[at + 2]!;
  let c = words[at + 3]!;
  let f = words[at + B]!;
  let e = words[at + B + 1]!;
  let b = words[at + B + 2]!;
  let a = words[at + B + 3]!;
  for (let n = 0; n < 2; n++) {
    const t1 = (h + bigSigma1(e) + choose(e, f, g) + words[at + THIRD + n]!) | 0;
    const t2 = (bigSigma0(a) + majority(a, b, c)) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  set(words, at, f, e, b, a);
}

function sha256Schedule1(words: Int32Array, at: number): void {
  // Ascending: each word needs the next one's old value.
  for (let n = 0; n < 4; n++) words[at + n]! += sigma0(n < 3 ? words[at + n + 1]! : words[at + B]!);
}

function sha256Schedule2(words: Int32Array, at: number): void {
  const w16 = (words[at]! + sigma1(words[at + B + 2]!)) | 0;
  const w17 = (words[at + 1]! + sigma1(words[at + B + 3]!)) | 0;
  set(words, at, w16, w17, words[at + 2]! + sigma1(w16), words[at + 3]! + sigma1(w17));
}

export const shaIntrinsics: IntrinsicTable = {
  SHA1RNDS4: overWords(sha1Rounds),
  SHA1NEXTE: overWords(sha1NextE),
  SHA1MSG1: overWords(sha1Schedule1),
  SHA1MSG2: overWords(sha1Schedule2),
  SHA256RNDS2: overWords(sha256Rounds),
  SHA256MSG1: overWords(sha256Schedule1),
  SHA256MSG2: overWords(sha256Schedule2),
};
