import type { Intrinsic, IntrinsicTable } from './intrinsic.ts';
import { fromNumbers, toNumbers } from './lanes.ts';

/** SHA extensions: SDM Vol. 2B "SHA1RNDS4" and following, FIPS 180-4. Words are numbered from the lowest lane. */

type Words = readonly number[];

const overWords = (evaluate: (a: Words, b: Words, third: bigint) => Words): Intrinsic => ({
  kind: 'pure',
  evaluate: ([a, b, third]) => fromNumbers(evaluate(toNumbers(a!, 32), toNumbers(b!, 32), third ?? 0n), 32),
});

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

/** a: D C B A; b: W3 W2 W1 and W0 + E. */
function sha1Rounds(state: Words, message: Words, imm8: bigint): Words {
  const { f, k } = SHA1_GROUPS[Number(imm8 & 3n) as 0 | 1 | 2 | 3];
  let [d, c, b, a] = state as [number, number, number, number];
  let e = 0;
  for (const w of message.toReversed()) {
    const next = (f(b, c, d) + rotateLeft(a, 5) + w + e + k) | 0;
    [a, b, c, d, e] = [next, a, rotateLeft(b, 30), c, d];
  }
  return [d, c, b, a];
}

function sha1Schedule2(a: Words, b: Words): Words {
  const w16 = rotateLeft(a[3]! ^ b[2]!, 1);
  const w17 = rotateLeft(a[2]! ^ b[1]!, 1);
  const w18 = rotateLeft(a[1]! ^ b[0]!, 1);
  const w19 = rotateLeft(a[0]! ^ w16, 1);
  return [w19, w18, w17, w16];
}

/** FIPS 180-4 §4.1.2. */
const bigSigma0 = (x: number): number => rotateRight(x, 2) ^ rotateRight(x, 13) ^ rotateRight(x, 22);
const bigSigma1 = (x: number): number => rotateRight(x, 6) ^ rotateRight(x, 11) ^ rotateRight(x, 25);
const sigma0 = (x: number): number => rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x >>> 3);
const sigma1 = (x: number): number => rotateRight(x, 17) ^ rotateRight(x, 19) ^ (x >>> 10);

/** a: H G D C; b: F E B A; third: W + K of two rounds in its low words. */
function sha256Rounds(low: Words, high: Words, inputs: bigint): Words {
  let [h, g, d, c] = low as [number, number, number, number];
  let [f, e, b, a] = high as [number, number, number, number];
  for (const wk of toNumbers(inputs, 32).slice(0, 2)) {
    const t1 = (h + bigSigma1(e) + choose(e, f, g) + wk) | 0;
    const t2 = (bigSigma0(a) + majority(a, b, c)) | 0;
    [a, b, c, d, e, f, g, h] = [(t1 + t2) | 0, a, b, c, (d + t1) | 0, e, f, g];
  }
  return [f, e, b, a];
}

function sha256Schedule2(a: Words, b: Words): Words {
  const w16 = (a[0]! + sigma1(b[2]!)) | 0;
  const w17 = (a[1]! + sigma1(b[3]!)) | 0;
  const w18 = (a[2]! + sigma1(w16)) | 0;
  const w19 = (a[3]! + sigma1(w17)) | 0;
  return [w16, w17, w18, w19];
}

export const shaIntrinsics: IntrinsicTable = {
  SHA1RNDS4: overWords(sha1Rounds),
  SHA1NEXTE: overWords((a, [b0, b1, b2, b3]) => [b0!, b1!, b2!, (b3! + rotateLeft(a[3]!, 30)) | 0]),
  SHA1MSG1: overWords((a, b) => [b[2]! ^ a[0]!, b[3]! ^ a[1]!, a[0]! ^ a[2]!, a[1]! ^ a[3]!]),
  SHA1MSG2: overWords(sha1Schedule2),
  SHA256RNDS2: overWords(sha256Rounds),
  SHA256MSG1: overWords((a, b) => a.map((w, n) => (w + sigma0(n < 3 ? a[n + 1]! : b[0]!)) | 0)),
  SHA256MSG2: overWords(sha256Schedule2),
};
