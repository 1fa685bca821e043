import type { Emitter, Lane, Vec, VecBinary } from '../emitter.ts';
import { type Description, describe } from '../semantics.ts';
import { mnemonics } from './mnemonics.ts';
import { highHalf, joinLow, source } from './simd-operand.ts';

/**
 * Packed integers of MMX, SSE2, SSSE3 and SSE4: arithmetic, comparison, logic and shifts (SDM Vol. 1 §5.4.3-§5.4.6,
 * §5.6.3, §5.8, §5.10). One description serves the MMX and the XMM form: of MMX operands the low 64 bits count.
 */

export type Packed = Description<readonly ['vdst', 'vsrc']>;
type LaneOp = readonly [VecBinary, Lane];

const binary = (name: string, combine: (e: Emitter, a: Vec, b: Vec, mmx: boolean) => Vec): Packed =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(combine(e, vdst.read(), source(vsrc), vdst.mmx));
  });

const LANEWISE = {
  PADDB: ['add', 'i8'],
  PADDW: ['add', 'i16'],
  PADDD: ['add', 'i32'],
  PADDQ: ['add', 'i64'],
  PADDSB: ['addSatS', 'i8'],
  PADDSW: ['addSatS', 'i16'],
  PADDUSB: ['addSatU', 'i8'],
  PADDUSW: ['addSatU', 'i16'],
  PSUBB: ['sub', 'i8'],
  PSUBW: ['sub', 'i16'],
  PSUBD: ['sub', 'i32'],
  PSUBQ: ['sub', 'i64'],
  PSUBSB: ['subSatS', 'i8'],
  PSUBSW: ['subSatS', 'i16'],
  PSUBUSB: ['subSatU', 'i8'],
  PSUBUSW: ['subSatU', 'i16'],
  PMULLW: ['mul', 'i16'],
  PMULLD: ['mul', 'i32'],
  PMULHW: ['mulHiS', 'i16'],
  PMULHUW: ['mulHiU', 'i16'],
  PMULHRSW: ['mulHiRoundS', 'i16'],
  PMULUDQ: ['mulEvenU', 'i32'],
  PMULDQ: ['mulEvenS', 'i32'],
  PMADDWD: ['mulAdd', 'i16'],
  PMADDUBSW: ['mulAddUS', 'i8'],
  PSADBW: ['sumAbsDiff', 'i8'],
  PAVGB: ['avgU', 'i8'],
  PAVGW: ['avgU', 'i16'],
  PMINSB: ['minS', 'i8'],
  PMINSW: ['minS', 'i16'],
  PMINSD: ['minS', 'i32'],
  PMINUB: ['minU', 'i8'],
  PMINUW: ['minU', 'i16'],
  PMINUD: ['minU', 'i32'],
  PMAXSB: ['maxS', 'i8'],
  PMAXSW: ['maxS', 'i16'],
  PMAXSD: ['maxS', 'i32'],
  PMAXUB: ['maxU', 'i8'],
  PMAXUW: ['maxU', 'i16'],
  PMAXUD: ['maxU', 'i32'],
  PCMPEQB: ['eq', 'i8'],
  PCMPEQW: ['eq', 'i16'],
  PCMPEQD: ['eq', 'i32'],
  PCMPEQQ: ['eq', 'i64'],
  PCMPGTB: ['gtS', 'i8'],
  PCMPGTW: ['gtS', 'i16'],
  PCMPGTD: ['gtS', 'i32'],
  PCMPGTQ: ['gtS', 'i64'],
  PSIGNB: ['sign', 'i8'],
  PSIGNW: ['sign', 'i16'],
  PSIGND: ['sign', 'i32'],
  PAND: ['and', 'i64'],
  PANDN: ['andNot', 'i64'],
  POR: ['or', 'i64'],
  PXOR: ['xor', 'i64'],
  ANDPS: ['and', 'i64'],
  ANDPD: ['and', 'i64'],
  ANDNPS: ['andNot', 'i64'],
  ANDNPD: ['andNot', 'i64'],
  ORPS: ['or', 'i64'],
  ORPD: ['or', 'i64'],
  XORPS: ['xor', 'i64'],
  XORPD: ['xor', 'i64'],
  PUNPCKLBW: ['unpackLow', 'i8'],
  PUNPCKLWD: ['unpackLow', 'i16'],
  PUNPCKLDQ: ['unpackLow', 'i32'],
  PUNPCKLQDQ: ['unpackLow', 'i64'],
  UNPCKLPS: ['unpackLow', 'i32'],
  UNPCKLPD: ['unpackLow', 'i64'],
} as const satisfies Record<string, LaneOp>;

/** Each 64-bit half of the result depends only on the same halves of the sources, or the low half on the low ones. */
export const lanewise = mnemonics(LANEWISE, (name, [op, lane]) =>
  binary(name, (e, a, b) => e.vecBinary(op, lane, a, b)),
);

const ACROSS = {
  PACKSSWB: ['packS', 'i16'],
  PACKSSDW: ['packS', 'i32'],
  PACKUSWB: ['packU', 'i16'],
  PACKUSDW: ['packU', 'i32'],
  PHADDW: ['hadd', 'i16'],
  PHADDD: ['hadd', 'i32'],
  PHADDSW: ['haddSat', 'i16'],
  PHSUBW: ['hsub', 'i16'],
  PHSUBD: ['hsub', 'i32'],
  PHSUBSW: ['hsubSat', 'i16'],
} as const satisfies Record<string, LaneOp>;

/** The low half of the result comes from all of a, the high half from all of b. */
export const across = mnemonics(ACROSS, (name, [op, lane]) =>
  binary(name, (e, a, b, mmx) => {
    if (!mmx) return e.vecBinary(op, lane, a, b);
    const both = joinLow(e, a, b);
    return e.vecBinary(op, lane, both, both);
  }),
);

const UNPACK_HIGH = {
  PUNPCKHBW: 'i8',
  PUNPCKHWD: 'i16',
  PUNPCKHDQ: 'i32',
  PUNPCKHQDQ: 'i64',
  UNPCKHPS: 'i32',
  UNPCKHPD: 'i64',
} as const satisfies Record<string, Lane>;

/** The high half of an MMX register is the second quarter of the vector. */
export const unpackHigh = mnemonics(UNPACK_HIGH, (name, lane) =>
  binary(name, (e, a, b, mmx) =>
    mmx ? highHalf(e, e.vecBinary('unpackLow', lane, a, b)) : e.vecBinary('unpackHigh', lane, a, b),
  ),
);

const SHIFTS = {
  PSLLW: ['shl', 'i16'],
  PSLLD: ['shl', 'i32'],
  PSLLQ: ['shl', 'i64'],
  PSRLW: ['shr', 'i16'],
  PSRLD: ['shr', 'i32'],
  PSRLQ: ['shr', 'i64'],
  PSRAW: ['sar', 'i16'],
  PSRAD: ['sar', 'i32'],
} as const satisfies Record<string, readonly ['shl' | 'shr' | 'sar', Lane]>;

/** Shifts by the low 64 bits of the source. */
export const shiftsByVector = mnemonics(SHIFTS, (name, [op, lane]) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    const count = e.vecExtract(source(vsrc), 64, 0);
    vdst.write(e.vecShift(op, lane, vdst.read(), count));
  }),
);

/** Shifts by an immediate byte. */
export const shiftsByImmediate = mnemonics(SHIFTS, (name, [op, lane]) =>
  describe(name, ['vdst', 'src'], ({ e, vdst, src }) => {
    vdst.write(e.vecShift(op, lane, vdst.read(), e.zeroExtend(src.read(), 64)));
  }),
);

export const absolute = mnemonics({ PABSB: 'i8', PABSW: 'i16', PABSD: 'i32' } as const, (name, lane) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(e.vecUnary('abs', lane, source(vsrc)));
  }),
);

export const PTEST = describe('PTEST', ['vsrc', 'vsrc2'], ({ e, vsrc, vsrc2 }) => {
  const [a, b] = [vsrc.read(), source(vsrc2)];
  const isZero = (v: Vec) => e.isZero(e.or(e.vecExtract(v, 64, 0), e.vecExtract(v, 64, 1)));
  const clear = e.bool(false);
  e.writeFlags({
    ZF: isZero(e.vecBinary('and', 'i64', a, b)),
    CF: isZero(e.vecBinary('andNot', 'i64', a, b)),
    OF: clear,
    SF: clear,
    AF: clear,
    PF: clear,
  });
});

export const PHMINPOSUW = describe('PHMINPOSUW', ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
  vdst.write(e.intrinsic('PHMINPOSUW', [source(vsrc)], 'vec'));
});

export const MPSADBW = describe('MPSADBW', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
  vdst.write(e.intrinsic('MPSADBW', [vdst.read(), source(vsrc), e.zeroExtend(src.read(), 64)], 'vec'));
});
