import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARGUMENT_WORDS } from '../../x86/intrinsics/words.ts';
import { UNKNOWN } from '../../x86/softfloat/numbers.ts';
import { type FloatLanes, floatLanes } from '../exact/float-lanes.ts';
import { numberLanes } from './number-lanes.ts';

const MXCSR = 0x1f80;
const OPERATIONS = ['add', 'sub', 'mul', 'div', 'min', 'max', 'sqrt'] as const;

const doubleBits = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const singleBits = (value: number): bigint => BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);

/** Exact and inexact operands, and such as make results overflow, underflow or cancel. */
const number = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.integer({ min: -1000, max: 1000 }).map((n) => n / 1024),
  fc.integer({ min: 0, max: 2 ** 15 }).map((n) => n * n),
  fc.double(),
  fc.float(),
  fc
    .tuple(fc.integer({ min: -(2 ** 27), max: 2 ** 27 }), fc.integer({ min: -160, max: 120 }))
    .map(([m, e]) => m * 2 ** e),
  fc.constantFrom(
    0,
    -0,
    2 ** -126,
    2 ** -63,
    1 - 2 ** -24,
    1 + 2 ** -23,
    2 ** -1022,
    2 ** -511,
    1 - 2 ** -53,
    2 ** 1023,
  ),
);

function vectorOf(format: 'f32' | 'f64', lanes: readonly number[]): bigint {
  const [bits, width] = format === 'f32' ? [singleBits, 32n] : [doubleBits, 64n];
  return lanes.slice(0, 128 / Number(width)).reduce((v, lane, n) => v | (bits(lane) << (BigInt(n) * width)), 0n);
}

function run(operation: FloatLanes, a: bigint, b: bigint): { result: bigint; flags: number } | undefined {
  const words = new Int32Array(2 * ARGUMENT_WORDS);
  [a, b].forEach((arg, i) => {
    for (let n = 0; n < 4; n++) words[i * ARGUMENT_WORDS + n] = Number((arg >> BigInt(32 * n)) & 0xffff_ffffn);
  });
  const flags = numberLanes(words, operation);
  if (flags === UNKNOWN) return undefined;
  return { flags, result: [3, 2, 1, 0].reduce((value, n) => (value << 32n) | BigInt(words[n]! >>> 0), 0n) };
}

const four = fc.array(number, { minLength: 4, maxLength: 4 });

describe('numberLanes', () => {
  for (const format of ['f32', 'f64'] as const) {
    test.each(OPERATIONS)(`%s ${format} agrees with floatLanes wherever it decides`, (op) => {
      let decided = 0;
      fc.assert(
        fc.property(four, four, fc.constantFrom(1, format === 'f32' ? 4 : 2), (left, right, lanes) => {
          const [a, b] = [vectorOf(format, left), vectorOf(format, right)];
          const operation = { op, format, lanes };
          const outcome = run(operation, a, b);
          if (outcome === undefined) return;
          decided++;
          expect(outcome).toEqual(floatLanes(operation, [a, b], MXCSR));
        }),
        { numRuns: 1500 },
      );
      expect(decided).toBeGreaterThan(150);
    });
  }

  test('leaves a product that was rounded up to the least normal number: it underflowed', () => {
    const operation = { op: 'mul', format: 'f32', lanes: 1 } as const;
    expect(run(operation, singleBits(1 - 2 ** -24), singleBits(2 ** -126))).toBeUndefined();
  });
});
