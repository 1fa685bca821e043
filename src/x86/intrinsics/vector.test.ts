import { expect, test } from 'vitest';
import { fromNumbers } from './lanes.ts';
import { intrinsics } from './table.ts';

const call = (name: string, ...args: bigint[]): bigint => {
  const intrinsic = intrinsics[name];
  if (intrinsic?.kind !== 'pure') throw new Error(`${name} is no pure intrinsic`);
  return intrinsic.evaluate(args);
};

test('PHMINPOSUW gives the first of the least words', () => {
  expect(call('PHMINPOSUW', fromNumbers([9, 0xffff, 3, 7, 3, 8, 8, 8], 16))).toBe(0x0002_0003n);
});

test('MPSADBW slides a block of the source over the destination', () => {
  const a = fromNumbers([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 8);
  const b = fromNumbers([0, 0, 0, 0, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0], 8);
  expect(call('MPSADBW', a, b, 0b001n)).toBe(fromNumbers([16, 12, 8, 4, 0, 4, 8, 12], 16));
  expect(call('MPSADBW', a, b, 0b101n)).toBe(fromNumbers([0, 4, 8, 12, 16, 20, 24, 28], 16));
});

// The example of Intel's white paper on carry-less multiplication, Figure 8.
const A = 0x7b5b54657374566563746f725d53475dn;
const B = 0x48692853686179295b477565726f6e5dn;
test.each([
  [0x00n, 0x1d4d84c85c3440c0929633d5d36f0451n],
  [0x01n, 0x1a2bf6db3a30862fbabf262df4b7d5c9n],
  [0x10n, 0x1bd17c8d556ab5a17fa540ac2a281315n],
  [0x11n, 0x1d1e1f2c592e7c45d66ee03e410fd4edn],
])('PCLMULQDQ %i', (imm8, product) => {
  expect(call('PCLMULQDQ', A, B, imm8)).toBe(product);
});
