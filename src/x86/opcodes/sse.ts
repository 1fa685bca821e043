import * as conversion from '../semantics/simd-conversion.ts';
import * as move from '../semantics/simd-data-transfer.ts';
import * as float from '../semantics/simd-float.ts';
import { lanewise, type Packed, unpackHigh } from '../semantics/simd-integer.ts';
import * as shuffle from '../semantics/simd-shuffle.ts';
import { byMod, byPrefix, type Entry, group, type OpcodeMap, op, type Row, type RowOptions } from './row.ts';

/**
 * Floating-point instructions of SSE, SSE2 and SSE3, with their moves and conversions (SDM Vol. 2D App. A, Table A-3).
 * A mandatory prefix chooses packed single (none), packed double (66), scalar single (F3) or scalar double (F2).
 * Columns: meaning, operands (letters in row.ts), options.
 */

const sse: RowOptions = { unit: 'sse', feature: 'sse' };
const sse2: RowOptions = { unit: 'sse', feature: 'sse2' };
const sse3: RowOptions = { unit: 'sse', feature: 'sse3' };
/** Conversions that read or write an MMX register. */
const mmxSse: RowOptions = { unit: 'mmx', feature: 'sse' };
const mmxSse2: RowOptions = { unit: 'mmx', feature: 'sse2' };

/** The four forms of an arithmetic instruction. */
const arithmetic = (ps: Packed, pd: Packed, ss: Packed, sd: Packed): Entry =>
  byPrefix({
    none: op(ps, ['Vdq', 'Wdq'], sse),
    p66: op(pd, ['Vdq', 'Wdq'], sse2),
    f3: op(ss, ['Vdq', 'Wd'], sse),
    f2: op(sd, ['Vdq', 'Wq'], sse2),
  });

const packed = (ps: Packed, pd: Packed): Entry =>
  byPrefix({ none: op(ps, ['Vdq', 'Wdq'], sse), p66: op(pd, ['Vdq', 'Wdq'], sse2) });

const { CVTPI2PS, CVTSS2SD, CVTSD2SS } = conversion.partialConversions;
const { CVTPI2PD, CVTPS2PI, CVTTPS2PI, CVTPD2PI, CVTTPD2PI, ...packedConversions } = conversion.packedConversions;
const { CVTSI2SS, CVTSI2SD } = conversion.fromGeneral;
const { CVTSS2SI, CVTTSS2SI, CVTSD2SI, CVTTSD2SI } = conversion.toGeneral;
const { MOVAPS, MOVAPD, MOVNTPS, MOVNTPD } = move.alignedMoves;
const { MOVUPS, MOVUPD, MOVLPS, MOVLPD, LDDQU } = move.unalignedMoves;
const { MOVSS, MOVSD } = move.scalarMoves;
const math = float.arithmetic;

/**
 * A source in memory touches no MMX state. Deviation: of CVTPI2PS SDM Vol. 2A does not say so, as it does of CVTPI2PD;
 * AMD's processors treat both alike.
 */
const fromPackedIntegers = (meaning: Packed, register: RowOptions, memory: RowOptions): Entry =>
  byMod({ memory: op(meaning, ['Vdq', 'Mq'], memory), register: op(meaning, ['Vdq', 'Nq'], register) });

const map0f10to17: OpcodeMap = {
  0x10: byPrefix({
    none: op(MOVUPS, ['Vdq', 'Wdq'], sse),
    p66: op(MOVUPD, ['Vdq', 'Wdq'], sse2),
    f3: op(MOVSS, ['Vdq', 'Wd'], sse),
    f2: op(MOVSD, ['Vdq', 'Wq'], sse2),
  }),
  0x11: byPrefix({
    none: op(MOVUPS, ['Wdq', 'Vdq'], sse),
    p66: op(MOVUPD, ['Wdq', 'Vdq'], sse2),
    f3: op(MOVSS, ['Wd', 'Vdq'], sse),
    f2: op(MOVSD, ['Wq', 'Vdq'], sse2),
  }),
  0x12: byPrefix({
    none: byMod({
      memory: op(move.loadsLow.MOVLPS, ['Vdq', 'Mq'], sse),
      register: op(move.MOVHLPS, ['Vdq', 'Udq'], sse),
    }),
    p66: op(move.loadsLow.MOVLPD, ['Vdq', 'Mq'], sse2),
    f3: op(shuffle.MOVSLDUP, ['Vdq', 'Wdq'], sse3),
    f2: op(shuffle.MOVDDUP, ['Vdq', 'Wq'], sse3),
  }),
  0x13: byPrefix({ none: op(MOVLPS, ['Mq', 'Vdq'], sse), p66: op(MOVLPD, ['Mq', 'Vdq'], sse2) }),
  0x14: packed(lanewise.UNPCKLPS, lanewise.UNPCKLPD),
  0x15: packed(unpackHigh.UNPCKHPS, unpackHigh.UNPCKHPD),
  0x16: byPrefix({
    none: byMod({
      memory: op(move.loadsHigh.MOVHPS, ['Vdq', 'Mq'], sse),
      register: op(move.loadsHigh.MOVLHPS, ['Vdq', 'Udq'], sse),
    }),
    p66: op(move.loadsHigh.MOVHPD, ['Vdq', 'Mq'], sse2),
    f3: op(shuffle.MOVSHDUP, ['Vdq', 'Wdq'], sse3),
  }),
  0x17: byPrefix({
    none: op(move.storesHigh.MOVHPS, ['Mq', 'Vdq'], sse),
    p66: op(move.storesHigh.MOVHPD, ['Mq', 'Vdq'], sse2),
  }),
};

const map0f28to2f: OpcodeMap = {
  0x28: byPrefix({ none: op(MOVAPS, ['Vdq', 'Wdq'], sse), p66: op(MOVAPD, ['Vdq', 'Wdq'], sse2) }),
  0x29: byPrefix({ none: op(MOVAPS, ['Wdq', 'Vdq'], sse), p66: op(MOVAPD, ['Wdq', 'Vdq'], sse2) }),
  0x2a: byPrefix({
    none: fromPackedIntegers(CVTPI2PS, mmxSse, sse),
    p66: fromPackedIntegers(CVTPI2PD, mmxSse2, sse2),
    f3: op(CVTSI2SS, ['Vdq', 'Ey'], sse),
    f2: op(CVTSI2SD, ['Vdq', 'Ey'], sse2),
  }),
  0x2b: byPrefix({ none: op(MOVNTPS, ['Mdq', 'Vdq'], sse), p66: op(MOVNTPD, ['Mdq', 'Vdq'], sse2) }),
  0x2c: byPrefix({
    none: op(CVTTPS2PI, ['Pq', 'Wq'], mmxSse),
    p66: op(CVTTPD2PI, ['Pq', 'Wdq'], mmxSse2),
    f3: op(CVTTSS2SI, ['Gy', 'Wd'], sse),
    f2: op(CVTTSD2SI, ['Gy', 'Wq'], sse2),
  }),
  0x2d: byPrefix({
    none: op(CVTPS2PI, ['Pq', 'Wq'], mmxSse),
    p66: op(CVTPD2PI, ['Pq', 'Wdq'], mmxSse2),
    f3: op(CVTSS2SI, ['Gy', 'Wd'], sse),
    f2: op(CVTSD2SI, ['Gy', 'Wq'], sse2),
  }),
  0x2e: byPrefix({
    none: op(float.comparisonsToFlags.UCOMISS, ['Vdq', 'Wd'], sse),
    p66: op(float.comparisonsToFlags.UCOMISD, ['Vdq', 'Wq'], sse2),
  }),
  0x2f: byPrefix({
    none: op(float.comparisonsToFlags.COMISS, ['Vdq', 'Wd'], sse),
    p66: op(float.comparisonsToFlags.COMISD, ['Vdq', 'Wq'], sse2),
  }),
};

const { SQRTPS, SQRTPD, SQRTSS, SQRTSD } = float.squareRoots;
const { RCPPS, RCPSS, RSQRTPS, RSQRTSS } = float.approximations;

const map0f50to5f: OpcodeMap = {
  0x50: byPrefix({
    none: op(shuffle.masks.MOVMSKPS, ['Gd', 'Udq'], sse),
    p66: op(shuffle.masks.MOVMSKPD, ['Gd', 'Udq'], sse2),
  }),
  0x51: arithmetic(SQRTPS, SQRTPD, SQRTSS, SQRTSD),
  0x52: byPrefix({ none: op(RSQRTPS, ['Vdq', 'Wdq'], sse), f3: op(RSQRTSS, ['Vdq', 'Wd'], sse) }),
  0x53: byPrefix({ none: op(RCPPS, ['Vdq', 'Wdq'], sse), f3: op(RCPSS, ['Vdq', 'Wd'], sse) }),
  0x54: packed(lanewise.ANDPS, lanewise.ANDPD),
  0x55: packed(lanewise.ANDNPS, lanewise.ANDNPD),
  0x56: packed(lanewise.ORPS, lanewise.ORPD),
  0x57: packed(lanewise.XORPS, lanewise.XORPD),
  0x58: arithmetic(math.ADDPS, math.ADDPD, math.ADDSS, math.ADDSD),
  0x59: arithmetic(math.MULPS, math.MULPD, math.MULSS, math.MULSD),
  0x5a: byPrefix({
    none: op(packedConversions.CVTPS2PD, ['Vdq', 'Wq'], sse2),
    p66: op(packedConversions.CVTPD2PS, ['Vdq', 'Wdq'], sse2),
    f3: op(CVTSS2SD, ['Vdq', 'Wd'], sse2),
    f2: op(CVTSD2SS, ['Vdq', 'Wq'], sse2),
  }),
  0x5b: byPrefix({
    none: op(packedConversions.CVTDQ2PS, ['Vdq', 'Wdq'], sse2),
    p66: op(packedConversions.CVTPS2DQ, ['Vdq', 'Wdq'], sse2),
    f3: op(packedConversions.CVTTPS2DQ, ['Vdq', 'Wdq'], sse2),
  }),
  0x5c: arithmetic(math.SUBPS, math.SUBPD, math.SUBSS, math.SUBSD),
  0x5d: arithmetic(math.MINPS, math.MINPD, math.MINSS, math.MINSD),
  0x5e: arithmetic(math.DIVPS, math.DIVPD, math.DIVSS, math.DIVSD),
  0x5f: arithmetic(math.MAXPS, math.MAXPD, math.MAXSS, math.MAXSD),
};

/** SSE3's arithmetic across lanes: double with 66, single with F2. */
const horizontal = (pd: Packed, ps: Packed): Entry =>
  byPrefix({ p66: op(pd, ['Vdq', 'Wdq'], sse3), f2: op(ps, ['Vdq', 'Wdq'], sse3) });

const { HADDPS, HADDPD, HSUBPS, HSUBPD } = float.horizontal;
const { CMPPS, CMPPD, CMPSS, CMPSD } = float.comparisons;
const shuffled = (meaning: typeof shuffle.SHUFPS, since: RowOptions): Row => op(meaning, ['Vdq', 'Wdq', 'Ib'], since);

export const map0f: OpcodeMap = {
  ...map0f10to17,
  ...map0f28to2f,
  ...map0f50to5f,
  0x7c: horizontal(HADDPD, HADDPS),
  0x7d: horizontal(HSUBPD, HSUBPS),
  0xae: group({
    2: byPrefix({ none: op(move.LDMXCSR, ['Md'], sse) }),
    3: byPrefix({ none: op(move.STMXCSR, ['Md'], sse) }),
  }),
  0xc2: byPrefix({
    none: op(CMPPS, ['Vdq', 'Wdq', 'Ib'], sse),
    p66: op(CMPPD, ['Vdq', 'Wdq', 'Ib'], sse2),
    f3: op(CMPSS, ['Vdq', 'Wd', 'Ib'], sse),
    f2: op(CMPSD, ['Vdq', 'Wq', 'Ib'], sse2),
  }),
  0xc6: byPrefix({ none: shuffled(shuffle.SHUFPS, sse), p66: shuffled(shuffle.SHUFPD, sse2) }),
  0xd0: horizontal(float.ADDSUBPD, float.ADDSUBPS),
  0xe6: byPrefix({
    p66: op(packedConversions.CVTTPD2DQ, ['Vdq', 'Wdq'], sse2),
    f3: op(packedConversions.CVTDQ2PD, ['Vdq', 'Wq'], sse2),
    f2: op(packedConversions.CVTPD2DQ, ['Vdq', 'Wdq'], sse2),
  }),
  0xf0: byPrefix({ f2: op(LDDQU, ['Vdq', 'Mdq'], sse3) }),
};
