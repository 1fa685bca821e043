import type { Lane, VecBinary } from '../../x86/emitter.ts';

/** Lane-wise operations on 128-bit vectors held as unsigned bigints. */

export const LANE_BITS: Readonly<Record<Lane, number>> = { i8: 8, i16: 16, i32: 32, i64: 64 };

export function lanesOf(vector: bigint, bits: number): bigint[] {
  return Array.from({ length: 128 / bits }, (_, n) => BigInt.asUintN(bits, vector >> BigInt(n * bits)));
}

export function fromLanes(lanes: readonly bigint[], bits: number): bigint {
  return lanes.reduceRight((vector, lane) => (vector << BigInt(bits)) | BigInt.asUintN(bits, lane), 0n);
}

const signed = (value: bigint, bits: number): bigint => BigInt.asIntN(bits, value);

const clamp = (value: bigint, least: bigint, most: bigint): bigint =>
  value < least ? least : value > most ? most : value;
const saturateSigned = (value: bigint, bits: number): bigint => {
  const limit = 1n << BigInt(bits - 1);
  return clamp(value, -limit, limit - 1n);
};
const saturateUnsigned = (value: bigint, bits: number): bigint => clamp(value, 0n, (1n << BigInt(bits)) - 1n);

/** One lane of each vector to one lane; u and s are the unsigned and signed readings. */
interface LanePair {
  readonly u: readonly [bigint, bigint];
  readonly s: readonly [bigint, bigint];
  readonly bits: number;
}
type LaneOperation = (pair: LanePair) => bigint;

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const BY_LANE: Partial<Record<VecBinary, LaneOperation>> = {
  add: ({ u: [a, b] }) => a + b,
  sub: ({ u: [a, b] }) => a - b,
  mul: ({ u: [a, b] }) => a * b,
  addSatS: ({ s: [a, b], bits }) => saturateSigned(a + b, bits),
  addSatU: ({ u: [a, b], bits }) => saturateUnsigned(a + b, bits),
  subSatS: ({ s: [a, b], bits }) => saturateSigned(a - b, bits),
  subSatU: ({ u: [a, b], bits }) => saturateUnsigned(a - b, bits),
  minS: ({ s: [a, b] }) => smaller(a, b),
  minU: ({ u: [a, b] }) => smaller(a, b),
  maxS: ({ s: [a, b] }) => larger(a, b),
  maxU: ({ u: [a, b] }) => larger(a, b),
  avgU: ({ u: [a, b] }) => (a + b + 1n) >> 1n,
  mulHiS: ({ s: [a, b], bits }) => (a * b) >> BigInt(bits),
  mulHiU: ({ u: [a, b], bits }) => (a * b) >> BigInt(bits),
  eq: ({ u: [a, b] }) => (a === b ? -1n : 0n),
  gtS: ({ s: [a, b] }) => (a > b ? -1n : 0n),
  and: ({ u: [a, b] }) => a & b,
  or: ({ u: [a, b] }) => a | b,
  xor: ({ u: [a, b] }) => a ^ b,
  andNot: ({ u: [a, b] }) => ~a & b,
  mulHiRoundS: ({ s: [a, b] }) => (((a * b) >> 14n) + 1n) >> 1n,
  sign: ({ s: [a, b] }) => (b < 0n ? -a : b === 0n ? 0n : a),
};

/** Whole vectors as lanes of `bits` (unsigned) to a new vector. */
type VectorOperation = (a: readonly bigint[], b: readonly bigint[], bits: number) => bigint;

const interleave =
  (half: 'low' | 'high'): VectorOperation =>
  (a, b, bits) => {
    const start = half === 'low' ? 0 : a.length / 2;
    const pairs = a.slice(start, start + a.length / 2).flatMap((lane, n) => [lane, b[start + n]!]);
    return fromLanes(pairs, bits);
  };

const narrow =
  (saturate: (value: bigint, bits: number) => bigint): VectorOperation =>
  (a, b, bits) =>
    fromLanes(
      [...a, ...b].map((lane) => saturate(signed(lane, bits), bits / 2)),
      bits / 2,
    );

/** Adjacent lanes combined: a's pairs below b's. */
const horizontal =
  (combine: (first: bigint, second: bigint, bits: number) => bigint): VectorOperation =>
  (a, b, bits) => {
    const lanes = [...a, ...b].map((lane) => signed(lane, bits));
    return fromLanes(
      Array.from({ length: a.length }, (_, n) => combine(lanes[2 * n]!, lanes[2 * n + 1]!, bits)),
      bits,
    );
  };

const evenProducts =
  (read: (value: bigint, bits: number) => bigint): VectorOperation =>
  (a, b, bits) =>
    fromLanes(
      Array.from({ length: a.length / 2 }, (_, n) => read(a[2 * n]!, bits) * read(b[2 * n]!, bits)),
      bits * 2,
    );

/** Sums of two neighbouring products, in lanes of twice the width. */
const pairSums =
  (
    product: (a: bigint, b: bigint, bits: number) => bigint,
    settle: (sum: bigint, bits: number) => bigint,
  ): VectorOperation =>
  (a, b, bits) =>
    fromLanes(
      Array.from({ length: a.length / 2 }, (_, n) => {
        const term = (i: number): bigint => product(a[i]!, b[i]!, bits);
        return settle(term(2 * n) + term(2 * n + 1), bits * 2);
      }),
      bits * 2,
    );

const sumAbsDiff: VectorOperation = (a, b) => {
  const differences = a.map((lane, n) => larger(lane, b[n]!) - smaller(lane, b[n]!));
  const sum = (from: number): bigint => differences.slice(from, from + 8).reduce((total, value) => total + value, 0n);
  return fromLanes([sum(0), sum(8)], 64);
};

const BY_VECTOR: Partial<Record<VecBinary, VectorOperation>> = {
  unpackLow: interleave('low'),
  unpackHigh: interleave('high'),
  packS: narrow(saturateSigned),
  packU: narrow(saturateUnsigned),
  mulAdd: pairSums(
    (a, b, bits) => signed(a, bits) * signed(b, bits),
    (sum) => sum,
  ),
  mulEvenU: evenProducts((value) => value),
  mulEvenS: evenProducts(signed),
  mulAddUS: pairSums((a, b, bits) => a * signed(b, bits), saturateSigned),
  sumAbsDiff,
  hadd: horizontal((first, second) => first + second),
  hsub: horizontal((first, second) => first - second),
  haddSat: horizontal((first, second, bits) => saturateSigned(first + second, bits)),
  hsubSat: horizontal((first, second, bits) => saturateSigned(first - second, bits)),
};

export function vecBinary(op: VecBinary, lane: Lane, a: bigint, b: bigint): bigint {
  const bits = LANE_BITS[lane];
  const [left, right] = [lanesOf(a, bits), lanesOf(b, bits)];
  const whole = BY_VECTOR[op];
  if (whole !== undefined) return whole(left, right, bits);
  const single = BY_LANE[op]!;
  const result = left.map((x, n) => {
    const y = right[n]!;
    return single({ u: [x, y], s: [signed(x, bits), signed(y, bits)], bits });
  });
  return fromLanes(result, bits);
}

export function vecShift(op: 'shl' | 'shr' | 'sar', lane: Lane, a: bigint, count: bigint): bigint {
  const bits = LANE_BITS[lane];
  const tooFar = count >= BigInt(bits);
  const n = tooFar ? BigInt(bits - 1) : count;
  const lanes = lanesOf(a, bits).map((value) => {
    if (op === 'sar') return signed(value, bits) >> n;
    if (tooFar) return 0n;
    return op === 'shl' ? value << n : value >> n;
  });
  return fromLanes(lanes, bits);
}

export function vecAbs(lane: Lane, a: bigint): bigint {
  const bits = LANE_BITS[lane];
  return fromLanes(
    lanesOf(a, bits).map((value) => larger(signed(value, bits), -signed(value, bits))),
    bits,
  );
}

/** Bytes 0-15 are a's, 16-31 b's. */
export function vecShuffle(a: bigint, b: bigint, indices: readonly number[]): bigint {
  const bytes = [...lanesOf(a, 8), ...lanesOf(b, 8)];
  return fromLanes(
    indices.map((index) => bytes[index]!),
    8,
  );
}

export function vecSwizzle(a: bigint, b: bigint): bigint {
  const bytes = lanesOf(a, 8);
  return fromLanes(
    lanesOf(b, 8).map((index) => (index & 0x80n ? 0n : bytes[Number(index & 15n)]!)),
    8,
  );
}

export function vecMask(lane: Lane, a: bigint): bigint {
  const bits = LANE_BITS[lane];
  return lanesOf(a, bits).reduce((mask, value, n) => mask | ((value >> BigInt(bits - 1)) << BigInt(n)), 0n);
}

export function vecExtend(options: { signed: boolean; from: Lane; to: Lane }, a: bigint): bigint {
  const [from, to] = [LANE_BITS[options.from], LANE_BITS[options.to]];
  const lanes = lanesOf(a, from).slice(0, 128 / to);
  return fromLanes(
    lanes.map((value) => (options.signed ? signed(value, from) : value)),
    to,
  );
}
