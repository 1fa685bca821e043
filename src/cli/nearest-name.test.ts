import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearestName } from './nearest-name.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['run', 'rnu', 2],
    ['memory', 'memry', 1],
  ])('%j and %j are %i apart', (from, to, edits) => {
    expect(editDistance(from, to)).toBe(edits);
  });

  it('is symmetric, and 0 only for equal words', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});

it.each([
  ['rnu', 'run'],
  ['tets', 'test'],
  ['docter', 'doctor'],
  ['ps', null],
  ['frobnicate', null],
])('nearestName of %j is %j', (word, name) => {
  expect(nearestName(word, ['run', 'test', 'doctor'])).toBe(name);
});
