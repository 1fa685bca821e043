import * as move from '../semantics/simd-data-transfer.ts';
import * as float from '../semantics/simd-float.ts';
import * as integer from '../semantics/simd-integer.ts';
import * as shuffle from '../semantics/simd-shuffle.ts';
import { explicitLengths, implicitLengths } from '../semantics/simd-string.ts';
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
const selects = { staticImmediate: true } as const;

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
  0: both(shuffle.PSHUFB),
  1: both(PHADDW),
  2: both(PHADDD),
  3: both(PHADDSW),
  4: both(PMADDUBSW),
  5: both(PHSUBW),
  6: both(PHSUBD),
  7: both(PHSUBSW),
  8: both(PSIGNB),
  9: both(PSIGNW),
  10: both(PSIGND),
  11: both(PMULHRSW),
  16: packed(PBLENDVB),
  20: packed(BLENDVPS),
  21: packed(BLENDVPD),
  23: byPrefix({ p66: op(integer.PTEST, ['Vdq', 'Wdq'], sse41) }),
  28: both(integer.absolute.PABSB),
  29: both(integer.absolute.PABSW),
  30: both(integer.absolute.PABSD),
  32: extended(shuffle.extensions.PMOVSXBW, 'Wq'),
  33: extended(shuffle.extensions.PMOVSXBD, 'Wd'),
  34: extended(shuffle.extensions.PMOVSXBQ, 'Ww'),
  35: extended(shuffle.extensions.PMOVSXWD, 'Wq'),
  36: extended(shuffle.extensions.PMOVSXWQ, 'Wd'),
  37: extended(shuffle.extensions.PMOVSXDQ, 'Wq'),
  40: packed(PMULDQ),
  41: packed(PCMPEQQ),
  42: byPrefix({ p66: op(move.alignedMoves.MOVNTDQA, ['Vdq', 'Mdq'], sse41) }),
  43: packed(PACKUSDW),
  48: extended(shuffle.extensions.PMOVZXBW, 'Wq'),
  49: extended(shuffle.extensions.PMOVZXBD, 'Wd'),
  50: extended(shuffle.extensions.PMOVZXBQ, 'Ww'),
  51: extended(shuffle.extensions.PMOVZXWD, 'Wq'),
  52: extended(shuffle.extensions.PMOVZXWQ, 'Wd'),
  53: extended(shuffle.extensions.PMOVZXDQ, 'Wq'),
  55: packed(PCMPGTQ, sse42),
  56: packed(PMINSB),
  57: packed(PMINSD),
  58: packed(PMINUW),
  59: packed(PMINUD),
  60: packed(PMAXSB),
  61: packed(PMAXSD),
  62: packed(PMAXUW),
  63: packed(PMAXUD),
  64: packed(PMULLD),
  65: packed(integer.PHMINPOSUW),
};

type WithImmediate = Description<readonly ['vdst', 'vsrc', 'src']>;

/** The immediate is part of the form. */
const chosen = (meaning: WithImmediate): Entry =>
  byPrefix({ p66: op(meaning, ['Vdq', 'Wdq', 'Ib'], { ...sse41, ...selects }) });

/** The immediate is an operand. */
const controlled = (meaning: WithImmediate, code: 'Wdq' | 'Wq' | 'Wd' = 'Wdq'): Entry =>
  byPrefix({ p66: op(meaning, ['Vdq', code, 'Ib'], sse41) });

const extracted = (meaning: typeof shuffle.extracts.PEXTRB, code: 'Mb' | 'Mw' | 'Rd' | 'Ed' | 'Ey'): Row =>
  op(meaning, [code, 'Vdq', 'Ib'], { ...sse41, ...selects });

const inserted = (meaning: typeof shuffle.inserts.PINSRB, code: 'Mb' | 'Rd' | 'Ey'): Row =>
  op(meaning, ['Vdq', code, 'Ib'], { ...sse41, ...selects });

type Compare = typeof explicitLengths.PCMPESTRI;
const compared = (meaning: Compare): Entry => byPrefix({ p66: op(meaning, ['Vdq', 'Wdq', 'Ib'], sse42) });

const { PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS } = shuffle.extracts;
const { PINSRB, PINSRD, PINSRQ } = shuffle.inserts;
const { ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD } = float.roundings;

export const map0f3a: OpcodeMap = {
  8: controlled(ROUNDPS),
  9: controlled(ROUNDPD),
  10: controlled(ROUNDSS, 'Wd'),
  11: controlled(ROUNDSD, 'Wq'),
  12: chosen(shuffle.blendsByImmediate.BLENDPS),
  13: chosen(shuffle.blendsByImmediate.BLENDPD),
  14: chosen(shuffle.blendsByImmediate.PBLENDW),
  15: byPrefix({
    none: op(shuffle.PALIGNR, ['Pq', 'Qq', 'Ib'], { ...mmxSsse3, ...selects }),
    p66: op(shuffle.PALIGNR, ['Vdq', 'Wdq', 'Ib'], { ...ssse3, ...selects }),
  }),
  20: byPrefix({ p66: byMod({ memory: extracted(PEXTRB, 'Mb'), register: extracted(PEXTRB, 'Rd') }) }),
  21: byPrefix({ p66: byMod({ memory: extracted(PEXTRW, 'Mw'), register: extracted(PEXTRW, 'Rd') }) }),
  22: byPrefix({ p66: byRex('W', { clear: extracted(PEXTRD, 'Ey'), set: extracted(PEXTRQ, 'Ey') }) }),
  23: byPrefix({ p66: extracted(EXTRACTPS, 'Ed') }),
  32: byPrefix({ p66: byMod({ memory: inserted(PINSRB, 'Mb'), register: inserted(PINSRB, 'Rd') }) }),
  33: byPrefix({ p66: op(shuffle.INSERTPS, ['Vdq', 'Wd', 'Ib'], { ...sse41, ...selects }) }),
  34: byPrefix({ p66: byRex('W', { clear: inserted(PINSRD, 'Ey'), set: inserted(PINSRQ, 'Ey') }) }),
  64: controlled(float.dotProducts.DPPS),
  65: controlled(float.dotProducts.DPPD),
  66: controlled(integer.MPSADBW),
  96: compared(explicitLengths.PCMPESTRM),
  97: compared(explicitLengths.PCMPESTRI),
  98: compared(implicitLengths.PCMPISTRM),
  99: compared(implicitLengths.PCMPISTRI),
};
