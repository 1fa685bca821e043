import { describe } from '../semantics.ts';

/** SDM Vol. 1 §5.1.4 "Logical Instructions". AF is undefined after all but NOT: setFlags' `logic` says so. */

export const AND = describe('AND', ['dst', 'src'], ({ e, dst, src }) => {
  const a = dst.read();
  const b = src.read();
  const r = e.and(a, b);
  dst.write(r);
  e.setFlags('logic', { a, b, r });
  e.undefinedFlags('AF');
});

export const OR = describe('OR', ['dst', 'src'], ({ e, dst, src }) => {
  const a = dst.read();
  const b = src.read();
  const r = e.or(a, b);
  dst.write(r);
  e.setFlags('logic', { a, b, r });
  e.undefinedFlags('AF');
});

export const XOR = describe('XOR', ['dst', 'src'], ({ e, dst, src }) => {
  const a = dst.read();
  const b = src.read();
  const r = e.xor(a, b);
  dst.write(r);
  e.setFlags('logic', { a, b, r });
  e.undefinedFlags('AF');
});

export const TEST = describe('TEST', ['src', 'src2'], ({ e, src, src2 }) => {
  const a = src.read();
  const b = src2.read();
  e.setFlags('logic', { a, b, r: e.and(a, b) });
  e.undefinedFlags('AF');
});

export const NOT = describe('NOT', ['dst'], ({ e, dst }) => dst.write(e.not(dst.read())));
