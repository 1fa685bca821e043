import type { Intrinsic, IntrinsicTable } from './intrinsic.ts';
import { ARGUMENT_WORDS, overWords, setResult } from './words.ts';

const pure = (evaluate: (args: readonly bigint[]) => bigint): Intrinsic => ({ kind: 'pure', evaluate });

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const i64 = (value: bigint): bigint => BigInt.asIntN(64, value);

/** High and low half of an unsigned dividend; and of a signed one. */
const unsigned128 = (high: bigint, low: bigint): bigint => (high << 64n) | low;
const signed128 = (high: bigint, low: bigint): bigint => (i64(high) << 64n) | low;

/** CRC-32C, reflected: SDM Vol. 2A "CRC32", polynomial 11EDC6F41H. */
const CRC32C_REFLECTED = 0x82f63b78;

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? CRC32C_REFLECTED : 0);
  return remainder;
});

function crc32c(words: Int32Array, at: number): void {
  let remainder = words[at]!;
  const bits = words[at + 2 * ARGUMENT_WORDS]!;
  for (let place = 0; place < bits; place += 8) {
    const byte = words[at + ARGUMENT_WORDS + (place >> 5)]! >>> (place & 31);
    remainder = (remainder >>> 8) ^ CRC32C_TABLE[(remainder ^ byte) & 0xff]!;
  }
  setResult(words, at, remainder);
}

/** Moves low bits of `source` to the places of mask's bits, or (gather) the other way round. */
function depositBits(source: bigint, mask: bigint): bigint {
  let result = 0n;
  for (let rest = mask, from = source; rest !== 0n; rest &= rest - 1n, from >>= 1n) {
    if (from & 1n) result |= rest & -rest;
  }
  return result;
}

function extractBits(source: bigint, mask: bigint): bigint {
  let result = 0n;
  for (let rest = mask, to = 1n; rest !== 0n; rest &= rest - 1n, to <<= 1n) {
    if (source & rest & -rest) result |= to;
  }
  return result;
}

/** What integer instructions need beyond the emitter. Arguments and results are 64-bit. */
export const integerIntrinsics: IntrinsicTable = {
  /** high, low, divisor > high. */
  'DIV.quotient': pure(([high, low, divisor]) => u64(unsigned128(high!, low!) / divisor!)),
  /** 1 if the divisor is 0 or the quotient leaves 64 bits. */
  'IDIV.overflows': pure(([high, low, divisor]) => {
    if (divisor === 0n) return 1n;
    const quotient = signed128(high!, low!) / i64(divisor!);
    return quotient === i64(quotient) ? 0n : 1n;
  }),
  'IDIV.quotient': pure(([high, low, divisor]) => u64(signed128(high!, low!) / i64(divisor!))),
  /** CRC so far, data, bits of data. */
  CRC32: overWords(crc32c),
  PDEP: pure(([source, mask]) => depositBits(source!, mask!)),
  PEXT: pure(([source, mask]) => extractBits(source!, mask!)),
};
