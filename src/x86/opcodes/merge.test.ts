import { expect, test } from 'vitest';
import { describe } from '../semantics.ts';
import { mergeMaps } from './merge.ts';
import { byMod, byPrefix, type Entry, group, op } from './row.ts';

const row = (name: string, code: 'Ev' | 'Mv' | 'Rv' = 'Ev') =>
  op(
    describe(name, ['src'], () => {}),
    [code],
  );
const union = (...entries: Entry[]) =>
  mergeMaps(
    '0f',
    entries.map((entry) => ({ 174: entry })),
  )[0xae];

const a = row('A');
const b = row('B');
const inMemory = row('INMEMORY', 'Mv');
const inRegister = row('INREGISTER', 'Rv');

test.each<[string, Entry[], Entry]>([
  ['groups by reg', [group({ 0: a }), group({ 7: b })], group({ 0: a, 7: b })],
  ['forms by prefix', [byPrefix({ none: a }), byPrefix({ f3: b })], byPrefix({ none: a, f3: b })],
  ['forms by mod', [byMod({ memory: a }), byMod({ register: b })], byMod({ memory: a, register: b })],
  ['forms by rm', [byMod({ byRm: { 0: a } }), byMod({ byRm: { 1: b } })], byMod({ byRm: { 0: a, 1: b } })],
  ['rows of memory and registers', [inMemory, inRegister], byMod({ memory: inMemory, register: inRegister })],
])('mergeMaps unites %s', (_, parts, expected) => {
  expect(union(...parts)).toEqual(expected);
  expect(union(...parts.toReversed())).toEqual(expected);
});

test('mergeMaps wraps an entry in the choices it lacks', () => {
  const united = union(group({ 0: inMemory }), group({ 0: byPrefix({ f3: inRegister }) }));
  const both = byMod({ memory: inMemory, register: inRegister });
  const expected = byPrefix({ none: inMemory, p66: inMemory, f3: both, f2: inMemory });
  expect(united).toEqual(group({ 0: expected }));
});

test('mergeMaps moves a choice outwards that the other entry makes earlier', () => {
  const united = union(byMod({ register: byPrefix({ none: a, p66: a }) }), byPrefix({ f3: byMod({ register: b }) }));
  const register = (entry: Entry) => byMod({ register: entry });
  expect(united).toMatchObject({ none: register(a), p66: register(a), f3: register(b) });
});

test('mergeMaps names the encoding that two rows claim', () => {
  expect(() => union(group({ 2: a }), group({ 2: b }))).toThrow('0f ae /2 is both A and B');
  expect(() => union(byPrefix({ p66: a }), byPrefix({ p66: b }))).toThrow('prefix p66');
});
