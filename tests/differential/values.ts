import type { Prng } from './prng.ts';

/** What a lane of random data looks like. */
export type LaneKind = 'i8' | 'i16' | 'i32' | 'i64' | 'f32' | 'f64';

export const LANE_BYTES: Record<LaneKind, number> = { i8: 1, i16: 2, i32: 4, i64: 8, f32: 4, f64: 8 };

/** Writes `bytes` / lane size random lanes. */
export function writeLanes(prng: Prng, view: DataView, at: number, options: { kind: LaneKind; bytes: number }): void {
  const { kind, bytes } = options;
  const step = LANE_BYTES[kind];
  for (let offset = at; offset + step <= at + bytes; offset += step) {
    if (kind === 'f32') writeF32(prng, view, offset);
    else if (kind === 'f64') writeF64(prng, view, offset);
    else writeInt(prng, view, offset, step);
  }
}

/** A random integer of 1, 2, 4 or 8 bytes; every second one is at an edge. */
export function writeInt(prng: Prng, view: DataView, at: number, bytes: number): void {
  const bits = bytes * 8;
  let low = prng.u32();
  let high = prng.u32();
  switch (prng.below(20)) {
    case 0:
      low = high = 0;
      break;
    case 1:
      low = high = 0xffff_ffff; // -1
      break;
    case 2:
      [low, high] = powerOfTwo(0);
      break;
    case 3:
      [low, high] = powerOfTwo(bits - 1); // least signed
      break;
    case 4:
      [low, high] = minusOne(powerOfTwo(bits - 1)); // greatest signed
      break;
    case 5:
      [low, high] = powerOfTwo(prng.below(bits));
      break;
    case 6:
      [low, high] = minusOne(powerOfTwo(prng.below(bits)));
      break;
    case 7:
      [low, high] = [prng.below(128), 0];
      break;
    case 8:
      [low, high] = [-prng.below(128) - 1, -1];
      break;
    case 9: // random length
      [low, high] = prng.chance(0.5) ? [low >>> prng.below(32), 0] : [low, high >>> prng.below(32)];
      break;
    case 10:
      low = high = Math.imul(low & 255, 0x0101_0101);
      break;
    default: // as drawn
  }
  if (bytes === 1) view.setUint8(at, low);
  else if (bytes === 2) view.setUint16(at, low, true);
  else view.setUint32(at, low, true);
  if (bytes === 8) view.setUint32(at + 4, high, true);
}

const powerOfTwo = (exponent: number): [number, number] =>
  exponent < 32 ? [1 << exponent, 0] : [0, 1 << (exponent - 32)];
const minusOne = ([low, high]: readonly [number, number]): [number, number] => [low - 1, low === 0 ? high - 1 : high];

// Values that conversions and rounding stumble over: halves, the borders of i32, u32, i64, u64.
const FLOAT_EDGES = [
  0,
  1,
  2,
  3,
  0.5,
  1.5,
  2.5,
  0.75,
  10,
  100,
  1e10,
  2 ** 23,
  2 ** 24,
  2 ** 31,
  2 ** 31 - 1,
  2 ** 31 - 0.5,
  2 ** 31 + 0.5,
  2 ** 32,
  2 ** 52,
  2 ** 53,
  2 ** 63,
  2 ** 63 - 1024,
  2 ** 64,
  1e-10,
  Number.POSITIVE_INFINITY,
];

export function writeF32(prng: Prng, view: DataView, at: number): void {
  const sign = prng.below(2) << 31;
  const fraction = randomFraction32(prng);
  switch (prng.below(12)) {
    case 0:
    case 1:
      view.setFloat32(at, (sign ? -1 : 1) * prng.pick(FLOAT_EDGES), true);
      break;
    case 2:
      view.setUint32(at, sign | fraction, true); // denormal or zero
      break;
    case 3:
      view.setUint32(at, sign | 0x7f80_0000 | fraction, true); // QNaN, SNaN or infinity
      break;
    case 4:
      view.setUint32(at, sign | (prng.pick([1, 2, 253, 254]) << 23) | fraction, true);
      break;
    case 5:
      view.setUint32(at, prng.u32(), true);
      break;
    default: // near 1, so that operations neither overflow nor lose an operand
      view.setUint32(at, sign | (prng.between(127 - 26, 127 + 36) << 23) | fraction, true);
  }
}

const randomFraction32 = (prng: Prng): number => {
  const fraction = prng.u32() & 0x7f_ffff;
  return prng.chance(0.3) ? fraction & (-1 << prng.below(24)) & 0x7f_ffff : fraction;
};

export function writeF64(prng: Prng, view: DataView, at: number): void {
  const sign = prng.below(2) << 31;
  let low = prng.u32();
  let high = prng.u32() & 0xf_ffff;
  if (prng.chance(0.4)) {
    low &= prng.chance(0.6) ? 0 : -1 << prng.below(32);
    if (low === 0) high &= -1 << prng.below(21);
  }
  view.setUint32(at, low, true);
  switch (prng.below(12)) {
    case 0:
    case 1:
      view.setFloat64(at, (sign ? -1 : 1) * prng.pick(FLOAT_EDGES), true);
      break;
    case 2:
      view.setUint32(at + 4, sign | high, true); // denormal or zero
      break;
    case 3:
      view.setUint32(at + 4, sign | 0x7ff0_0000 | high, true); // QNaN, SNaN or infinity
      break;
    case 4:
      view.setUint32(at + 4, sign | (prng.pick([1, 2, 2045, 2046]) << 20) | high, true);
      break;
    case 5:
      view.setUint32(at + 4, prng.u32(), true);
      break;
    case 6: // around the borders of f32's range, for conversions
      view.setUint32(at + 4, sign | ((1023 + prng.pick([-151, -150, -149, -127, -126, 127, 128])) << 20) | high, true);
      break;
    default:
      view.setUint32(at + 4, sign | (prng.between(1023 - 55, 1023 + 66) << 20) | high, true);
  }
}

/** Ten bytes: 64-bit significand with its integer bit, then sign and exponent (SDM Vol. 1 §4.2.2, Figure 4-3). */
export function writeF80(prng: Prng, view: DataView, at: number): void {
  let low = prng.u32();
  let high = prng.u32() | 0x8000_0000;
  if (prng.chance(0.5)) {
    low = prng.chance(0.7) ? 0 : low & (-1 << prng.below(32));
    if (low === 0) high &= -1 << prng.below(32);
  }
  let exponent = prng.between(0x3fff - 70, 0x3fff + 70);
  switch (prng.below(16)) {
    case 0:
      [low, high, exponent] = [0, 0, 0]; // zero
      break;
    case 1:
      [low, high, exponent] = [0, 0x8000_0000, 0x7fff]; // infinity
      break;
    case 2:
      exponent = 0x7fff; // QNaN or SNaN
      break;
    case 3:
      [high, exponent] = [high & 0x7fff_ffff, 0]; // denormal
      break;
    case 4:
      exponent = prng.pick([0, 1, 2, 0x7ffd, 0x7ffe]); // 0: pseudo-denormal
      break;
    case 5:
      if (prng.chance(0.5)) high &= 0x7fff_ffff; // unnormal, pseudo-NaN, pseudo-infinity: unsupported since the 387
      exponent = prng.pick([0x3fff, 0x7fff, prng.below(0x8000)]);
      break;
    case 6:
    case 7: // integers and halves
      [low, high, exponent] = [0, (prng.below(256) | 128) << 24, 0x3fff + prng.between(-1, 9)];
      break;
    case 8: // around the borders of f32 and f64, i16, i32 and i64
      exponent =
        0x3fff + prng.pick([-1075, -1074, -1023, -1022, -150, -149, -127, -126, 15, 31, 63, 64, 127, 128, 1023, 1024]);
      break;
    default: // near 1
  }
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  view.setUint16(at + 8, exponent | (prng.below(2) << 15), true);
}
