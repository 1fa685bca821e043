import * as move from '../semantics/simd-data-transfer.ts';
import * as float from '../semantics/simd-float.ts';
import * as integer from '../semantics/simd-integer.ts';
import * as shuffle from '../semantics/simd-shuffle.ts';
import { explicitLengths32, explicitLengths64, implicitLengths } from '../semantics/simd-string.ts';
import type { Description } from '../semantics.ts';
import { byMod, byPrefix, byRex, type Entry, type OpcodeMap, op, type Row, type RowOptions } from './row.ts';

/**
 * SSSE3, SSE4.1 and SSE4.2 in the three-byte maps (SDM Vol. 2D App. A, Tables ); CRC32 and POPCNT are in
 * integer.ts. Columns: meaning, operands (letters in row.ts), options.
 */

const ssse3: RowOptions = { unit: 'sse', feature: 'ssse3' };
const mmxSsse3: RowOptions = { unit: 'mmx', feature: 'ssse3' };
const sse41: RowOptions = { unit: 'sse', feature: 'sse4_1' };
const sse42: RowOptions = { unit: 'sse', feature: 'sse4_2' };

/** On MMX registers, or XMM registers with 66. */
const both = (meaning: integer.Packed): Entry =>
  byPrefix({ none: op(meaning, ['Pq', 'Qq'], mmxSsse3), p66: op(meaning, ['Vdq', 'Wdq'], ssse3) });

const packed = (meaning: integer.Packed, since: RowOptions = sse41): Entry =>
  byPrefix({ p66: op(meaning, ['Vdq', 'Wdq'], since) });

/** PMOVSX and PMOVZX read as much memory as they extend. */
const extended = (meaning: integer.Packed, code: 'Wq' | 'Wd' | 'Ww'): Entry =>
  byPrefix({ p66: op(meaning, ['Vdq', code], sse41) });

const { PSIGNB, PSIGNW, PSIGND, PMADDUBSW, PMULHRSW, PMULDQ, PMULLD, PCMPEQQ, PCMPGTQ } = integer.lanewise;
const { PMINSB, PMINSD, PMINUW, PMINUD, PMAXSB, PMAXSD, PMAXUW, PMAXUD } = integer.lanewise;
const { PHADDW, PHADDD, PHADDSW, PHSUBW, PHSUBD, PHSUBSW, PACKUSDW } = integer.across;
const { PBLENDVB, BLENDVPS, BLENDVPD } = shuffle.blendsByMask;

export const map0f38: OpcodeMap = {
  0x00: both(shuffle.PSHUFB),
  0x01: both(PHADDW),
  0x02: both(PHADDD),
  0x03: both(PHADDSW),
  0x04: both(PMADDUBSW),
  0x05: both(PHSUBW),
  0x06: both(PHSUBD),
  0x07: both(PHSUBSW),
  0x08: both(PSIGNB),
  0x09: both(PSIGNW),
  0x0a: both(PSIGND),
  0x0b: both(PMULHRSW),
  0x10: packed(PBLENDVB),
  0x14: packed(BLENDVPS),
  0x15: packed(BLENDVPD),
  0x17: byPrefix({ p66: op(integer.PTEST, ['Vdq', 'Wdq'], sse41) }),
  0x1c: both(integer.absolute.PABSB),
  0x1d: both(integer.absolute.PABSW),
  0x1e: both(integer.absolute.PABSD),
  0x20: extended(shuffle.extensions.PMOVSXBW, 'Wq'),
  0x21: extended(shuffle.extensions.PMOVSXBD, 'Wd'),
  0x22: extended(shuffle.extensions.PMOVSXBQ, 'Ww'),
  0x23: extended(shuffle.extensions.PMOVSXWD, 'Wq'),
  0x24: extended(shuffle.extensions.PMOVSXWQ, 'Wd'),
  0x25: extended(shuffle.extensions.PMOVSXDQ, 'Wq'),
  0x28: packed(PMULDQ),
  0x29: packed(PCMPEQQ),
  0x2a: byPrefix({ p66: op(move.alignedMoves.MOVNTDQA, ['Vdq', 'Mdq'], sse41) }),
  0x2b: packed(PACKUSDW),
  0x30: extended(shuffle.extensions.PMOVZXBW, 'Wq'),
  0x31: extended(shuffle.extensions.PMOVZXBD, 'Wd'),
  0x32: extended(shuffle.extensions.PMOVZXBQ, 'Ww'),
  0x33: extended(shuffle.extensions.PMOVZXWD, 'Wq'),
  0x34: extended(shuffle.extensions.PMOVZXWQ, 'Wd'),
  0x35: extended(shuffle.extensions.PMOVZXDQ, 'Wq'),
  0x37: packed(PCMPGTQ, sse42),
  0x38: packed(PMINSB),
  0x39: packed(PMINSD),
  0x3a: packed(PMINUW),
  0x3b: packed(PMINUD),
  0x3c: packed(PMAXSB),
  0x3d: packed(PMAXSD),
  0x3e: packed(PMAXUW),
  0x3f: packed(PMAXUD),
  0x40: packed(PMULLD),
  0x41: packed(integer.PHMINPOSUW),
};

type WithImmediate = Description<readonly ['vdst', 'vsrc', 'src']>;

const controlled = (meaning: WithImmediate, code: 'Wdq' | 'Wq' | 'Wd' = 'Wdq'): Entry =>
  byPrefix({ p66: op(meaning, ['Vdq', code, 'Ib'], sse41) });

const extracted = (meaning: typeof shuffle.extracts.PEXTRB, code: 'Mb' | 'Mw' | 'Rd' | 'Ed' | 'Ey'): Row =>
  op(meaning, [code, 'Vdq', 'Ib'], sse41);

const inserted = (meaning: typeof shuffle.inserts.PINSRB, code: 'Mb' | 'Rd' | 'Ey'): Row =>
  op(meaning, ['Vdq', code, 'Ib'], sse41);

type Compare = typeof implicitLengths.PCMPISTRI;
const compared = (meaning: Compare): Row => op(meaning, ['Vdq', 'Wdq', 'Ib'], sse42);

/** REX.W decides how long the lengths are. */
const comparedByLength = (narrow: Compare, wide: Compare): Entry =>
  byPrefix({ p66: byRex('W', { clear: compared(narrow), set: compared(wide) }) });

const { PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS } = shuffle.extracts;
const { PINSRB, PINSRD, PINSRQ } = shuffle.inserts;
const { ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD } = float.roundings;

export const map0f3a: OpcodeMap = {
  0x08: controlled(ROUNDPS),
  0x09: controlled(ROUNDPD),
  0x0a: controlled(ROUNDSS, 'Wd'),
  0x0b: controlled(ROUNDSD, 'Wq'),
  0x0c: controlled(shuffle.blendsByImmediate.BLENDPS),
  0x0d: controlled(shuffle.blendsByImmediate.BLENDPD),
  0x0e: controlled(shuffle.blendsByImmediate.PBLENDW),
  0x0f: byPrefix({
    none: op(shuffle.PALIGNR, ['Pq', 'Qq', 'Ib'], mmxSsse3),
    p66: op(shuffle.PALIGNR, ['Vdq', 'Wdq', 'Ib'], ssse3),
  }),
  0x14: byPrefix({ p66: byMod({ memory: extracted(PEXTRB, 'Mb'), register: extracted(PEXTRB, 'Rd') }) }),
  0x15: byPrefix({ p66: byMod({ memory: extracted(PEXTRW, 'Mw'), register: extracted(PEXTRW, 'Rd') }) }),
  0x16: byPrefix({ p66: byRex('W', { clear: extracted(PEXTRD, 'Ey'), set: extracted(PEXTRQ, 'Ey') }) }),
  0x17: byPrefix({ p66: extracted(EXTRACTPS, 'Ed') }),
  0x20: byPrefix({ p66: byMod({ memory: inserted(PINSRB, 'Mb'), register: inserted(PINSRB, 'Rd') }) }),
  0x21: byPrefix({ p66: op(shuffle.INSERTPS, ['Vdq', 'Wd', 'Ib'], sse41) }),
  0x22: byPrefix({ p66: byRex('W', { clear: inserted(PINSRD, 'Ey'), set: inserted(PINSRQ, 'Ey') }) }),
  0x40: controlled(float.dotProducts.DPPS),
  0x41: controlled(float.dotProducts.DPPD),
  0x42: controlled(integer.MPSADBW),
  0x60: comparedByLength(explicitLengths32.PCMPESTRM, explicitLengths64.PCMPESTRM),
  0x61: comparedByLength(explicitLengths32.PCMPESTRI, explicitLengths64.PCMPESTRI),
  0x62: byPrefix({ p66: compared(implicitLengths.PCMPISTRM) }),
  0x63: byPrefix({ p66: compared(implicitLengths.PCMPISTRI) }),
};
