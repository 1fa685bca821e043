import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from './bytes.ts';

const written = (write: (out: ByteWriter) => void): number[] => {
  const out = new ByteWriter();
  write(out);
  return [...out.view()];
};

/** LEB128 by its definition (WebAssembly Core Specification §5.2.2 "Integers"). */
function decode(bytes: readonly number[], signed: boolean): bigint {
  let value = 0n;
  bytes.forEach((byte, i) => {
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
  });
  const negative = signed && ((bytes.at(-1) as number) & 0x40) !== 0;
  return negative ? value - (1n << BigInt(7 * bytes.length)) : value;
}

describe('ByteWriter', () => {
  test.each([
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [0xffff_ffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('u32 of %d', (value, bytes) => {
    expect(written((out) => out.u32(value))).toEqual(bytes);
  });

  test.each([
    [0, [0]],
    [63, [0x3f]],
    [64, [0xc0, 0]],
    [-1, [0x7f]],
    [-64, [0x40]],
    [-65, [0xbf, 0x7f]],
    [0x7fff_ffff, [0xff, 0xff, 0xff, 0xff, 0x07]],
    [-0x8000_0000, [0x80, 0x80, 0x80, 0x80, 0x78]],
    [0x8000_0000, [0x80, 0x80, 0x80, 0x80, 0x78]],
  ])('s32 of %d', (value, bytes) => {
    expect(written((out) => out.s32(value))).toEqual(bytes);
  });

  test('s64 of the ends of its range', () => {
    expect(written((out) => out.s64(-(2n ** 63n)))).toEqual([...new Array<number>(9).fill(0x80), 0x7f]);
    expect(written((out) => out.s64(2n ** 63n - 1n))).toEqual([...new Array<number>(9).fill(0xff), 0]);
    expect(written((out) => out.s64(2n ** 64n - 1n))).toEqual([0x7f]);
  });

  test('integers decode to themselves', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (u, s) => {
          expect(
            decode(
              written((out) => out.u32(u)),
              false,
            ),
          ).toBe(BigInt(u));
          expect(
            decode(
              written((out) => out.s32(u | 0)),
              true,
            ),
          ).toBe(BigInt(u | 0));
          expect(
            decode(
              written((out) => out.s64(s)),
              true,
            ),
          ).toBe(s);
        },
      ),
    );
  });

  test('grows, and forgets what is truncated', () => {
    const bytes = written((out) => {
      out.bytes(new Uint8Array(1000).fill(1));
      out.truncate(700);
      out.byte(2);
    });
    expect([bytes.length, bytes[699], bytes[700]]).toEqual([701, 1, 2]);
  });
});
