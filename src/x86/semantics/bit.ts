import type { Emitter, Int, Operand } from '../emitter.ts';
import { describe } from '../semantics.ts';

/** SDM Vol. 1 §5.1.6 "Bit and Byte Instructions", and the counts of bits. */

type Change = (e: Emitter, value: Int, mask: Int) => Int;

/** log2 of 16, 32 and 64. */
const LOG2: Readonly<Record<number, number>> = { 16: 4, 32: 5, 64: 6 };

/** Only CF is defined; ZF stays. */
function bitFlags(e: Emitter, value: Int, index: Int): void {
  e.writeFlags({ CF: e.bit(e.shr(value, index), 0) });
  e.undefinedFlags('OF', 'SF', 'AF', 'PF');
}

/** A bit of a register or of one memory operand: the index is taken modulo the width. */
function inOperand(e: Emitter, place: Operand, src: Operand, change: Change | undefined): void {
  const { width } = place;
  const index = e.resize(e.and(src.read(), e.int(src.width, width - 1)), width);
  const value = place.read();
  if (change !== undefined) place.write(change(e, value, e.shl(e.int(width, 1), index)));
  bitFlags(e, value, index);
}

/** A bit string in memory: the signed index reaches beyond the operand (SDM Vol. 2A "BT"). */
function inString(e: Emitter, place: Operand, src: Operand, change: Change | undefined): void {
  const { width } = place;
  const position = src.read();
  const words = e.sar(position, e.int(width, LOG2[width]!));
  const start = place.effectiveAddress();
  const bytes = e.shl(words, e.int(width, LOG2[width]! - 3));
  const displacement = start.width <= width ? e.truncate(bytes, start.width) : e.signExtend(bytes, start.width);
  const address = e.dataAddress(e.add(start, displacement));
  const index = e.and(position, e.int(width, width - 1));
  const value = e.load(address, width, { forWrite: change !== undefined });
  if (change !== undefined) e.store(address, change(e, value, e.shl(e.int(width, 1), index)));
  bitFlags(e, value, index);
}

function bitOperation(e: Emitter, place: Operand, src: Operand, change?: Change): void {
  if (place.kind === 'memory' && src.kind === 'register') inString(e, place, src, change);
  else inOperand(e, place, src, change);
}

export const BT = describe('BT', ['src', 'src2'], ({ e, src, src2 }) => bitOperation(e, src, src2));

const changeBit = (name: string, change: Change) =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => bitOperation(e, dst, src, change));
export const BTS = changeBit('BTS', (e, value, mask) => e.or(value, mask));
export const BTR = changeBit('BTR', (e, value, mask) => e.and(value, e.not(mask)));
export const BTC = changeBit('BTC', (e, value, mask) => e.xor(value, mask));

/** BSF and BSR of 0 leave the destination as it was. */
const bitScan = (name: string, scan: (e: Emitter, value: Int) => Int) =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => {
    const value = src.read();
    e.when(e.boolNot(e.isZero(value)), () => dst.write(scan(e, value)));
    e.resultFlags(value, {});
    e.undefinedFlags('CF', 'OF', 'SF', 'AF', 'PF');
  });
export const BSF = bitScan('BSF', (e, value) => e.ctz(value));
export const BSR = bitScan('BSR', (e, value) => e.xor(e.clz(value), e.int(value.width, value.width - 1)));

const zeroCount = (name: string, count: (e: Emitter, value: Int) => Int) =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => {
    const value = src.read();
    const r = count(e, value);
    dst.write(r);
    e.resultFlags(r, { CF: e.isZero(value) });
    e.undefinedFlags('OF', 'SF', 'AF', 'PF');
  });
export const LZCNT = zeroCount('LZCNT', (e, value) => e.clz(value));
export const TZCNT = zeroCount('TZCNT', (e, value) => e.ctz(value));

export const POPCNT = describe('POPCNT', ['dst', 'src'], ({ e, dst, src }) => {
  const value = src.read();
  dst.write(e.popcount(value));
  const no = e.bool(false);
  e.writeFlags({ CF: no, PF: no, AF: no, ZF: e.isZero(value), SF: no, OF: no });
});

export const CRC32 = describe('CRC32', ['dst', 'src'], ({ e, dst, src }) => {
  const crc = e.zeroExtend(e.resize(dst.read(), 32), 64);
  const r = e.intrinsic('CRC32', [crc, e.resize(src.read(), 64), e.int(64, src.width)], 'int');
  dst.write(e.resize(r, dst.width));
});
