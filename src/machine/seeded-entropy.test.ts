import { expect, test } from 'vitest';
import { seededEntropy } from './seeded-entropy.ts';

const take = (seed: number, count: number) => {
  const bytes = new Uint8Array(count);
  seededEntropy(seed)(bytes);
  return bytes;
};

test('seededEntropy repeats itself, and differs by seed', () => {
  expect(take(1, 64)).toEqual(take(1, 64));
  expect(take(1, 64)).not.toEqual(take(2, 64));
});

test('seededEntropy uses every byte value, also from seed 0', () => {
  expect(new Set(take(0, 10_000)).size).toBe(256);
});
