import { describe } from '../semantics.ts';
import { mnemonics } from './mnemonics.ts';
import { source, withLow } from './simd-operand.ts';

/** Conversions of SSE and SSE2: SDM Vol. 1 §5.5.1.6, §5.6.1.6. Intrinsics of the same name take the source alone. */

/** The whole result is new. */
export const packedConversions = mnemonics(
  {
    CVTPS2PD: 0,
    CVTPD2PS: 0,
    CVTDQ2PS: 0,
    CVTDQ2PD: 0,
    CVTPS2DQ: 0,
    CVTTPS2DQ: 0,
    CVTPD2DQ: 0,
    CVTTPD2DQ: 0,
    CVTPS2PI: 0,
    CVTTPS2PI: 0,
    CVTPD2PI: 0,
    CVTTPD2PI: 0,
    CVTPI2PD: 0,
  },
  (name) =>
    describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
      vdst.write(e.intrinsic(name, [source(vsrc)], 'vec'));
    }),
);

/** The low part is new. */
export const partialConversions = mnemonics({ CVTPI2PS: 64, CVTSS2SD: 64, CVTSD2SS: 32 } as const, (name, bits) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(withLow(e, bits, vdst.read(), e.intrinsic(name, [vsrc.read()], 'vec')));
  }),
);

/** From a signed general operand of 32 or 64 bits: CVTSI2SS.32 and so on. */
export const fromGeneral = mnemonics({ CVTSI2SS: 32, CVTSI2SD: 64 } as const, (name, bits) =>
  describe(name, ['vdst', 'src'], ({ e, vdst, src }) => {
    const value = e.signExtend(src.read(), 64);
    vdst.write(withLow(e, bits, vdst.read(), e.intrinsic(name, [value], 'vec')));
  }),
);

/** To a general register of 32 or 64 bits. */
export const toGeneral = mnemonics({ CVTSS2SI: 0, CVTTSS2SI: 0, CVTSD2SI: 0, CVTTSD2SI: 0 }, (name) =>
  describe(name, ['dst', 'vsrc'], ({ e, dst, vsrc }) => {
    dst.write(e.resize(e.intrinsic(`${name}.${dst.width}`, [vsrc.read()], 'int'), dst.width));
  }),
);
