import { expect, test } from 'vitest';
import { intrinsics } from './table.ts';

/** Bytes in memory order, as the vector that a load of them gives. */
const vector = (hex: string): bigint => BigInt(`0x${hex.match(/../g)!.toReversed().join('')}`);

const call = (name: string, ...args: bigint[]): bigint => {
  const intrinsic = intrinsics[name];
  if (intrinsic?.kind !== 'pure') throw new Error(`${name} is no pure intrinsic`);
  return intrinsic.evaluate(args);
};

const ROUND_CONSTANTS = [1n, 2n, 4n, 8n, 16n, 32n, 64n, 128n, 27n, 54n];
const WORD = 0xffff_ffffn;

/** Key expansion of AES-128 as programs do it with AESKEYGENASSIST. */
function expandKey(key: bigint): readonly bigint[] {
  const keys = [key];
  for (const constant of ROUND_CONSTANTS) {
    let word = (call('AESKEYGENASSIST', keys.at(-1)!, constant) >> 96n) & WORD;
    let next = 0n;
    for (let lane = 0n; lane < 128n; lane += 32n) {
      word ^= (keys.at(-1)! >> lane) & WORD;
      next |= word << lane;
    }
    keys.push(next);
  }
  return keys;
}

// FIPS 197 Appendix C.1
const KEY = vector('000102030405060708090a0b0c0d0e0f');
const PLAIN = vector('00112233445566778899aabbccddeeff');
const CIPHER = vector('69c4e0d86a7b0430d8cdb78070b4c55a');

test('AESENC and AESKEYGENASSIST encrypt the example of FIPS 197', () => {
  const keys = expandKey(KEY);
  let state = PLAIN ^ keys[0]!;
  for (const key of keys.slice(1, 10)) state = call('AESENC', state, key);
  expect(call('AESENCLAST', state, keys[10]!)).toBe(CIPHER);
});

test('AESDEC with keys from AESIMC decrypts it', () => {
  const keys = expandKey(KEY).toReversed();
  let state = CIPHER ^ keys[0]!;
  for (const key of keys.slice(1, 10)) state = call('AESDEC', state, call('AESIMC', key));
  expect(call('AESDECLAST', state, keys[10]!)).toBe(PLAIN);
});
