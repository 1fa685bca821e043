import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { add, subtract } from './add.ts';
import { bitLength, integerSquareRoot } from './bit-length.ts';
import { compare, comparePredicate, maximum, minimum, Ordering } from './compare.ts';
import { FloatException, Rounding, reportedFlags, sseContext, x87Context } from './context.ts';
import { divide, squareRoot } from './divide.ts';
import { F32, F64, F80, type FloatFormat } from './formats.ts';
import { multiply, multiplyAdd } from './multiply.ts';

const MXCSR = 0x1f80;
const view = new DataView(new ArrayBuffer(8));

function toBits64(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}
function toBits32(value: number): bigint {
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}
function fromBits64(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}
function fromBits32(bits: bigint): number {
  view.setUint32(0, Number(bits));
  return view.getFloat32(0);
}

const double = fc.double({ noNaN: true });
const single = fc.float({ noNaN: true });
const mxcsrOf = (rounding: Rounding): number => MXCSR | (rounding << 13);

type Binary = (format: FloatFormat, a: bigint, b: bigint, ctx: ReturnType<typeof sseContext>) => bigint;
const BINARY: [string, Binary, (a: number, b: number) => number][] = [
  ['add', add, (a, b) => a + b],
  ['subtract', subtract, (a, b) => a - b],
  ['multiply', multiply, (a, b) => a * b],
  ['divide', divide, (a, b) => a / b],
];

describe.each(BINARY)('%s', (_name, operation, native) => {
  test('equals the host on f64', () => {
    fc.assert(
      fc.property(double, double, (a, b) => {
        const result = fromBits64(operation(F64, toBits64(a), toBits64(b), sseContext(MXCSR)));
        expect(result).toBe(native(a, b));
      }),
    );
  });

  test('equals the host on f32', () => {
    fc.assert(
      fc.property(single, single, (a, b) => {
        const result = fromBits32(operation(F32, toBits32(a), toBits32(b), sseContext(MXCSR)));
        // A double holds the exact or innocuously double-rounded result of one f32 operation.
        expect(result).toBe(Math.fround(native(a, b)));
      }),
    );
  });

  test('rounds to neighbours that enclose the nearest result', () => {
    fc.assert(
      fc.property(double, double, (a, b) => {
        const [nearest, down, up, toZero] = [0, 1, 2, 3].map((rounding) =>
          fromBits64(operation(F64, toBits64(a), toBits64(b), sseContext(mxcsrOf(rounding as Rounding)))),
        ) as [number, number, number, number];
        if (Number.isNaN(nearest)) return;
        expect(down <= nearest && nearest <= up).toBe(true);
        expect(Math.abs(toZero)).toBe(Math.min(Math.abs(down), Math.abs(up)));
      }),
    );
  });
});

test('squareRoot equals the host on f64', () => {
  fc.assert(
    fc.property(double, (a) => {
      expect(fromBits64(squareRoot(F64, toBits64(a), sseContext(MXCSR)))).toBe(Math.sqrt(a));
    }),
  );
});

test('multiplyAdd with an exact product equals one addition', () => {
  fc.assert(
    fc.property(double, double, (a, c) => {
      const fused = multiplyAdd(F64, [toBits64(a), toBits64(1), toBits64(c)], sseContext(MXCSR));
      expect(fused).toBe(add(F64, toBits64(a), toBits64(c), sseContext(MXCSR)));
    }),
  );
});

test('multiplyAdd rounds once', () => {
  // (1 + 2^-30)^2 - 1 = 2^-29 + 2^-60: the square does not fit in 53 bits.
  const a = toBits64(1 + 2 ** -30);
  expect(fromBits64(multiplyAdd(F64, [a, a, toBits64(-1)], sseContext(MXCSR)))).toBe(2 ** -29 + 2 ** -60);
});

test('compare orders as the host does', () => {
  fc.assert(
    fc.property(double, double, (a, b) => {
      const expected = a < b ? Ordering.Less : a > b ? Ordering.Greater : Ordering.Equal;
      expect(compare(F64, toBits64(a), toBits64(b), sseContext(MXCSR), { signaling: true })).toBe(expected);
    }),
  );
});

test('comparePredicate of NLT, NLE, NEQ and ORD negate LT, LE, EQ and UNORD', () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), fc.integer({ min: 0, max: 3 }), (a, b, predicate) => {
      const bits = [toBits64(a), toBits64(b)] as const;
      const holds = comparePredicate(F64, ...bits, sseContext(MXCSR), predicate);
      expect(comparePredicate(F64, ...bits, sseContext(MXCSR), predicate + 4)).toBe(!holds);
    }),
  );
});

const QNAN = 0x7fc0_1234n;
const SNAN = 0x7f80_1234n;
const ONE = 0x3f80_0000n;
const ZERO = 0n;
const MINUS_ZERO = 0x8000_0000n;
const INFINITY = 0x7f80_0000n;
const DENORMAL = 1n;
const { Invalid, Denormal, ZeroDivide, Overflow, Underflow, Precision } = FloatException;

test.each([
  ['add quiets an SNaN', add, SNAN, ONE, 0x7fc0_1234n, Invalid],
  ['add prefers the first NaN', add, QNAN, SNAN, QNAN, Invalid],
  ['add passes a QNaN without a flag', add, ONE, QNAN, QNAN, 0],
  ['add of opposite infinities is invalid', add, INFINITY, INFINITY | MINUS_ZERO, 0xffc0_0000n, Invalid],
  ['add flags a denormal operand', add, DENORMAL, ONE, ONE, Denormal | Precision],
  ['add of a denormal and a QNaN does not flag the denormal', add, DENORMAL, QNAN, QNAN, 0],
  ['subtract of equals is +0', subtract, ONE, ONE, ZERO, 0],
  ['multiply of zero and infinity is invalid', multiply, ZERO, INFINITY, 0xffc0_0000n, Invalid],
  ['divide by zero', divide, ONE, MINUS_ZERO, INFINITY | MINUS_ZERO, ZeroDivide],
  ['divide zero by zero is invalid', divide, ZERO, ZERO, 0xffc0_0000n, Invalid],
  ['multiply overflows to infinity', multiply, 0x7f7f_ffffn, 0x7f7f_ffffn, INFINITY, Overflow | Precision],
  ['multiply underflows', multiply, 0x0080_0001n, 0x3f00_0000n, 0x0040_0000n, Underflow | Precision],
  ['multiply to an exact denormal does not underflow', multiply, 0x0080_0000n, 0x3f00_0000n, 0x0040_0000n, 0],
  ['minimum of zeros is the second', minimum, ZERO, MINUS_ZERO, MINUS_ZERO, 0],
  ['minimum with a QNaN is the second and invalid', minimum, QNAN, ONE, ONE, Invalid],
  ['maximum with an SNaN second keeps it', maximum, ONE, SNAN, SNAN, Invalid],
] as [string, Binary, bigint, bigint, bigint, number][])('%s', (_claim, operation, a, b, result, flags) => {
  const ctx = sseContext(MXCSR);
  expect([operation(F32, a, b, ctx), ctx.flags]).toEqual([result, flags]);
});

test('tininess is detected after rounding', () => {
  // (1 - 2^-24) * 2^-126 rounds up to the least normal number in 24 bits: inexact, not tiny.
  const ctx = sseContext(MXCSR);
  expect(multiply(F32, 0x3f7f_ffffn, 0x0080_0001n, ctx)).toBe(0x0080_0000n);
  expect(ctx.flags & Underflow).toBe(0);
});

test('FTZ flushes tiny results, DAZ reads denormals as zero', () => {
  const flush = sseContext(MXCSR | 0x8000);
  expect([multiply(F32, 0x8080_0000n, 0x3f00_0000n, flush), flush.flags]).toEqual([MINUS_ZERO, Underflow | Precision]);
  const daz = sseContext(MXCSR | 0x40);
  expect([add(F32, DENORMAL, ZERO, daz), daz.flags]).toEqual([ZERO, 0]);
});

test('reportedFlags drops post-computation flags of a packed operation that traps before it', () => {
  const ctx = sseContext(MXCSR & ~(Invalid << 7));
  divide(F32, ONE, 0x4040_0000n, ctx);
  add(F32, SNAN, ONE, ctx);
  expect(ctx.flags).toBe(Invalid | Precision);
  expect(reportedFlags(ctx)).toBe(Invalid);
});

const F80_ONE = (16383n << 64n) | (1n << 63n);
const F80_QNAN = 0x7fff_c000_0000_0000_0001n;

test.each([
  ['pseudo-infinity', 0x7fff_0000_0000_0000_0000n],
  ['pseudo-NaN', 0x7fff_4000_0000_0000_0000n],
  ['unnormal', 0x3fff_7fff_ffff_ffff_ffffn],
])('add rejects a %s, even beside a QNaN', (_name, unsupported) => {
  const ctx = x87Context(0x37f);
  expect([add(F80, F80_QNAN, unsupported, ctx), ctx.flags]).toEqual([F80.indefinite, Invalid]);
});

test('add normalizes a pseudo-denormal and flags it', () => {
  const ctx = x87Context(0x37f);
  const pseudo = 1n << 63n;
  expect([add(F80, pseudo, 0n, ctx), ctx.flags]).toEqual([(1n << 64n) | pseudo, Denormal]);
});

test('add of two NaNs on x87 yields the larger significand', () => {
  const larger = 0xffff_c000_0000_0000_0002n;
  expect(add(F80, F80_QNAN, larger, x87Context(0x37f))).toBe(larger);
  expect(add(F80, larger, F80_QNAN, x87Context(0x37f))).toBe(larger);
});

test.each([
  ['24 bits', 0x07f, 0x3ffd_aaaa_ab00_0000_0000n],
  ['53 bits', 0x27f, 0x3ffd_aaaa_aaaa_aaaa_a800n],
  ['64 bits', 0x37f, 0x3ffd_aaaa_aaaa_aaaa_aaabn],
])('divide rounds to the precision control: %s', (_name, controlWord, third) => {
  expect(divide(F80, F80_ONE, (16384n << 64n) | (3n << 62n), x87Context(controlWord))).toBe(third);
});

test('multiply wraps the exponent of an unmasked overflow by 24576', () => {
  const ctx = x87Context(0x377);
  const huge = (0x7ffen << 64n) | (1n << 63n);
  expect(multiply(F80, huge, huge, ctx) >> 64n).toBe(BigInt(0x7ffe * 2 - 16383 - 24576));
  expect(ctx.flags).toBe(Overflow);
});

test('bitLength and integerSquareRoot hold their definitions', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 1n << 1100n }), (value) => {
      expect(bitLength(value)).toBe(value === 0n ? 0 : value.toString(2).length);
      const root = integerSquareRoot(value);
      expect(root * root <= value && (root + 1n) * (root + 1n) > value).toBe(true);
    }),
  );
});

test('Rounding.Down gives -0 for a cancellation', () => {
  expect(subtract(F32, ONE, ONE, sseContext(mxcsrOf(Rounding.Down)))).toBe(MINUS_ZERO);
});
