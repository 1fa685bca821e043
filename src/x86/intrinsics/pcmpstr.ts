import type { Intrinsic, IntrinsicTable } from './intrinsic.ts';
import { fromLanes, toLanes } from './lanes.ts';

/** String comparisons of SSE4.2: SDM Vol. 2B §4.1 "Imm8 Control Byte Operation for PCMPESTRI / PCMPESTRM / …". */

const pure = (evaluate: (args: readonly bigint[]) => bigint): Intrinsic => ({ kind: 'pure', evaluate });

// imm8: [0] words, not bytes [1] signed [3:2] aggregation [4] negative polarity [5] masked [6] most significant; mask of elements
const CONTROL = { WORDS: 1, SIGNED: 2, AGGREGATION: 2, NEGATIVE: 16, MASKED: 32, SELECT: 64 } as const;

interface Strings {
  readonly a: readonly bigint[];
  readonly b: readonly bigint[];
  /** Valid elements. */
  readonly lengthA: number;
  readonly lengthB: number;
}

/** Whether bit `j` of IntRes1 is set, by aggregation (§4.1.4), invalid elements overridden as in Table 4-6. */
const AGGREGATIONS: readonly ((s: Strings, j: number) => boolean)[] = [
  function equalAny({ a, b, lengthA, lengthB }, j) {
    return j < lengthB && a.slice(0, lengthA).includes(b[j]!);
  },
  function ranges({ a, b, lengthA, lengthB }, j) {
    if (j >= lengthB) return false;
    for (let i = 0; i + 1 < lengthA; i += 2) if (a[i]! <= b[j]! && b[j]! <= a[i + 1]!) return true;
    return false;
  },
  function equalEach({ a, b, lengthA, lengthB }, j) {
    return j < lengthA && j < lengthB ? a[j] === b[j] : j >= lengthA && j >= lengthB;
  },
  function equalOrdered({ a, b, lengthA, lengthB }, j) {
    for (let i = 0; i < lengthA && i + j < b.length; i++) {
      if (i + j >= lengthB || a[i] !== b[i + j]) return false;
    }
    return true;
  },
];

const elements = (vector: bigint, control: number): bigint[] => {
  const bits = (control & CONTROL.WORDS) !== 0 ? 16 : 8;
  const lanes = toLanes(vector, bits);
  return (control & CONTROL.SIGNED) !== 0 ? lanes.map((lane) => BigInt.asIntN(bits, lane)) : lanes;
};

/** The absolute value of an explicit length, at most `count`. */
const saturated = (length: bigint, count: number): number => {
  const value = BigInt.asIntN(64, length);
  const absolute = value < 0n ? -value : value;
  return absolute > BigInt(count) ? count : Number(absolute);
};

/** IntRes1, then IntRes2 by polarity (§4.1.5). */
function compareStrings(strings: Strings, control: number): number {
  const count = strings.a.length;
  const holds = AGGREGATIONS[(control >> CONTROL.AGGREGATION) & 3]!;
  let result = 0;
  for (let j = 0; j < count; j++) if (holds(strings, j)) result |= 1 << j;
  if ((control & CONTROL.NEGATIVE) === 0) return result;
  const flipped = (control & CONTROL.MASKED) !== 0 ? strings.lengthB : count;
  return result ^ (2 ** flipped - 1);
}

function indexOf(result: number, count: number, most: boolean): number {
  if (result === 0) return count;
  return most ? 31 - Math.clz32(result) : 31 - Math.clz32(result & -result);
}

/** a, b, imm8, lengths to [15:0] IntRes2 [20:16] index [24] CF [25] ZF [26] SF [27] OF. */
function pcmpstr(args: readonly bigint[]): bigint {
  const [vectorA, vectorB, imm8, explicitA, explicitB] = args;
  const control = Number(imm8);
  const [a, b] = [elements(vectorA!, control), elements(vectorB!, control)];
  const count = a.length;
  const [lengthA, lengthB] = [saturated(explicitA!, count), saturated(explicitB!, count)];
  const result = compareStrings({ a, b, lengthA, lengthB }, control);
  const index = indexOf(result, count, (control & CONTROL.SELECT) !== 0);
  const flags = [result !== 0, lengthB < count, lengthA < count, (result & 1) !== 0];
  const flagBits = flags.reduce((bits, set, n) => (set ? bits | (1 << n) : bits), 0);
  return BigInt(result | (index << 16) | (flagBits << 24));
}

/** IntRes2 as bits, or as bytes or words of ones. */
function expandMask(outcome: bigint, imm8: bigint): bigint {
  const control = Number(imm8);
  const result = BigInt.asUintN(16, outcome);
  if ((control & CONTROL.SELECT) === 0) return result;
  const bits = (control & CONTROL.WORDS) !== 0 ? 16 : 8;
  const lanes = Array.from({ length: 128 / bits }, (_, n) => -((result >> BigInt(n)) & 1n));
  return fromLanes(lanes, bits);
}

/** Elements before the first zero. */
function implicitLength(vector: bigint, imm8: bigint): bigint {
  const lanes = elements(vector, Number(imm8));
  const end = lanes.indexOf(0n);
  return BigInt(end < 0 ? lanes.length : end);
}

export const pcmpstrIntrinsics: IntrinsicTable = {
  PCMPSTR: pure(pcmpstr),
  'PCMPSTR.mask': pure(([outcome, imm8]) => expandMask(outcome!, imm8!)),
  'PCMPSTR.length': pure(([vector, imm8]) => implicitLength(vector!, imm8!)),
};
