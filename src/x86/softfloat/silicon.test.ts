import { expect, test } from 'vitest';
import { add, subtract } from './add.ts';
import { type FloatContext, x87Context } from './context.ts';
import { roundToIntegral } from './convert.ts';
import { divide, squareRoot } from './divide.ts';
import { powerOfTwoMinusOne } from './exponential.ts';
import { F80 } from './formats.ts';
import { logarithm, logarithmPlusOne } from './logarithm.ts';
import { multiply } from './multiply.ts';
import { partialRemainder } from './remainder.ts';
import { scale } from './scale.ts';
import { SILICON } from './silicon.cases.ts';
import { arctangent, cosine, sine, tangent } from './trigonometric.ts';

const FLAGS = 0x3f;
const C1 = 0x200;

type Operation = (st0: bigint, st1: bigint, ctx: FloatContext) => bigint | undefined;

const EXACT: Record<string, Operation> = {
  FADD: (a, b, ctx) => add(F80, a, b, ctx),
  FSUB: (a, b, ctx) => subtract(F80, a, b, ctx),
  FMUL: (a, b, ctx) => multiply(F80, a, b, ctx),
  FDIV: (a, b, ctx) => divide(F80, a, b, ctx),
  FSQRT: (a, _b, ctx) => squareRoot(F80, a, ctx),
  FRNDINT: (a, _b, ctx) => roundToIntegral(F80, a, ctx),
  FSCALE: scale,
};

const WITHIN_ONE_ULP: Record<string, Operation> = {
  F2XM1: (a, _b, ctx) => powerOfTwoMinusOne(a, ctx),
  FYL2X: logarithm,
  FYL2XP1: logarithmPlusOne,
  FPATAN: (a, b, ctx) => arctangent(b, a, ctx),
  FSIN: (a, _b, ctx) => sine(a, ctx),
  FCOS: (a, _b, ctx) => cosine(a, ctx),
  FPTAN: (a, _b, ctx) => tangent(a, ctx),
};

const cases = SILICON.trim()
  .split('\n')
  .map((line) => {
    const [name, controlWord, a, b, result, status] = line.split(' ') as [string, ...string[]];
    return {
      line,
      name,
      controlWord: Number.parseInt(controlWord!, 16),
      a: BigInt(`0x${a}`),
      b: BigInt(`0x${b}`),
      result: BigInt(`0x${result}`),
      status: Number.parseInt(status!, 16),
    };
  });

/** The position of a number on the line of all f80 values, one ulp a step. */
function ordinal(bits: bigint): bigint {
  const exponent = (bits >> 64n) & 0x7fffn;
  const magnitude = ((exponent === 0n ? 0n : exponent - 1n) << 63n) + BigInt.asUintN(64, bits);
  return bits >> 79n === 0n ? magnitude : -magnitude;
}

test.each(Object.keys(EXACT))('%s agrees with silicon in result, flags and C1', (name) => {
  const rows = cases.filter((row) => row.name === name);
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const ctx = x87Context(row.controlWord);
    const result = EXACT[name]!(row.a, row.b, ctx);
    const status = ctx.flags | (ctx.roundedUp ? C1 : 0);
    expect({ line: row.line, result, status }).toEqual({
      line: row.line,
      result: row.result,
      status: row.status & (FLAGS | C1),
    });
  }
});

test.each([
  ['FPREM', 'truncate'],
  ['FPREM1', 'nearest'],
] as const)('%s agrees with silicon in result, flags and condition codes', (name, quotient) => {
  const rows = cases.filter((row) => row.name === name);
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const ctx = x87Context(row.controlWord);
    const { value, conditionCodes = 0 } = partialRemainder(row.a, row.b, ctx, quotient);
    expect({ line: row.line, value, status: conditionCodes | ctx.flags }).toEqual({
      line: row.line,
      value: row.result,
      status: row.status,
    });
  }
});

test.each(Object.keys(WITHIN_ONE_ULP))('%s is within one ulp of silicon, flags equal', (name) => {
  const rows = cases.filter((row) => row.name === name);
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const ctx = x87Context(row.controlWord);
    const result = WITHIN_ONE_ULP[name]!(row.a, row.b, ctx)!;
    const distance = ordinal(result) - ordinal(row.result);
    expect({ line: row.line, near: distance >= -1n && distance <= 1n, flags: ctx.flags }).toEqual({
      line: row.line,
      near: true,
      flags: row.status & FLAGS,
    });
  }
});
