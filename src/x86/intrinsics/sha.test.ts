import { expect, test } from 'vitest';
import { intrinsics } from './table.ts';

const call = (name: string, ...args: bigint[]): bigint => {
  const intrinsic = intrinsics[name];
  if (intrinsic?.kind !== 'pure') throw new Error(`${name} is no pure intrinsic`);
  return intrinsic.evaluate(args);
};

/** Words from the highest lane down, as the manual writes them. */
const words = (...values: number[]): bigint => values.reduce((vector, word) => (vector << 32n) | BigInt(word), 0n);
const addWords = (a: bigint, b: bigint): bigint => {
  let sum = 0n;
  for (let lane = 0n; lane < 128n; lane += 32n) sum |= BigInt.asUintN(32, (a >> lane) + (b >> lane)) << lane;
  return sum;
};
const hex = (...vectors: bigint[]): string => vectors.map((vector) => vector.toString(16).padStart(32, '0')).join('');

/** One block: "abc", the bit 1, zeros, and the length 24 (FIPS 180-4 §5.1.1). */
const MESSAGE = [0x61626380, ...new Array<number>(14).fill(0), 24];
const groupOf = (i: number): readonly number[] => MESSAGE.slice(4 * i, 4 * i + 4);

test('SHA1RNDS4, SHA1NEXTE, SHA1MSG1 and SHA1MSG2 hash "abc"', () => {
  const initial = words(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  const e0 = words(0xc3d2e1f0, 0, 0, 0);
  const schedule = [0, 1, 2, 3].map((i) => words(...groupOf(i)));
  for (let i = 4; i < 20; i++) {
    const mixed = call('SHA1MSG1', schedule[i - 4]!, schedule[i - 3]!) ^ schedule[i - 2]!;
    schedule.push(call('SHA1MSG2', mixed, schedule[i - 1]!));
  }
  let state = initial;
  let e = addWords(e0, schedule[0]!);
  for (let i = 0; i < 20; i++) {
    const before = state;
    state = call('SHA1RNDS4', state, e, BigInt(Math.floor(i / 5)));
    e = i < 19 ? call('SHA1NEXTE', before, schedule[i + 1]!) : call('SHA1NEXTE', before, e0);
  }
  const last = (e >> 96n).toString(16).padStart(8, '0');
  expect(hex(addWords(state, initial)) + last).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
});

/** First 32 bits of the fractions of cube roots of primes (FIPS 180-4 §4.2.2). */
function roundConstants(): readonly number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes.map((prime) => {
    // the cube root of prime * 2^96, by bisection
    let [low, high] = [0n, 1n << 36n];
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (middle ** 3n <= BigInt(prime) << 96n) low = middle;
      else high = middle;
    }
    return Number(low & 0xffff_ffffn);
  });
}

test('SHA256RNDS2, SHA256MSG1 and SHA256MSG2 hash "abc"', () => {
  const k = roundConstants();
  // lanes upwards are later words
  const schedule = [0, 1, 2, 3].map((i) => words(...groupOf(i).toReversed()));
  for (let i = 4; i < 16; i++) {
    const [a, b, c, d] = schedule.slice(i - 4) as [bigint, bigint, bigint, bigint];
    const w7 = BigInt.asUintN(128, (d << 96n) | (c >> 32n));
    schedule.push(call('SHA256MSG2', addWords(call('SHA256MSG1', a, b), w7), d));
  }
  const abef = words(0x6a09e667, 0xbb67ae85, 0x510e527f, 0x9b05688c);
  const cdgh = words(0x3c6ef372, 0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
  let [low, high] = [cdgh, abef];
  for (let i = 0; i < 16; i++) {
    const wk = addWords(schedule[i]!, words(...k.slice(4 * i, 4 * i + 4).toReversed()));
    [low, high] = [high, call('SHA256RNDS2', low, high, wk)];
    [low, high] = [high, call('SHA256RNDS2', low, high, wk >> 64n)];
  }
  const digest = hex(addWords(high, abef), addWords(low, cdgh)).match(/.{8}/g)!;
  const [a, b, e, f, c, d, g, h] = digest;
  expect([a, b, c, d, e, f, g, h].join('')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
