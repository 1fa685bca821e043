import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packBcd, unpackBcd } from './bcd.ts';
import { constant } from './constants.ts';
import { FloatException, Rounding, sseContext, x87Context } from './context.ts';
import { convert, fromInteger, roundToIntegral, toInteger } from './convert.ts';
import { LN2, LOG2_10, LOG2_E, LOG10_2, naturalLogarithm, ONE, PI } from './fixed-point.ts';
import { F16, F32, F64, F80 } from './formats.ts';
import { extract, scale } from './scale.ts';
import { cosine, sine, tangent } from './trigonometric.ts';

const MXCSR = 0x1f80;
const FCW = 0x37f;
const { Invalid, Denormal, Precision, ZeroDivide, Underflow } = FloatException;
const view = new DataView(new ArrayBuffer(8));
function toBits64(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}
function fromBits64(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

test('convert from f64 to f32 equals Math.fround', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (a) => {
      view.setUint32(0, Number(convert(F64, F32, toBits64(a), sseContext(MXCSR))));
      expect(view.getFloat32(0)).toBe(Math.fround(a));
    }),
  );
});

test.each([F16, F32, F64])('convert from $name to f80 and back is the identity on non-SNaNs', (format) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << BigInt(format.widthBits)) - 1n }), (bits) => {
      const ctx = x87Context(FCW);
      const wide = convert(format, F80, bits, ctx);
      if (ctx.flags & Invalid) return;
      expect(convert(F80, format, wide, x87Context(FCW))).toBe(bits);
    }),
  );
});

test.each([
  ['2.5 to nearest even', 2.5, Rounding.Nearest, 2n, Precision],
  ['2.5 up', 2.5, Rounding.Up, 3n, Precision],
  ['-2.5 down', -2.5, Rounding.Down, 0xffff_fffdn, Precision],
  ['-2.5 to zero', -2.5, Rounding.Zero, 0xffff_fffen, Precision],
  ['the least value', -(2 ** 31), Rounding.Zero, 0x8000_0000n, 0],
  ['2^31 is out of range', 2 ** 31, Rounding.Zero, 0x8000_0000n, Invalid],
  ['NaN is invalid', Number.NaN, Rounding.Zero, 0x8000_0000n, Invalid],
  ['infinity is invalid', Number.POSITIVE_INFINITY, Rounding.Zero, 0x8000_0000n, Invalid],
] as const)('toInteger: %s', (_claim, value, rounding, result, flags) => {
  const ctx = sseContext(MXCSR);
  expect(toInteger(F64, toBits64(value), ctx, { widthBits: 32, rounding })).toBe(result);
  expect(ctx.flags).toBe(flags);
});

test('toInteger unsigned takes the whole range and rejects negative values', () => {
  const convertUnsigned = (value: number) =>
    toInteger(F64, toBits64(value), sseContext(MXCSR), { widthBits: 32, signed: false });
  expect(convertUnsigned(2 ** 32 - 1)).toBe(0xffff_ffffn);
  expect(convertUnsigned(-1)).toBe(0xffff_ffffn);
  expect(convertUnsigned(-0.25)).toBe(0n);
});

test('toInteger undoes fromInteger on f80', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
      const ctx = x87Context(FCW);
      const back = toInteger(F80, fromInteger(F80, value, ctx), ctx, { widthBits: 64 });
      expect([BigInt.asIntN(64, back), ctx.flags]).toEqual([value, 0]);
    }),
  );
});

test('roundToIntegral equals Math.floor, ceil and trunc', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (a) => {
      const round = (rounding: Rounding) =>
        fromBits64(roundToIntegral(F64, toBits64(a), sseContext(MXCSR), { rounding }));
      expect(round(Rounding.Down)).toBe(Math.floor(a));
      expect(round(Rounding.Up)).toBe(Math.ceil(a));
      expect(round(Rounding.Zero)).toBe(Math.trunc(a));
    }),
  );
});

test('roundToIntegral suppresses the precision exception on request', () => {
  const ctx = sseContext(MXCSR);
  roundToIntegral(F64, toBits64(0.5), ctx, { suppressPrecision: true });
  expect(ctx.flags).toBe(0);
  roundToIntegral(F64, toBits64(0.5), ctx);
  expect(ctx.flags).toBe(Precision);
});

test('packBcd undoes unpackBcd', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{18}$/), fc.boolean(), (digits, negative) => {
      const bits = BigInt(`0x${digits}`) | (negative ? 1n << 79n : 0n);
      expect(packBcd(unpackBcd(bits, x87Context(FCW)), x87Context(FCW))).toBe(bits);
    }),
  );
});

test.each([
  ['10^18', fromInteger(F80, 10n ** 18n, x87Context(FCW))],
  ['infinity', F80.positiveInfinity],
  ['a QNaN', F80.indefinite],
])('packBcd of %s is the BCD indefinite', (_name, bits) => {
  const ctx = x87Context(FCW);
  expect([packBcd(bits, ctx), ctx.flags]).toEqual([0xffff_c000_0000_0000_0000n, Invalid]);
});

test('scale undoes extract', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (a) => {
      if (a === 0) return;
      const ctx = x87Context(FCW);
      const bits = convert(F64, F80, toBits64(a), ctx);
      const { exponent, significand } = extract(bits, ctx);
      expect(scale(significand, exponent, ctx)).toBe(bits);
    }),
  );
});

test('extract of zero divides by zero', () => {
  const ctx = x87Context(FCW);
  expect(extract(1n << 79n, ctx)).toEqual({ exponent: (1n << 79n) | F80.positiveInfinity, significand: 1n << 79n });
  expect(ctx.flags).toBe(ZeroDivide);
});

test('scale of a denormal flags it, and massive underflow is signed zero', () => {
  const ctx = x87Context(FCW);
  const minusHuge = fromInteger(F80, -(10n ** 17n), ctx);
  expect(scale(1n, minusHuge, ctx)).toBe(0n);
  expect(ctx.flags).toBe(Denormal | Underflow | Precision);
});

// Machin's formula: pi = 16 arctan(1/5) - 4 arctan(1/239).
function machinPi(): bigint {
  const inverseTangent = (n: bigint): bigint => {
    let sum = 0n;
    let power = (ONE << 32n) / n;
    for (let k = 1n; power !== 0n; k += 2n, power /= n * n) sum += k % 4n === 1n ? power / k : -(power / k);
    return sum;
  };
  return (16n * inverseTangent(5n) - 4n * inverseTangent(239n)) >> 32n;
}

test('PI, LN2 and the logarithms agree with their series', () => {
  const near = (a: bigint, b: bigint) => (a > b ? a - b : b - a) < 1n << 16n;
  const ln2 = 2n * naturalLogarithm((ONE * 3n) / 4n) + naturalLogarithm((ONE * 9n) / 8n) * -1n;
  // ln 2 = ln(9/8) - 2 ln(3/4)
  expect(near(machinPi(), PI)).toBe(true);
  expect(near(-ln2, LN2)).toBe(true);
  expect(near((ONE * ONE) / LN2, LOG2_E)).toBe(true);
  // ln 10 = 3 ln 2 + ln(5/4)
  const ln10 = 3n * LN2 + naturalLogarithm((ONE * 5n) / 4n);
  expect(near((ln10 * ONE) / LN2, LOG2_10)).toBe(true);
  expect(near((LN2 * ONE) / ln10, LOG10_2)).toBe(true);
});

test('constant rounds by the rounding mode and raises nothing', () => {
  const pi = [0, 1, 2, 3].map((rounding) => {
    const ctx = x87Context(FCW | (rounding << 10));
    return [constant('pi', ctx) & 0xffffn, ctx.flags];
  });
  expect(pi).toEqual([
    [0xc235n, 0],
    [0xc234n, 0],
    [0xc235n, 0],
    [0xc234n, 0],
  ]);
});

test('sine, cosine and tangent leave arguments of 2^63 and beyond alone', () => {
  const limit = (BigInt(16383 + 63) << 64n) | (1n << 63n);
  for (const operation of [sine, cosine, tangent]) {
    expect(operation(limit, x87Context(FCW))).toBeUndefined();
    expect(operation(limit - 1n, x87Context(FCW))).toBeDefined();
  }
});
