import { describe, expect, test } from 'vitest';
import { intrinsics } from './table.ts';

const call = (name: string, ...args: bigint[]): bigint => {
  const intrinsic = intrinsics[name];
  if (intrinsic?.kind !== 'pure') throw new Error(`${name} is no pure intrinsic`);
  return intrinsic.evaluate(args);
};

const text = (characters: string): bigint =>
  [...characters].reduceRight((vector, character) => (vector << 8n) | BigInt(character.charCodeAt(0)), 0n);

/** PCMPISTR: IntRes2, index, and the flags CF ZF SF OF that are set. */
function compare(a: string, b: string, control: number) {
  const [x, y, imm8] = [text(a), text(b), BigInt(control)];
  const outcome = Number(call('PCMPISTR', x, y, imm8));
  const flags = ['CF', 'ZF', 'SF', 'OF'].filter((_, n) => ((outcome >> (24 + n)) & 1) !== 0).join(' ');
  return { result: outcome & 0xffff, index: (outcome >> 16) & 31, flags };
}

const full = 'sixteen letters!';

test.each([
  ['equal any: first vowel', 'aeiou', 'xyzoa', 0x00, { result: 0b11000, index: 3, flags: 'CF ZF SF' }],
  ['equal any, last', 'aeiou', 'xyzoa', 0x40, { result: 0b11000, index: 4, flags: 'CF ZF SF' }],
  ['equal any: none', 'q', full, 0x00, { result: 0, index: 16, flags: 'SF' }],
  ['ranges: digits', '09', 'a1b2', 0x04, { result: 0b1010, index: 1, flags: 'CF ZF SF' }],
  ['ranges, signed', '\x80\x00', '\xffa', 0x06, { result: 0, index: 16, flags: 'ZF SF' }],
  ['equal each', 'abcd', 'abxd', 0x08, { result: 0xfffb, index: 0, flags: 'CF ZF SF OF' }],
  ['equal each, negative: first difference', 'abcd', 'abxd', 0x18, { result: 4, index: 2, flags: 'CF ZF SF' }],
  ['equal each, masked negative', 'ab', 'abc', 0x38, { result: 0xfffc, index: 2, flags: 'CF ZF SF' }],
  ['equal ordered: substring', 'ab', 'xxabab', 0x0c, { result: 0b010100, index: 2, flags: 'CF ZF SF' }],
  ['equal ordered at the end', '!?', full, 0x0c, { result: 0x8000, index: 15, flags: 'CF SF' }],
  ['equal ordered: empty needle', '', full, 0x0c, { result: 0xffff, index: 0, flags: 'CF SF OF' }],
])('PCMPISTR %s', (_, a, b, control, expected) => {
  expect(compare(a, b, control)).toEqual(expected);
});

describe('PCMPESTR with explicit lengths', () => {
  test.each([
    [3n, 4n, 'ZF SF'],
    [-16n, 16n, ''],
    [1n << 40n, -(1n << 63n), ''],
  ])('of %d and %d sets ZF and SF by their absolute values', (lengthA, lengthB, flags) => {
    const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
    const outcome = call('PCMPESTR', 0n, 0n, 0n, unsigned(lengthA), unsigned(lengthB));
    const names = ['ZF', 'SF'].filter((_, n) => ((outcome >> BigInt(25 + n)) & 1n) !== 0n);
    expect(names.join(' ')).toBe(flags);
  });
});

test('PCMPSTR.mask gives bits, bytes or words', () => {
  expect(call('PCMPSTR.mask', 0b101n, 0x00n)).toBe(0b101n);
  expect(call('PCMPSTR.mask', 0b101n, 0x40n)).toBe(0xff00ffn);
  expect(call('PCMPSTR.mask', 0b101n, 0x41n)).toBe(0xffff0000ffffn);
});
