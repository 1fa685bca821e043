import type { PlainOp } from '../../wasm/code.ts';

/**
 * How an integer operation becomes WebAssembly.
 * i32, i64: the instruction by the width of the (first) argument. argument: what 8- and 16-bit arguments must be before it:
 * any (upper bits do not matter), clean (zero) or signed (sign-extended).
 */
export interface ArithmeticRow {
  readonly i32: PlainOp;
  readonly i64: PlainOp;
  readonly first: 'any' | 'clean' | 'signed';
  readonly second: 'any' | 'clean' | 'signed';
}

const row = (name: string, first: ArithmeticRow['first'], second: ArithmeticRow['second'] = first): ArithmeticRow => ({
  i32: `i32_${name}` as PlainOp,
  i64: `i64_${name}` as PlainOp,
  first,
  second,
});

export const ARITHMETIC: Readonly<Record<string, ArithmeticRow>> = {
  add: row('add', 'any'),
  sub: row('sub', 'any'),
  mul: row('mul', 'any'),
  and: row('and', 'any'),
  or: row('or', 'any'),
  xor: row('xor', 'any'),
  shl: row('shl', 'any', 'clean'),
  shr: row('shr_u', 'clean'),
  sar: row('shr_s', 'signed', 'clean'),
  rotl: row('rotl', 'any'),
  rotr: row('rotr', 'any'),
  divU: row('div_u', 'clean'),
  remU: row('rem_u', 'clean'),
  divS: row('div_s', 'signed'),
  remS: row('rem_s', 'signed'),
  eq: row('eq', 'clean'),
  ne: row('ne', 'clean'),
  ltU: row('lt_u', 'clean'),
  ltS: row('lt_s', 'signed'),
};
