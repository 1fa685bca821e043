import type { IntrinsicTable } from './intrinsic.ts';
import { ARGUMENT_WORDS, overWords, setResult } from './words.ts';

/** String comparisons of SSE4.2: SDM Vol. 2B §4.1 "Imm8 Control Byte Operation for PCMPESTRI / PCMPESTRM / …". */

// imm8: [0] words, not bytes [1] signed [3:2] aggregation [4] negative polarity [5] masked [6] most significant; mask of elements
const CONTROL = { WORDS: 1, SIGNED: 2, AGGREGATION: 2, NEGATIVE: 16, MASKED: 32, SELECT: 64 } as const;

/** The strings being compared, by element. Module state, so that a comparison allocates nothing. */
const a = new Int32Array(16);
const b = new Int32Array(16);

/**
 * IntRes1 by aggregation (§4.1.4): `count` elements, of which `lengthA` and `lengthB` are valid; comparisons with
 * invalid ones are overridden as in Table 4-6.
 */
const AGGREGATIONS: readonly ((count: number, lengthA: number, lengthB: number) => number)[] = [
  function equalAny(_count, lengthA, lengthB) {
    let result = 0;
    for (let j = 0; j < lengthB; j++) {
      for (let i = 0; i < lengthA; i++) if (a[i] === b[j]) result |= 1 << j;
    }
    return result;
  },
  function ranges(_count, lengthA, lengthB) {
    let result = 0;
    for (let j = 0; j < lengthB; j++) {
      for (let i = 0; i + 1 < lengthA; i += 2) if (a[i]! <= b[j]! && b[j]! <= a[i + 1]!) result |= 1 << j;
    }
    return result;
  },
  function equalEach(count, lengthA, lengthB) {
    let result = 0;
    for (let j = 0; j < count; j++) {
      const both = j < lengthA && j < lengthB;
      if (both ? a[j] === b[j] : j >= lengthA && j >= lengthB) result |= 1 << j;
    }
    return result;
  },
  function equalOrdered(count, lengthA, lengthB) {
    let result = 0;
    for (let j = 0; j < count; j++) {
      let i = 0;
      while (i < lengthA && i + j < lengthB && a[i] === b[i + j]) i++;
      if (i === lengthA || i + j === count) result |= 1 << j;
    }
    return result;
  },
];

/** Fills `elements` from the vector at `from`; gives how many come before the first zero. */
function unpack(elements: Int32Array, words: Int32Array, from: number, control: number): number {
  const bits = (control & CONTROL.WORDS) !== 0 ? 16 : 8;
  const count = 128 / bits;
  const signed = (control & CONTROL.SIGNED) !== 0;
  let end = count;
  for (let n = count - 1; n >= 0; n--) {
    // The element moves to the top of its word and comes down again with its sign, or zeros.
    const place = n * bits;
    const top = words[from + (place >> 5)]! << (32 - bits - (place & 31));
    const element = signed ? top >> (32 - bits) : top >>> (32 - bits);
    elements[n] = element;
    if (element === 0) end = n;
  }
  return end;
}

/** The absolute value of an explicit length (64-bit, at `from`), at most `count`. */
function saturated(words: Int32Array, from: number, count: number): number {
  const low = words[from]!;
  const high = words[from + 1]!;
  if (high === 0 && low >>> 0 < count) return low;
  if (high === -1 && low < 0 && -low < count) return -low;
  return count;
}

function indexOf(result: number, count: number, most: boolean): number {
  if (result === 0) return count;
  return most ? 31 - Math.clz32(result) : 31 - Math.clz32(result & -result);
}

/** IntRes2 from IntRes1 by polarity (§4.1.5); the outcome is [15:0] IntRes2 [20:16] index [24] CF [25] ZF [26] SF [27] OF. */
function outcome(control: number, lengthA: number, lengthB: number): number {
  const count = (control & CONTROL.WORDS) !== 0 ? 8 : 16;
  let result = AGGREGATIONS[(control >> CONTROL.AGGREGATION) & 3]!(count, lengthA, lengthB);
  if ((control & CONTROL.NEGATIVE) !== 0) {
    result ^= (1 << ((control & CONTROL.MASKED) !== 0 ? lengthB : count)) - 1;
  }
  const index = indexOf(result, count, (control & CONTROL.SELECT) !== 0);
  const carry = result !== 0 ? 1 << 24 : 0;
  const zero = lengthB < count ? 1 << 25 : 0;
  const sign = lengthA < count ? 1 << 26 : 0;
  return result | (index << 16) | carry | zero | sign | ((result & 1) << 27);
}

const B = ARGUMENT_WORDS;
const IMM8 = 2 * ARGUMENT_WORDS;
const LENGTH_A = 3 * ARGUMENT_WORDS;
const LENGTH_B = 4 * ARGUMENT_WORDS;

export const pcmpstrIntrinsics: IntrinsicTable = {
  /** a, b, imm8: strings end at a zero element. */
  PCMPISTR: overWords((words, at) => {
    const control = words[at + IMM8]!;
    const lengthA = unpack(a, words, at, control);
    const lengthB = unpack(b, words, at + B, control);
    setResult(words, at, outcome(control, lengthA, lengthB));
  }),
  /** a, b, imm8, lengths */
  PCMPESTR: overWords((words, at) => {
    const control = words[at + IMM8]!;
    unpack(a, words, at, control);
    unpack(b, words, at + B, control);
    const count = (control & CONTROL.WORDS) !== 0 ? 8 : 16;
    const lengthA = saturated(words, at + LENGTH_A, count);
    const lengthB = saturated(words, at + LENGTH_B, count);
    setResult(words, at, outcome(control, lengthA, lengthB));
  }),
  /** outcome, imm8 to IntRes2 as bits, or as bytes or words of ones. */
  'PCMPSTR.mask': overWords((words, at) => {
    const result = words[at]! & 0xffff;
    const control = words[at + B]!;
    setResult(words, at, result);
    if ((control & CONTROL.SELECT) === 0) return;
    const [bits, ones] = (control & CONTROL.WORDS) !== 0 ? [16, 0xffff] : [8, 0xff];
    words[at] = 0;
    for (let place = 0; place < 128; place += bits) {
      if (((result >> (place / bits)) & 1) !== 0) words[at + (place >> 5)]! |= ones << (place & 31);
    }
  }),
};
