import type { FloatContext } from './context.ts';
import { FRACTION_BITS, LN2, LOG2_10, LOG2_E, LOG10_2, ONE, PI } from './fixed-point.ts';
import { F80 } from './formats.ts';
import { roundPack } from './round.ts';

/** What FLD1, FLDL2T, … push. SDM Vol. 2A FLD1/FLDL2T/FLDL2E/FLDPI/FLDLG2/FLDLN2/FLDZ. */
const CONSTANTS = {
  one: ONE,
  log2Of10: LOG2_10,
  log2OfE: LOG2_E,
  pi: PI,
  log10Of2: LOG10_2,
  lnOf2: LN2,
} as const;
export type ConstantName = keyof typeof CONSTANTS | 'zero';

/** The constant rounded by the context's rounding mode; no exception is raised. SDM Vol. 1 §8.3.8. */
export function constant(name: ConstantName, ctx: FloatContext): bigint {
  if (name === 'zero') return 0n;
  const value = { sign: 0, exponent: -FRACTION_BITS, significand: CONSTANTS[name] };
  return roundPack(F80, value, { ...ctx, flags: 0, roundedUp: false });
}
