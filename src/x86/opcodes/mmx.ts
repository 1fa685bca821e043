import * as move from '../semantics/simd-data-transfer.ts';
import {
  across,
  lanewise,
  type Packed,
  PSLLDQ,
  PSRLDQ,
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
const selects = { staticImmediate: true } as const;

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
    memory: op(PINSRW, [target, 'Mw', 'Ib'], { ...since, ...selects }),
    register: op(PINSRW, [target, 'Rd', 'Ib'], { ...since, ...selects }),
  });

export const map0f: OpcodeMap = {
  96: unpackedLow(lanewise.PUNPCKLBW),
  97: unpackedLow(lanewise.PUNPCKLWD),
  98: unpackedLow(lanewise.PUNPCKLDQ),
  99: packed(across.PACKSSWB),
  100: packed(lanewise.PCMPGTB),
  101: packed(lanewise.PCMPGTW),
  102: packed(lanewise.PCMPGTD),
  103: packed(across.PACKUSWB),
  104: packed(unpackHigh.PUNPCKHBW),
  105: packed(unpackHigh.PUNPCKHWD),
  106: packed(unpackHigh.PUNPCKHDQ),
  107: packed(across.PACKSSDW),
  108: xmmOnly(lanewise.PUNPCKLQDQ),
  109: xmmOnly(unpackHigh.PUNPCKHQDQ),
  110: byPrefix({
    none: op(move.MOVD_TO_VECTOR, ['Pq', 'Ey'], mmx),
    p66: op(move.MOVD_TO_VECTOR, ['Vdq', 'Ey'], sse2),
  }),
  111: byPrefix({
    none: op(MOVQ, ['Pq', 'Qq'], mmx),
    p66: op(MOVDQA, ['Vdq', 'Wdq'], sse2),
    f3: op(MOVDQU, ['Vdq', 'Wdq'], sse2),
  }),
  112: byPrefix({
    none: op(shuffle.PSHUFW, ['Pq', 'Qq', 'Ib'], { ...mmxSse, ...selects }),
    p66: op(shuffle.PSHUFD, ['Vdq', 'Wdq', 'Ib'], { ...sse2, ...selects }),
    f3: op(shuffle.PSHUFHW, ['Vdq', 'Wdq', 'Ib'], { ...sse2, ...selects }),
    f2: op(shuffle.PSHUFLW, ['Vdq', 'Wdq', 'Ib'], { ...sse2, ...selects }),
  }),
  113: group({
    2: shift(shiftsByImmediate.PSRLW),
    4: shift(shiftsByImmediate.PSRAW),
    6: shift(shiftsByImmediate.PSLLW),
  }),
  114: group({
    2: shift(shiftsByImmediate.PSRLD),
    4: shift(shiftsByImmediate.PSRAD),
    6: shift(shiftsByImmediate.PSLLD),
  }),
  115: group({
    2: shift(shiftsByImmediate.PSRLQ),
    3: byPrefix({ p66: op(PSRLDQ, ['Udq', 'Ib'], { ...sse2, ...selects }) }),
    6: shift(shiftsByImmediate.PSLLQ),
    7: byPrefix({ p66: op(PSLLDQ, ['Udq', 'Ib'], { ...sse2, ...selects }) }),
  }),
  116: packed(lanewise.PCMPEQB),
  117: packed(lanewise.PCMPEQW),
  118: packed(lanewise.PCMPEQD),
  119: byPrefix({ none: op(move.EMMS, [], mmx) }),
  126: byPrefix({
    none: op(move.MOVD_FROM_VECTOR, ['Ey', 'Pq'], mmx),
    p66: op(move.MOVD_FROM_VECTOR, ['Ey', 'Vdq'], sse2),
    f3: op(move.MOVQ_XMM, ['Vdq', 'Wq'], sse2),
  }),
  127: byPrefix({
    none: op(MOVQ, ['Qq', 'Pq'], mmx),
    p66: op(MOVDQA, ['Wdq', 'Vdq'], sse2),
    f3: op(MOVDQU, ['Wdq', 'Vdq'], sse2),
  }),
  196: byPrefix({ none: inserted('Pq', mmxSse), p66: inserted('Vdq', sse2) }),
  197: byPrefix({
    none: op(PEXTRW, ['Gd', 'Nq', 'Ib'], { ...mmxSse, ...selects }),
    p66: op(PEXTRW, ['Gd', 'Udq', 'Ib'], { ...sse2, ...selects }),
  }),
  209: packed(shiftsByVector.PSRLW),
  210: packed(shiftsByVector.PSRLD),
  211: packed(shiftsByVector.PSRLQ),
  212: packed(lanewise.PADDQ, mmxSse2),
  213: packed(lanewise.PMULLW),
  214: byPrefix({
    p66: op(move.MOVQ_XMM, ['Wq', 'Vdq'], sse2),
    f3: op(move.MOVQ2DQ, ['Vdq', 'Nq'], mmxSse2),
    f2: op(MOVDQ2Q, ['Pq', 'Udq'], mmxSse2),
  }),
  215: byPrefix({ none: op(PMOVMSKB, ['Gd', 'Nq'], mmxSse), p66: op(PMOVMSKB, ['Gd', 'Udq'], sse2) }),
  216: packed(lanewise.PSUBUSB),
  217: packed(lanewise.PSUBUSW),
  218: packed(lanewise.PMINUB, mmxSse),
  219: packed(lanewise.PAND),
  220: packed(lanewise.PADDUSB),
  221: packed(lanewise.PADDUSW),
  222: packed(lanewise.PMAXUB, mmxSse),
  223: packed(lanewise.PANDN),
  224: packed(lanewise.PAVGB, mmxSse),
  225: packed(shiftsByVector.PSRAW),
  226: packed(shiftsByVector.PSRAD),
  227: packed(lanewise.PAVGW, mmxSse),
  228: packed(lanewise.PMULHUW, mmxSse),
  229: packed(lanewise.PMULHW),
  231: byPrefix({ none: op(MOVNTQ, ['Mq', 'Pq'], mmxSse), p66: op(MOVNTDQ, ['Mdq', 'Vdq'], sse2) }),
  232: packed(lanewise.PSUBSB),
  233: packed(lanewise.PSUBSW),
  234: packed(lanewise.PMINSW, mmxSse),
  235: packed(lanewise.POR),
  236: packed(lanewise.PADDSB),
  237: packed(lanewise.PADDSW),
  238: packed(lanewise.PMAXSW, mmxSse),
  239: packed(lanewise.PXOR),
  241: packed(shiftsByVector.PSLLW),
  242: packed(shiftsByVector.PSLLD),
  243: packed(shiftsByVector.PSLLQ),
  244: packed(lanewise.PMULUDQ, mmxSse2),
  245: packed(lanewise.PMADDWD),
  246: packed(lanewise.PSADBW, mmxSse),
  247: byPrefix({
    none: op(move.MASKMOVQ, ['Pq', 'Nq'], mmxSse),
    p66: op(move.MASKMOVDQU, ['Vdq', 'Udq'], sse2),
  }),
  248: packed(lanewise.PSUBB),
  249: packed(lanewise.PSUBW),
  250: packed(lanewise.PSUBD),
  251: packed(lanewise.PSUBQ, mmxSse2),
  252: packed(lanewise.PADDB),
  253: packed(lanewise.PADDW),
  254: packed(lanewise.PADDD),
};
