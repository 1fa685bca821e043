import type { Emitter, Int, Vec } from '../emitter.ts';
import { blend } from './simd-operand.ts';

/**
 * Control vectors from immediates. An immediate is a value like any other, so that one form serves all 256; vectors of
 * byte numbers for vecSwizzle, or masks, take few operations.
 */

const bytes = (of: (i: number) => number): readonly number[] => Array.from({ length: 16 }, (_, i) => of(i));

/** A constant by its bytes. */
export function constant(e: Emitter, of: (i: number) => number): Vec {
  const half = (first: number): bigint =>
    bytes(of)
      .slice(first, first + 8)
      .reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return e.vecConstant(half(0), half(8));
}

/** 0, 1, … 15: as control of vecSwizzle, no change. */
export const identity = (e: Emitter): Vec => constant(e, (i) => i);

/** The low byte everywhere. */
export function splat(e: Emitter, value: Int): Vec {
  const low = e.vecFromInt(e.resize(value, 32));
  return e.vecShuffle(
    low,
    low,
    bytes(() => 0),
  );
}

/** Bytes of ones in the lanes of `laneBytes` whose bits of the immediate are set. */
export function laneMask(e: Emitter, laneBytes: number, immediate: Int): Vec {
  const bits = constant(e, (i) => 1 << Math.floor(i / laneBytes));
  return e.vecBinary('eq', 'i8', e.vecBinary('and', 'i8', splat(e, immediate), bits), bits);
}

/** a with lane `lane` of `laneBytes` replaced by that of b. */
export function replaceLane(e: Emitter, laneBytes: number, lane: Int, { a, b }: { a: Vec; b: Vec }): Vec {
  const numbers = constant(e, (i) => Math.floor(i / laneBytes));
  return blend(e, e.vecBinary('eq', 'i8', numbers, splat(e, lane)), a, b);
}

/** Lane `lane` of `laneBytes` in every lane. */
export function spreadLane(e: Emitter, laneBytes: number, lane: Int, a: Vec): Vec {
  const first = splat(e, e.mul(lane, e.int(lane.width, laneBytes)));
  const within = constant(e, (i) => i % laneBytes);
  return e.vecSwizzle(a, e.vecBinary('add', 'i8', first, within));
}

/** The four two-bit fields of an immediate, each times `scale`, in the four bytes of an integer. */
function fields(e: Emitter, immediate: Int, scale: 2 | 4): Int {
  const wide = e.zeroExtend(immediate, 32);
  const nibbles = e.and(e.or(wide, e.shl(wide, e.int(32, 12))), e.int(32, 0x000f_000f));
  const pairs = e.and(e.or(nibbles, e.shl(nibbles, e.int(32, 6))), e.int(32, 0x0303_0303));
  return e.shl(pairs, e.int(32, scale === 4 ? 2 : 1));
}

/** Control of PSHUFD: field n chooses the doubleword for place n. */
export function doublewordControl(e: Emitter, immediate: Int): Vec {
  const chosen = e.vecFromInt(fields(e, immediate, 4));
  const spread = e.vecShuffle(
    chosen,
    chosen,
    bytes((i) => i >> 2),
  );
  return e.vecBinary(
    'add',
    'i8',
    spread,
    constant(e, (i) => i & 3),
  );
}

/** Control of PSHUFLW (from byte 0) and PSHUFHW (from byte 8): field n chooses the word for place n of that half. */
export function wordControl(e: Emitter, immediate: Int, start: 0 | 8): Vec {
  const chosen = e.vecFromInt(fields(e, immediate, 2));
  const inHalf = (i: number): boolean => (i & 8) === start;
  const spread = e.vecShuffle(
    chosen,
    identity(e),
    bytes((i) => (inHalf(i) ? (i & 7) >> 1 : 16 + i)),
  );
  return e.vecBinary(
    'add',
    'i8',
    spread,
    constant(e, (i) => (inHalf(i) ? start + (i & 1) : 0)),
  );
}

/** Control of SHUFPD: bit n of the immediate chooses the quadword for place n. */
export function quadwordControl(e: Emitter, immediate: Int): Vec {
  const wide = e.zeroExtend(immediate, 32);
  const low = e.shl(e.and(wide, e.int(32, 1)), e.int(32, 3));
  const high = e.shl(e.and(wide, e.int(32, 2)), e.int(32, 10));
  const chosen = e.vecFromInt(e.or(low, high));
  const spread = e.vecShuffle(
    chosen,
    chosen,
    bytes((i) => i >> 3),
  );
  return e.vecBinary(
    'add',
    'i8',
    spread,
    constant(e, (i) => i & 7),
  );
}

// In a control byte 0x70-0x7f is byte 0-15, and anything from 0x80 is zero: a number that leaves 0-15 upwards is cut off
// by adding 0x70 with saturation.

/** Bytes of a moved down by `count`, zeros coming in. */
export function shiftDown(e: Emitter, a: Vec, count: Int): Vec {
  const from = e.vecBinary('addSatU', 'i8', identity(e), splat(e, count));
  return e.vecSwizzle(a, e.vecBinary('addSatU', 'i8', from, splat(e, e.int(32, 0x70))));
}

/** Bytes of a moved up by `count`, zeros coming in. */
export function shiftUp(e: Emitter, a: Vec, count: Int): Vec {
  const wide = e.zeroExtend(count, 32);
  const most = e.int(32, 16);
  const least = e.select(e.ltU(wide, most), wide, most);
  return e.vecSwizzle(a, e.vecBinary('sub', 'i8', identity(e), splat(e, least)));
}

/** The 16 bytes of high:low from byte `count` on, zeros above. */
export function alignRight(e: Emitter, { high, low }: { high: Vec; low: Vec }, count: Int): Vec {
  const from = e.vecBinary('addSatU', 'i8', identity(e), splat(e, count));
  const inHigh = e.vecBinary('addSatU', 'i8', from, splat(e, e.int(32, 0x60)));
  const below16 = e.vecBinary('gtS', 'i8', splat(e, e.int(32, 16)), from);
  const fromHigh = e.vecSwizzle(high, e.vecBinary('or', 'i8', inHigh, below16));
  return e.vecBinary('or', 'i8', shiftDown(e, low, count), fromHigh);
}
