import type { FloatBinary, FloatFormat } from '../../x86/emitter.ts';
import { add, subtract } from '../../x86/softfloat/add.ts';
import { maximum, minimum } from '../../x86/softfloat/compare.ts';
import { type FloatContext, reportedFlags, sseContext } from '../../x86/softfloat/context.ts';
import { divide, squareRoot } from '../../x86/softfloat/divide.ts';
import { F32, F64, type FloatFormat as SoftFormat } from '../../x86/softfloat/formats.ts';
import { multiply } from '../../x86/softfloat/multiply.ts';
import { fromLanes, lanesOf } from './vector-lanes.ts';

const FORMATS: Readonly<Record<FloatFormat, SoftFormat>> = { f32: F32, f64: F64 };

type Operation = (format: SoftFormat, a: bigint, b: bigint, ctx: FloatContext) => bigint;

const OPERATIONS: Readonly<Record<FloatBinary | 'sqrt', Operation>> = {
  add,
  sub: subtract,
  mul: multiply,
  div: divide,
  min: minimum,
  max: maximum,
  sqrt: (format, _a, b, ctx) => squareRoot(format, b, ctx),
};

export interface FloatLanes {
  readonly op: FloatBinary | 'sqrt';
  readonly format: FloatFormat;
  /** How many low lanes are computed; those above come from a. */
  readonly lanes: number;
}

/** The vector, and the exceptions (MXCSR bits 5:0) that all its lanes raise together. */
export function floatLanes(
  { op, format, lanes }: FloatLanes,
  [a, b]: readonly [bigint, bigint],
  mxcsr: number,
): { result: bigint; flags: number } {
  const soft = FORMATS[format];
  const ctx = sseContext(mxcsr);
  const right = lanesOf(b, soft.widthBits);
  const result = lanesOf(a, soft.widthBits).map((value, n) =>
    n < lanes ? OPERATIONS[op](soft, value, right[n]!, ctx) : value,
  );
  return { result: fromLanes(result, soft.widthBits), flags: reportedFlags(ctx) };
}
