import type { Emitter, Int } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { GPR } from '../state.ts';

/** SDM Vol. 1 §5.1.16 "BMI1, BMI2". Operand order is the manual's, destination first. */

export const ANDN = describe('ANDN', ['dst', 'src', 'src2'], ({ e, dst, src, src2 }) => {
  const a = e.not(src.read());
  const b = src2.read();
  const r = e.and(a, b);
  dst.write(r);
  e.setFlags('logic', { a, b, r });
  e.undefinedFlags('AF', 'PF');
});

/** The low `count` bits set; all of them from the width upwards. `count` has the value's width. */
function lowMask(e: Emitter, count: Int): Int {
  const { width } = count;
  const all = e.int(width, -1);
  const below = e.ltU(count, e.int(width, width));
  return e.select(below, e.not(e.shl(all, e.and(count, e.int(width, width - 1)))), all);
}

/** Byte `n` of a control operand, in its width. */
const controlByte = (e: Emitter, control: Int, n: number): Int =>
  e.and(n === 0 ? control : e.shr(control, e.int(control.width, 8 * n)), e.int(control.width, 0xff));

export const BEXTR = describe('BEXTR', ['dst', 'src', 'src2'], ({ e, dst, src, src2 }) => {
  const { width } = dst;
  const value = src.read();
  const control = src2.read();
  const start = controlByte(e, control, 0);
  const shifted = e.shr(value, e.and(start, e.int(width, width - 1)));
  const field = e.and(shifted, lowMask(e, controlByte(e, control, 1)));
  const r = e.select(e.ltU(start, e.int(width, width)), field, e.int(width, 0));
  dst.write(r);
  e.resultFlags(r, { CF: e.bool(false), OF: e.bool(false) });
  e.undefinedFlags('AF', 'SF', 'PF');
});

const lowestBit = (name: string, result: (e: Emitter, value: Int) => Int, options: { carryIfZero: boolean }) =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => {
    const value = src.read();
    const r = result(e, value);
    dst.write(r);
    const zero = e.isZero(value);
    e.resultFlags(r, { CF: options.carryIfZero ? zero : e.boolNot(zero), OF: e.bool(false) });
    e.undefinedFlags('AF', 'PF');
  });
const minusOne = (e: Emitter, value: Int): Int => e.sub(value, e.int(value.width, 1));
export const BLSI = lowestBit('BLSI', (e, value) => e.and(e.neg(value), value), { carryIfZero: false });
export const BLSR = lowestBit('BLSR', (e, value) => e.and(minusOne(e, value), value), { carryIfZero: true });
export const BLSMSK = lowestBit('BLSMSK', (e, value) => e.xor(minusOne(e, value), value), { carryIfZero: true });

export const BZHI = describe('BZHI', ['dst', 'src', 'src2'], ({ e, dst, src, src2 }) => {
  const { width } = dst;
  const value = src.read();
  const count = controlByte(e, src2.read(), 0);
  const r = e.and(value, lowMask(e, count));
  dst.write(r);
  e.resultFlags(r, { CF: e.ltU(e.int(width, width - 1), count), OF: e.bool(false) });
  e.undefinedFlags('AF', 'PF');
});

const scatterGather = (name: 'PDEP' | 'PEXT') =>
  describe(name, ['dst', 'src', 'src2'], ({ e, dst, src, src2 }) => {
    const source = e.resize(src.read(), 64);
    const mask = e.resize(src2.read(), 64);
    dst.write(e.resize(e.intrinsic(name, [source, mask], 'int'), dst.width));
  });
export const PDEP = scatterGather('PDEP');
export const PEXT = scatterGather('PEXT');

/** High half to the first operand, low half to the second; the high half wins if they are one register. */
export const MULX = describe('MULX', ['dst', 'dst2', 'src'], ({ e, dst, dst2, src }) => {
  const a = e.gpr(GPR.RDX, src.width);
  const b = src.read();
  if (src.width === 64) {
    const low = e.mul(a, b);
    const high = e.mulHighU(a, b);
    dst2.write(low);
    dst.write(high);
    return;
  }
  const product = e.mul(e.zeroExtend(a, 64), e.zeroExtend(b, 64));
  dst2.write(e.truncate(product, 32));
  dst.write(e.truncate(e.shr(product, e.int(64, 32)), 32));
});

/** RORX takes an 8-bit immediate, the others a register of their width. No flags. */
const flaglessShift = (name: string, shift: (e: Emitter, value: Int, count: Int) => Int) =>
  describe(name, ['dst', 'src', 'src2'], ({ e, dst, src, src2 }) => {
    const { width } = dst;
    const value = src.read();
    const count = e.and(e.resize(src2.read(), width), e.int(width, width - 1));
    dst.write(shift(e, value, count));
  });
export const RORX = flaglessShift('RORX', (e, value, count) => e.rotr(value, count));
export const SARX = flaglessShift('SARX', (e, value, count) => e.sar(value, count));
export const SHLX = flaglessShift('SHLX', (e, value, count) => e.shl(value, count));
export const SHRX = flaglessShift('SHRX', (e, value, count) => e.shr(value, count));
