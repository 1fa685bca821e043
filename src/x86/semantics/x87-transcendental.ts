import type { FloatContext } from '../softfloat/context.ts';
import { powerOfTwoMinusOne } from '../softfloat/exponential.ts';
import { F80 } from '../softfloat/formats.ts';
import { logarithm, logarithmPlusOne } from '../softfloat/logarithm.ts';
import { arctangent, cosine, type Reduced, sine, tangent } from '../softfloat/trigonometric.ts';
import { canReplaceAndPush, setIncomplete, unary } from './x87-arithmetic.ts';
import { x87 } from './x87-unit.ts';

/** SDM Vol. 1 §5.2.4 "x87 FPU Transcendental Instructions". */

export const F2XM1 = unary('F2XM1', powerOfTwoMinusOne);

/** ST(1) := f(ST(0), ST(1)), then pops. */
const binaryPop = (name: string, f: (st0: bigint, st1: bigint, ctx: FloatContext) => bigint) =>
  x87(name, (fpu) => {
    const empty = fpu.isEmpty(0) || fpu.isEmpty(1);
    if (empty && !fpu.stackUnderflow()) return;
    const result = empty ? F80.indefinite : f(fpu.read(0), fpu.read(1), fpu.ctx);
    if (!empty && fpu.suppressed) return;
    fpu.write(1, result);
    fpu.pop();
  });
export const FYL2X = binaryPop('FYL2X', logarithm);
export const FYL2XP1 = binaryPop('FYL2XP1', logarithmPlusOne);
export const FPATAN = binaryPop('FPATAN', (x, y, ctx) => arctangent(y, x, ctx));

type Trigonometric = (a: bigint, ctx: FloatContext) => Reduced;

const circular = (name: string, f: Trigonometric) =>
  x87(name, (fpu) => {
    setIncomplete(fpu, false);
    if (fpu.isEmpty(0)) {
      if (fpu.stackUnderflow()) fpu.write(0, F80.indefinite);
      return;
    }
    const result = f(fpu.read(0), fpu.ctx);
    setIncomplete(fpu, result === undefined);
    if (result !== undefined && !fpu.suppressed) fpu.write(0, result);
  });
export const FSIN = circular('FSIN', sine);
export const FCOS = circular('FCOS', cosine);

/** Replaces ST(0) by f and pushes g. */
const circularPush = (name: string, f: Trigonometric, g: Trigonometric) =>
  x87(name, (fpu) => {
    setIncomplete(fpu, false);
    if (!canReplaceAndPush(fpu)) return;
    const argument = fpu.read(0);
    const pushed = g(argument, fpu.ctx);
    const result = f(argument, fpu.ctx);
    setIncomplete(fpu, result === undefined);
    if (result === undefined || pushed === undefined || fpu.suppressed) return;
    fpu.write(0, result);
    fpu.push(pushed);
  });
export const FSINCOS = circularPush('FSINCOS', sine, cosine);

const ONE = (16383n << 64n) | (1n << 63n);
/** What FPTAN pushes above the tangent: 1.0, or the NaN that the tangent is. */
const oneOrNan: Trigonometric = (a, ctx) => {
  const result = tangent(a, { ...ctx });
  const isNan = result !== undefined && ((result >> 64n) & 0x7fffn) === 0x7fffn;
  return isNan ? result : ONE;
};
export const FPTAN = circularPush('FPTAN', tangent, oneOrNan);
