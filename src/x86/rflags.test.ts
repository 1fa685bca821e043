import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRflags, writeRflags } from './rflags.ts';
import { RFLAGS, STATE } from './state.ts';

const ALL = 0x3f_7fd7;

test('readRflags gives back what writeRflags stored, with bit 1 set and reserved bits clear', () => {
  const words = new Int32Array(STATE.SIZE_BYTES / 4);
  fc.assert(
    fc.property(fc.integer(), (value) => {
      writeRflags(words, value);
      expect(readRflags(words)).toBe((value & ALL) | RFLAGS.FIXED);
    }),
  );
});

test.each([
  { name: 'ZF and PF of zero', low: 0, high: 0, aux: 0, flags: RFLAGS.ZF | RFLAGS.PF },
  { name: 'SF of a sign-extended negative', low: 0x80, high: -1, aux: 0, flags: RFLAGS.SF },
  { name: 'CF without OF', low: 3, high: 0, aux: 0xc000_0000 | 0, flags: RFLAGS.CF | RFLAGS.PF },
  { name: 'CF and OF', low: 1, high: 0, aux: 0x8000_0000 | 0, flags: RFLAGS.CF | RFLAGS.OF },
  { name: 'OF without CF', low: 1, high: 0, aux: 0x4000_0000, flags: RFLAGS.OF },
  { name: 'AF', low: 1, high: 0, aux: 8, flags: RFLAGS.AF },
])('readRflags derives $name', ({ low, high, aux, flags }) => {
  const words = new Int32Array(STATE.SIZE_BYTES / 4);
  words[STATE.flagResult >> 2] = low;
  words[(STATE.flagResult >> 2) + 1] = high;
  words[STATE.flagAux >> 2] = aux;
  expect(readRflags(words)).toBe(flags | RFLAGS.FIXED);
});
