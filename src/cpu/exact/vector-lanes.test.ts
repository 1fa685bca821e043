import { expect, test } from 'vitest';
import type { Lane, VecBinary } from '../../x86/emitter.ts';
import { fromLanes, vecBinary, vecExtend, vecMask, vecShift, vecShuffle, vecSwizzle } from './vector-lanes.ts';

const words = (...lanes: readonly number[]): bigint => fromLanes(lanes.map(BigInt), 16);
const doublewords = (...lanes: readonly number[]): bigint => fromLanes(lanes.map(BigInt), 32);
const bytes = (...lanes: readonly number[]): bigint => fromLanes(lanes.map(BigInt), 8);

test.each<[string, VecBinary, Lane, bigint, bigint, bigint]>([
  ['PADDW wraps', 'add', 'i16', words(0xffff, 1), words(2, 3), words(1, 4)],
  ['PADDSW saturates', 'addSatS', 'i16', words(0x7fff, 0x8000), words(1, 0xffff), words(0x7fff, 0x8000)],
  ['PADDUSB saturates', 'addSatU', 'i8', bytes(0xff, 1), bytes(1, 1), bytes(0xff, 2)],
  ['PSUBUSB stops at 0', 'subSatU', 'i8', bytes(1, 9), bytes(2, 4), bytes(0, 5)],
  ['PSUBSW saturates', 'subSatS', 'i16', words(0x8000), words(1), words(0x8000)],
  ['PMULLW', 'mul', 'i16', words(0x100, 0xffff), words(0x101, 3), words(0x100, 0xfffd)],
  ['PMULHW', 'mulHiS', 'i16', words(0xffff, 0x4000), words(3, 4), words(0xffff, 1)],
  ['PMULHUW', 'mulHiU', 'i16', words(0xffff), words(3), words(2)],
  ['PMULHRSW rounds', 'mulHiRoundS', 'i16', words(0x4000, 0x8000), words(1, 0x8000), words(1, 0x8000)],
  ['PMINSW', 'minS', 'i16', words(0x8000, 1), words(1, 2), words(0x8000, 1)],
  ['PMINUW', 'minU', 'i16', words(0x8000, 1), words(1, 2), words(1, 1)],
  ['PMAXSB', 'maxS', 'i8', bytes(0x80, 5), bytes(1, 4), bytes(1, 5)],
  ['PAVGB rounds up', 'avgU', 'i8', bytes(1, 0xff), bytes(2, 0xff), bytes(2, 0xff)],
  [
    'PCMPEQD',
    'eq',
    'i32',
    doublewords(1, 2, 3, 4),
    doublewords(1, 9, 3, 8),
    doublewords(0xffff_ffff, 0, 0xffff_ffff, 0),
  ],
  ['PCMPGTD is signed', 'gtS', 'i32', doublewords(1), doublewords(0xffff_ffff), doublewords(0xffff_ffff)],
  ['PANDN complements the first', 'andNot', 'i8', bytes(0xf0), bytes(0xff), bytes(0x0f)],
  ['PUNPCKLWD', 'unpackLow', 'i16', words(1, 2, 3, 4), words(5, 6, 7, 8), words(1, 5, 2, 6, 3, 7, 4, 8)],
  ['PUNPCKHDQ', 'unpackHigh', 'i32', doublewords(1, 2, 3, 4), doublewords(5, 6, 7, 8), doublewords(3, 7, 4, 8)],
  [
    'PACKSSDW',
    'packS',
    'i32',
    doublewords(0x1_0000, 0xffff_0000, 5, 0),
    doublewords(7, 0, 0, 0),
    words(0x7fff, 0x8000, 5, 0, 7),
  ],
  ['PACKUSWB', 'packU', 'i16', words(0x100, 0xffff, 0x42), words(1), bytes(0xff, 0, 0x42, 0, 0, 0, 0, 0, 1)],
  [
    'PMADDWD',
    'mulAdd',
    'i16',
    words(2, 3, 0x8000, 0x8000),
    words(4, 0xffff, 0x8000, 0x8000),
    doublewords(5, 0x8000_0000),
  ],
  ['PMADDUBSW saturates', 'mulAddUS', 'i8', bytes(0xff, 0xff, 2, 1), bytes(0x7f, 0x7f, 0xff, 1), words(0x7fff, 0xffff)],
  ['PMULUDQ', 'mulEvenU', 'i32', doublewords(0xffff_ffff, 9), doublewords(2, 9), doublewords(0xffff_fffe, 1)],
  ['PMULDQ', 'mulEvenS', 'i32', doublewords(0xffff_ffff, 9), doublewords(2, 9), doublewords(0xffff_fffe, 0xffff_ffff)],
  ['PSADBW', 'sumAbsDiff', 'i8', bytes(9, 1), bytes(4, 3), words(7)],
  ['PHADDW', 'hadd', 'i16', words(1, 2, 3, 4, 5, 6, 7, 8), words(1, 1), words(3, 7, 11, 15, 2)],
  ['PHSUBSW', 'hsubSat', 'i16', words(0x8000, 1), words(5, 7), words(0x8000, 0, 0, 0, 0xfffe)],
  ['PSIGNB', 'sign', 'i8', bytes(5, 5, 5), bytes(0xff, 0, 1), bytes(0xfb, 0, 5)],
])('vecBinary %s', (_, op, lane, a, b, wanted) => {
  expect(vecBinary(op, lane, a, b).toString(16)).toBe(wanted.toString(16));
});

test.each<['shl' | 'shr' | 'sar', bigint, bigint]>([
  ['shl', 4n, words(0x10, 0xf000)],
  ['shr', 4n, words(0x0, 0xff0)],
  ['sar', 4n, words(0x0, 0xfff0)],
  ['shl', 16n, 0n],
  ['shr', 1n << 63n, 0n],
  ['sar', 99n, words(0, 0xffff)],
])('vecShift %s by %d', (op, count, wanted) => {
  expect(vecShift(op, 'i16', words(1, 0xff00), count)).toBe(wanted);
});

test('vecShuffle picks from both vectors, vecSwizzle zeroes by bit 7', () => {
  const a = bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  expect(vecShuffle(a, bytes(0x77), [3, 16, ...Array<number>(14).fill(0)])).toBe(bytes(3, 0x77));
  expect(vecSwizzle(a, bytes(0x1f, 0x80, 2))).toBe(bytes(15, 0, 2));
});

test('vecMask collects top bits, vecExtend widens the low lanes', () => {
  expect(vecMask('i32', doublewords(0x8000_0000, 1, 0xffff_ffff, 0))).toBe(0b101n);
  expect(vecExtend({ signed: true, from: 'i8', to: 'i32' }, bytes(0xff, 2, 0x80, 1, 9))).toBe(
    doublewords(0xffff_ffff, 2, 0xffff_ff80, 1),
  );
  expect(vecExtend({ signed: false, from: 'i32', to: 'i64' }, doublewords(0xffff_ffff, 2, 3))).toBe(
    doublewords(0xffff_ffff, 0, 2, 0),
  );
});
