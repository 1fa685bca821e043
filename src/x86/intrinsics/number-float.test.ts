import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UNKNOWN } from '../softfloat/numbers.ts';
import { numberForms } from './number-float.ts';
import { intrinsics } from './table.ts';
import { ARGUMENT_WORDS } from './words.ts';

/** All exceptions masked, rounding to nearest, no flag set. */
const MXCSR = 0x1f80;

const doubleBits = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const singleBits = (value: number): bigint => BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);

/** Numbers where results are exact, rounded, halfway, out of range, denormal or special. */
const number = fc.oneof(
  fc.integer({ min: -100, max: 100 }).map((n) => n / 4),
  fc.integer(),
  fc.double(),
  fc.float(),
  fc.constantFrom(0, -0, 2 ** -126, 2 ** -149, 2 ** 31, -(2 ** 31), 2 ** 63, -(2 ** 63), 2 ** 31 - 0.5, 2 ** -1022),
  fc.tuple(fc.integer({ min: 1, max: 2 ** 26 }), fc.integer({ min: -180, max: 180 })).map(([m, e]) => m * 2 ** e),
);
const vector = fc.oneof(
  fc.tuple(number, number).map(([a, b]) => doubleBits(a) | (doubleBits(b) << 64n)),
  fc
    .array(number, { minLength: 4, maxLength: 4 })
    .map((lanes) => lanes.reduce((v, lane, n) => v | (singleBits(lane) << BigInt(32 * n)), 0n)),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
  fc.integer({ min: 0, max: 2 ** 31 - 1 }).map(BigInt),
);

/** The result and flags of a number form, or undefined if it leaves the decision. */
function run(name: string, args: readonly bigint[]): { result: bigint; flags: number } | undefined {
  const words = new Int32Array(6 * ARGUMENT_WORDS);
  args.forEach((arg, i) => {
    for (let n = 0; n < 4; n++) words[i * ARGUMENT_WORDS + n] = Number((arg >> BigInt(32 * n)) & 0xffff_ffffn);
  });
  const before = words.slice();
  const flags = numberForms[name]!(words, 0);
  if (flags === UNKNOWN) {
    expect(words).toEqual(before);
    return undefined;
  }
  const result = [3, 2, 1, 0].reduce((value, n) => (value << 32n) | BigInt(words[n]! >>> 0), 0n);
  return { result, flags };
}

function exactly(name: string, args: readonly bigint[]): { result: bigint; flags: number } {
  const entry = intrinsics[name];
  if (entry?.kind !== 'float') throw new Error(`${name} is no float intrinsic`);
  return entry.evaluate(args, MXCSR);
}

describe('numberForms', () => {
  test.each(Object.keys(numberForms))('%s agrees with the exact implementation wherever it decides', (name) => {
    fc.assert(
      fc.property(vector, vector, fc.integer({ min: 0, max: 15 }), (a, b, imm8) => {
        const args = name.startsWith('ROUND')
          ? [a, BigInt(imm8)]
          : name.startsWith('CVT')
            ? [a]
            : [a, b, BigInt(imm8 & 7)];
        const source = name.startsWith('CVTSI') ? [BigInt.asUintN(64, a)] : args;
        const decided = run(name, source);
        if (decided !== undefined) expect(decided).toEqual(exactly(name, source));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['CVTSI2SD', [7n]],
    ['CVTSI2SD', [BigInt.asUintN(64, -(2n ** 62n) - 1n)]],
    ['CVTTSD2SI.64', [doubleBits(-1e15)]],
    ['CVTTSD2SI.32', [doubleBits(2.75)]],
    ['CVTSD2SS', [doubleBits(0.1)]],
    ['UCOMISD', [doubleBits(1), doubleBits(2)]],
    ['CMPSD', [doubleBits(1), doubleBits(2), 1n]],
    ['ROUNDSD', [doubleBits(-0.5), 10n]],
  ])('%s decides for %s', (name, args) => {
    expect(run(name, args)).toEqual(exactly(name, args));
  });
});
