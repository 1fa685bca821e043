import * as move from '../semantics/simd-data-transfer.ts';
import {
  across,
  lanewise,
  type Packed,
  shiftsByImmediate,
  shiftsByVector,
  unpackHigh,
} from '../semantics/simd-integer.ts';
import * as shuffle from '../semantics/simd-shuffle.ts';
import type { Description } from '../semantics.ts';
import { byMod, byPrefix, type Entry, group, type OpcodeMap, op, type RowOptions } from './row.ts';

/**
 * Packed integers of MMX, with what SSE added to MMX registers, and the SSE2 forms on XMM registers that the prefix 66
 * makes of them (SDM Vol. 2D App. A, Table A-3). Columns: meaning, operands (letters in row.ts), options.
 */

const mmx: RowOptions = { unit: 'mmx', feature: 'mmx' };
/** Added to MMX registers by SSE and SSE2. */
const mmxSse: RowOptions = { unit: 'mmx', feature: 'sse' };
const mmxSse2: RowOptions = { unit: 'mmx', feature: 'sse2' };
const sse2: RowOptions = { unit: 'sse', feature: 'sse2' };

/** Both forms of one meaning. `since` is the feature of the MMX form. */
const packed = (meaning: Packed, since: RowOptions = mmx): Entry =>
  byPrefix({ none: op(meaning, ['Pq', 'Qq'], since), p66: op(meaning, ['Vdq', 'Wdq'], sse2) });

/** PUNPCKL reads only half of an MMX operand in memory. */
const unpackedLow = (meaning: Packed): Entry =>
  byPrefix({ none: op(meaning, ['Pq', 'Qd'], mmx), p66: op(meaning, ['Vdq', 'Wdq'], sse2) });

const xmmOnly = (meaning: Packed): Entry => byPrefix({ p66: op(meaning, ['Vdq', 'Wdq'], sse2) });

const shift = (meaning: Description<readonly ['vdst', 'src']>): Entry =>
  byPrefix({ none: op(meaning, ['Nq', 'Ib'], mmx), p66: op(meaning, ['Udq', 'Ib'], sse2) });

const { MOVDQA, MOVNTDQ } = move.alignedMoves;
const { MOVDQU, MOVQ, MOVNTQ, MOVDQ2Q } = move.unalignedMoves;
const { PEXTRW } = shuffle.extracts;
const { PINSRW } = shuffle.inserts;
const { PMOVMSKB } = shuffle.masks;

/** A word of memory, or the low word of a general register. */
const inserted = (target: 'Pq' | 'Vdq', since: RowOptions): Entry =>
  byMod({
    memory: op(PINSRW, [target, 'Mw', 'Ib'], since),
    register: op(PINSRW, [target, 'Rd', 'Ib'], since),
  });

export const map0f: OpcodeMap = {
  0x60: unpackedLow(lanewise.PUNPCKLBW),
  0x61: unpackedLow(lanewise.PUNPCKLWD),
  0x62: unpackedLow(lanewise.PUNPCKLDQ),
  0x63: packed(across.PACKSSWB),
  0x64: packed(lanewise.PCMPGTB),
  0x65: packed(lanewise.PCMPGTW),
  0x66: packed(lanewise.PCMPGTD),
  0x67: packed(across.PACKUSWB),
  0x68: packed(unpackHigh.PUNPCKHBW),
  0x69: packed(unpackHigh.PUNPCKHWD),
  0x6a: packed(unpackHigh.PUNPCKHDQ),
  0x6b: packed(across.PACKSSDW),
  0x6c: xmmOnly(lanewise.PUNPCKLQDQ),
  0x6d: xmmOnly(unpackHigh.PUNPCKHQDQ),
  0x6e: byPrefix({
    none: op(move.MOVD_TO_VECTOR, ['Pq', 'Ey'], mmx),
    p66: op(move.MOVD_TO_VECTOR, ['Vdq', 'Ey'], sse2),
  }),
  0x6f: byPrefix({
    none: op(MOVQ, ['Pq', 'Qq'], mmx),
    p66: op(MOVDQA, ['Vdq', 'Wdq'], sse2),
    f3: op(MOVDQU, ['Vdq', 'Wdq'], sse2),
  }),
  0x70: byPrefix({
    none: op(shuffle.PSHUFW, ['Pq', 'Qq', 'Ib'], mmxSse),
    p66: op(shuffle.PSHUFD, ['Vdq', 'Wdq', 'Ib'], sse2),
    f3: op(shuffle.PSHUFHW, ['Vdq', 'Wdq', 'Ib'], sse2),
    f2: op(shuffle.PSHUFLW, ['Vdq', 'Wdq', 'Ib'], sse2),
  }),
  0x71: group({
    2: shift(shiftsByImmediate.PSRLW),
    4: shift(shiftsByImmediate.PSRAW),
    6: shift(shiftsByImmediate.PSLLW),
  }),
  0x72: group({
    2: shift(shiftsByImmediate.PSRLD),
    4: shift(shiftsByImmediate.PSRAD),
    6: shift(shiftsByImmediate.PSLLD),
  }),
  0x73: group({
    2: shift(shiftsByImmediate.PSRLQ),
    3: byPrefix({ p66: op(shuffle.PSRLDQ, ['Udq', 'Ib'], sse2) }),
    6: shift(shiftsByImmediate.PSLLQ),
    7: byPrefix({ p66: op(shuffle.PSLLDQ, ['Udq', 'Ib'], sse2) }),
  }),
  0x74: packed(lanewise.PCMPEQB),
  0x75: packed(lanewise.PCMPEQW),
  0x76: packed(lanewise.PCMPEQD),
  0x77: byPrefix({ none: op(move.EMMS, [], mmx) }),
  0x7e: byPrefix({
    none: op(move.MOVD_FROM_VECTOR, ['Ey', 'Pq'], mmx),
    p66: op(move.MOVD_FROM_VECTOR, ['Ey', 'Vdq'], sse2),
    f3: op(move.MOVQ_XMM, ['Vdq', 'Wq'], sse2),
  }),
  0x7f: byPrefix({
    none: op(MOVQ, ['Qq', 'Pq'], mmx),
    p66: op(MOVDQA, ['Wdq', 'Vdq'], sse2),
    f3: op(MOVDQU, ['Wdq', 'Vdq'], sse2),
  }),
  0xc4: byPrefix({ none: inserted('Pq', mmxSse), p66: inserted('Vdq', sse2) }),
  0xc5: byPrefix({
    none: op(PEXTRW, ['Gd', 'Nq', 'Ib'], mmxSse),
    p66: op(PEXTRW, ['Gd', 'Udq', 'Ib'], sse2),
  }),
  0xd1: packed(shiftsByVector.PSRLW),
  0xd2: packed(shiftsByVector.PSRLD),
  0xd3: packed(shiftsByVector.PSRLQ),
  0xd4: packed(lanewise.PADDQ, mmxSse2),
  0xd5: packed(lanewise.PMULLW),
  0xd6: byPrefix({
    p66: op(move.MOVQ_XMM, ['Wq', 'Vdq'], sse2),
    f3: op(move.MOVQ2DQ, ['Vdq', 'Nq'], mmxSse2),
    f2: op(MOVDQ2Q, ['Pq', 'Udq'], mmxSse2),
  }),
  0xd7: byPrefix({ none: op(PMOVMSKB, ['Gd', 'Nq'], mmxSse), p66: op(PMOVMSKB, ['Gd', 'Udq'], sse2) }),
  0xd8: packed(lanewise.PSUBUSB),
  0xd9: packed(lanewise.PSUBUSW),
  0xda: packed(lanewise.PMINUB, mmxSse),
  0xdb: packed(lanewise.PAND),
  0xdc: packed(lanewise.PADDUSB),
  0xdd: packed(lanewise.PADDUSW),
  0xde: packed(lanewise.PMAXUB, mmxSse),
  0xdf: packed(lanewise.PANDN),
  0xe0: packed(lanewise.PAVGB, mmxSse),
  0xe1: packed(shiftsByVector.PSRAW),
  0xe2: packed(shiftsByVector.PSRAD),
  0xe3: packed(lanewise.PAVGW, mmxSse),
  0xe4: packed(lanewise.PMULHUW, mmxSse),
  0xe5: packed(lanewise.PMULHW),
  0xe7: byPrefix({ none: op(MOVNTQ, ['Mq', 'Pq'], mmxSse), p66: op(MOVNTDQ, ['Mdq', 'Vdq'], sse2) }),
  0xe8: packed(lanewise.PSUBSB),
  0xe9: packed(lanewise.PSUBSW),
  0xea: packed(lanewise.PMINSW, mmxSse),
  0xeb: packed(lanewise.POR),
  0xec: packed(lanewise.PADDSB),
  0xed: packed(lanewise.PADDSW),
  0xee: packed(lanewise.PMAXSW, mmxSse),
  0xef: packed(lanewise.PXOR),
  0xf1: packed(shiftsByVector.PSLLW),
  0xf2: packed(shiftsByVector.PSLLD),
  0xf3: packed(shiftsByVector.PSLLQ),
  0xf4: packed(lanewise.PMULUDQ, mmxSse2),
  0xf5: packed(lanewise.PMADDWD),
  0xf6: packed(lanewise.PSADBW, mmxSse),
  0xf7: byPrefix({
    none: op(move.MASKMOVQ, ['Pq', 'Nq'], mmxSse),
    p66: op(move.MASKMOVDQU, ['Vdq', 'Udq'], sse2),
  }),
  0xf8: packed(lanewise.PSUBB),
  0xf9: packed(lanewise.PSUBW),
  0xfa: packed(lanewise.PSUBD),
  0xfb: packed(lanewise.PSUBQ, mmxSse2),
  0xfc: packed(lanewise.PADDB),
  0xfd: packed(lanewise.PADDW),
  0xfe: packed(lanewise.PADDD),
};
