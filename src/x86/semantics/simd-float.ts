import type { FloatBinary, FloatFormat } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { mnemonics } from './mnemonics.ts';
import { lanes, source, withLow } from './simd-operand.ts';

/**
 * Floating-point arithmetic, comparison and rounding of SSE to SSE4.1: SDM Vol. 1 §5.5.1.2, §5.5.1.3, §5.6.1.2,
 * §5.7, §5.10.2, §5.10.6. Results obey MXCSR; a memory operand of a scalar form need not be aligned.
 */

/** format and lanes operated on; lanes above are kept. */
const PS = ['f32', 4] as const;
const PD = ['f64', 2] as const;
const SS = ['f32', 1] as const;
const SD = ['f64', 1] as const;
type Shape = readonly [FloatFormat, number];

const bitsOf = (format: FloatFormat): 32 | 64 => (format === 'f32' ? 32 : 64);

const arithmeticOf = (name: string, op: FloatBinary, [format, count]: Shape) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(e.floatBinary(op, format, count, vdst.read(), source(vsrc)));
  });

export const arithmetic = mnemonics(
  {
    ADDPS: ['add', PS],
    ADDPD: ['add', PD],
    ADDSS: ['add', SS],
    ADDSD: ['add', SD],
    SUBPS: ['sub', PS],
    SUBPD: ['sub', PD],
    SUBSS: ['sub', SS],
    SUBSD: ['sub', SD],
    MULPS: ['mul', PS],
    MULPD: ['mul', PD],
    MULSS: ['mul', SS],
    MULSD: ['mul', SD],
    DIVPS: ['div', PS],
    DIVPD: ['div', PD],
    DIVSS: ['div', SS],
    DIVSD: ['div', SD],
    MINPS: ['min', PS],
    MINPD: ['min', PD],
    MINSS: ['min', SS],
    MINSD: ['min', SD],
    MAXPS: ['max', PS],
    MAXPD: ['max', PD],
    MAXSS: ['max', SS],
    MAXSD: ['max', SD],
  } as const satisfies Record<string, readonly [FloatBinary, Shape]>,
  (name, [op, shape]) => arithmeticOf(name, op, shape),
);

export const squareRoots = mnemonics(
  { SQRTPS: PS, SQRTPD: PD, SQRTSS: SS, SQRTSD: SD } as const,
  (name, [format, count]) =>
    describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
      vdst.write(e.floatSqrt(format, count, vdst.read(), source(vsrc)));
    }),
);

/** Neighbouring lanes of a, then of b, combined. */
export const horizontal = mnemonics(
  {
    HADDPS: ['add', 'f32'],
    HADDPD: ['add', 'f64'],
    HSUBPS: ['sub', 'f32'],
    HSUBPD: ['sub', 'f64'],
  } as const satisfies Record<string, readonly [FloatBinary, FloatFormat]>,
  (name, [op, format]) =>
    describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
      const [a, b] = [vdst.read(), source(vsrc)];
      const [even, odd] =
        format === 'f32' ? [lanes(4, 0, 2, 4, 6), lanes(4, 1, 3, 5, 7)] : [lanes(8, 0, 2), lanes(8, 1, 3)];
      const count = format === 'f32' ? 4 : 2;
      vdst.write(e.floatBinary(op, format, count, e.vecShuffle(a, b, even), e.vecShuffle(a, b, odd)));
    }),
);

/** The intrinsic takes destination and source. */
const packedIntrinsic = (name: string) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(e.intrinsic(name, [vdst.read(), source(vsrc)], 'vec'));
  });

export const ADDSUBPS = packedIntrinsic('ADDSUBPS');
export const ADDSUBPD = packedIntrinsic('ADDSUBPD');

/** Approximations: the intrinsic takes the source; scalar ones keep the lanes above. */
export const approximations = mnemonics({ RCPPS: 4, RCPSS: 1, RSQRTPS: 4, RSQRTSS: 1 } as const, (name, count) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    const result = e.intrinsic(count === 4 ? name : name.replace('SS', 'PS'), [source(vsrc)], 'vec');
    vdst.write(count === 4 ? result : withLow(e, 32, vdst.read(), result));
  }),
);

/** imm8[2:0] chooses the predicate; lanes become all ones or zero. */
export const comparisons = mnemonics({ CMPPS: PS, CMPPD: PD, CMPSS: SS, CMPSD: SD } as const, (name, [format, count]) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
    const a = vdst.read();
    const result = e.intrinsic(name, [a, source(vsrc), e.zeroExtend(src.read(), 64)], 'vec');
    vdst.write(count === 1 ? withLow(e, bitsOf(format), a, result) : result);
  }),
);

/** EFLAGS: unordered 111, greater 000, less 001, equal 100 in ZF PF CF, which the intrinsic gives as bits 6, 2 and 0. */
export const comparisonsToFlags = mnemonics({ COMISS: 0, COMISD: 0, UCOMISS: 0, UCOMISD: 0 }, (name) =>
  describe(name, ['vsrc', 'vsrc2'], ({ e, vsrc, vsrc2 }) => {
    const flags = e.intrinsic(name, [vsrc.read(), vsrc2.read()], 'int');
    const clear = e.bool(false);
    e.writeFlags({
      ZF: e.bit(flags, 6),
      PF: e.bit(flags, 2),
      CF: e.bit(flags, 0),
      OF: clear,
      SF: clear,
      AF: clear,
    });
  }),
);

/** imm8: [3] suppress the precision exception [2] rounding of MXCSR [1:0] rounding. */
export const roundings = mnemonics(
  { ROUNDPS: PS, ROUNDPD: PD, ROUNDSS: SS, ROUNDSD: SD } as const,
  (name, [format, count]) =>
    describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
      const result = e.intrinsic(name, [source(vsrc), e.zeroExtend(src.read(), 64)], 'vec');
      vdst.write(count === 1 ? withLow(e, bitsOf(format), vdst.read(), result) : result);
    }),
);

export const dotProducts = mnemonics({ DPPS: 0, DPPD: 0 }, (name) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
    vdst.write(e.intrinsic(name, [vdst.read(), source(vsrc), e.zeroExtend(src.read(), 64)], 'vec'));
  }),
);
