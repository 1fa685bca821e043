import {
  fromHalves,
  isPlain32,
  isPlain64,
  lastResult,
  PRECISION,
  roundToEven,
  toSingle,
  UNKNOWN,
} from '../softfloat/numbers.ts';
import { ARGUMENT_WORDS } from './words.ts';

/**
 * Conversions, comparisons and roundings of SSE on JavaScript numbers, for rounding to nearest and values that are normal
 * or zero; the exact implementations have the same names in simd-float.ts and simd-conversion.ts.
 */

/**
 * On the scratch of intrinsics (see words.ts): gives the flags raised, with the result in place of the first argument; or
 * UNKNOWN, with the arguments as they were.
 */
export type NumberForm = (words: Int32Array, at: number) => number;

const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);
const float = new Float32Array(1);
const floatWord = new Int32Array(float.buffer);
/** The result until all its lanes are known. */
const result = new Int32Array(4);

type Read = (words: Int32Array, at: number, lane: number) => number;
/** Puts a lane into `result`. */
type Write = (lane: number, value: number) => void;

/** NaN stands for whatever is not plain. */
const readF64: Read = (words, at, lane) => {
  doubleWords[0] = words[at + 2 * lane]!;
  doubleWords[1] = words[at + 2 * lane + 1]!;
  const value = double[0]!;
  return isPlain64(value) ? value : Number.NaN;
};

const readF32: Read = (words, at, lane) => {
  floatWord[0] = words[at + lane]!;
  const value = float[0]!;
  return isPlain32(value) ? value : Number.NaN;
};

const readI32: Read = (words, at, lane) => words[at + lane]!;

const writeF64: Write = (lane, value) => {
  double[0] = value;
  result[2 * lane] = doubleWords[0]!;
  result[2 * lane + 1] = doubleWords[1]!;
};

const writeF32: Write = (lane, value) => {
  float[0] = value;
  result[lane] = floatWord[0]!;
};

const writeI32: Write = (lane, value) => {
  result[lane] = value;
};

const writeI64: Write = (lane, value) => {
  const high = Math.floor(value / 2 ** 32);
  result[2 * lane] = (value - high * 2 ** 32) | 0;
  result[2 * lane + 1] = high;
};

function commit(words: Int32Array, at: number, flags: number): number {
  for (let i = 0; i < 4; i++) words[at + i] = result[i]!;
  return flags;
}

/** Flags or UNKNOWN, with the result in lastResult(); the argument is plain. */
type Convert = (value: number) => number;

const eachLane =
  (count: number, read: Read, write: Write, convert: Convert, after: (value: number) => number): NumberForm =>
  (words, at) => {
    let flags = 0;
    result.fill(0);
    for (let lane = 0; lane < count; lane++) {
      const value = read(words, at, lane);
      if (Number.isNaN(value)) return UNKNOWN;
      const raised = convert(value);
      if (raised === UNKNOWN) return UNKNOWN;
      flags |= raised;
      write(lane, after(value));
    }
    return commit(words, at, flags);
  };

/** Conversions whose result comes from lastResult(). */
const rounded = (count: number, read: Read, write: Write, convert: Convert): NumberForm =>
  eachLane(count, read, write, convert, lastResult);

/** Conversions that are always exact. */
const exact = (count: number, read: Read, write: Write): NumberForm =>
  eachLane(
    count,
    read,
    write,
    () => 0,
    (value) => value,
  );

/** To integers that fit [-limit, limit). */
const toInteger = (
  count: number,
  read: Read,
  { limit, round }: { limit: number; round: (value: number) => number },
): NumberForm =>
  eachLane(
    count,
    read,
    limit === 2 ** 31 ? writeI32 : writeI64,
    (value) => {
      const integer = round(value);
      if (!(integer >= -limit && integer < limit)) return UNKNOWN;
      return integer === value ? 0 : PRECISION;
    },
    round,
  );

const NARROW = 2 ** 31;
const WIDE = 2 ** 63;
const nearest = { limit: NARROW, round: roundToEven };
const truncated = { limit: NARROW, round: Math.trunc };

/** One 64-bit integer. */
const fromInteger =
  (write: Write, narrow: boolean): NumberForm =>
  (words, at) => {
    let flags = fromHalves(words[at]!, words[at + 1]!);
    if (narrow) {
      // Rounded to a double before, it would be rounded twice.
      if (flags !== 0) return UNKNOWN;
      flags = toSingle(lastResult());
      if (flags === UNKNOWN) return UNKNOWN;
    }
    result.fill(0);
    write(0, lastResult());
    return commit(words, at, flags);
  };

/** EFLAGS as the exact implementation gives them: ZF bit 6, CF bit 0. */
const flagComparison =
  (read: Read): NumberForm =>
  (words, at) => {
    const a = read(words, at, 0);
    const b = read(words, at + ARGUMENT_WORDS, 0);
    if (Number.isNaN(a) || Number.isNaN(b)) return UNKNOWN;
    result.fill(0);
    result[0] = a < b ? 0x01 : a === b ? 0x40 : 0;
    return commit(words, at, 0);
  };

/** Predicates that hold, by imm8[1:0]: EQ, LT, LE, UNORD; imm8[2] negates (SDM Vol. 2A "CMPPS"). */
const holds = (a: number, b: number, predicate: number): boolean => {
  const less = (predicate & 3) === 1 || (predicate & 3) === 2;
  const equal = (predicate & 3) === 0 || (predicate & 3) === 2;
  const positive = (less && a < b) || (equal && a === b);
  return positive !== ((predicate & 4) !== 0);
};

const comparison =
  (count: number, read: Read): NumberForm =>
  (words, at) => {
    const predicate = words[at + 2 * ARGUMENT_WORDS]!;
    const size = read === readF64 ? 2 : 1;
    result.fill(0);
    for (let lane = 0; lane < count; lane++) {
      const a = read(words, at, lane);
      const b = read(words, at + ARGUMENT_WORDS, lane);
      if (Number.isNaN(a) || Number.isNaN(b)) return UNKNOWN;
      if (holds(a, b, predicate)) result.fill(-1, lane * size, (lane + 1) * size);
    }
    return commit(words, at, 0);
  };

/** By imm8[2:0]: the rounding control, or (bit 2) that of MXCSR, which is to nearest here. */
const ROUNDINGS = [
  roundToEven,
  Math.floor,
  Math.ceil,
  Math.trunc,
  roundToEven,
  roundToEven,
  roundToEven,
  roundToEven,
] as const;

/** imm8[3] suppresses the precision exception. */
const rounding = (count: number, read: Read, write: Write): NumberForm => {
  return (words, at) => {
    const control = words[at + ARGUMENT_WORDS]!;
    const round = ROUNDINGS[control & 7]!;
    let flags = 0;
    result.fill(0);
    for (let lane = 0; lane < count; lane++) {
      const value = read(words, at, lane);
      if (Number.isNaN(value)) return UNKNOWN;
      const integer = round(value);
      if (integer !== value && (control & 8) === 0) flags = PRECISION;
      write(lane, integer);
    }
    return commit(words, at, flags);
  };
};

export const numberForms: Readonly<Record<string, NumberForm>> = {
  CVTPS2PD: exact(2, readF32, writeF64),
  CVTPD2PS: rounded(2, readF64, writeF32, toSingle),
  CVTSS2SD: exact(1, readF32, writeF64),
  CVTSD2SS: rounded(1, readF64, writeF32, toSingle),
  CVTDQ2PS: rounded(4, readI32, writeF32, toSingle),
  CVTDQ2PD: exact(2, readI32, writeF64),
  CVTPI2PS: rounded(2, readI32, writeF32, toSingle),
  CVTPI2PD: exact(2, readI32, writeF64),
  CVTSI2SS: fromInteger(writeF32, true),
  CVTSI2SD: fromInteger(writeF64, false),
  CVTPS2DQ: toInteger(4, readF32, nearest),
  CVTTPS2DQ: toInteger(4, readF32, truncated),
  CVTPD2DQ: toInteger(2, readF64, nearest),
  CVTTPD2DQ: toInteger(2, readF64, truncated),
  'CVTSS2SI.32': toInteger(1, readF32, nearest),
  'CVTSS2SI.64': toInteger(1, readF32, { ...nearest, limit: WIDE }),
  'CVTTSS2SI.32': toInteger(1, readF32, truncated),
  'CVTTSS2SI.64': toInteger(1, readF32, { ...truncated, limit: WIDE }),
  'CVTSD2SI.32': toInteger(1, readF64, nearest),
  'CVTSD2SI.64': toInteger(1, readF64, { ...nearest, limit: WIDE }),
  'CVTTSD2SI.32': toInteger(1, readF64, truncated),
  'CVTTSD2SI.64': toInteger(1, readF64, { ...truncated, limit: WIDE }),
  CMPPS: comparison(4, readF32),
  CMPPD: comparison(2, readF64),
  CMPSS: comparison(1, readF32),
  CMPSD: comparison(1, readF64),
  COMISS: flagComparison(readF32),
  COMISD: flagComparison(readF64),
  UCOMISS: flagComparison(readF32),
  UCOMISD: flagComparison(readF64),
  ROUNDPS: rounding(4, readF32, writeF32),
  ROUNDPD: rounding(2, readF64, writeF64),
  ROUNDSS: rounding(1, readF32, writeF32),
  ROUNDSD: rounding(1, readF64, writeF64),
};
