import { describe } from '../semantics.ts';
import { mnemonics } from './mnemonics.ts';
import { source } from './simd-operand.ts';

/** AES-NI, PCLMULQDQ and SHA extensions: SDM Vol. 1 §5.12, §5.13, §5.18. Intrinsics of the same name do the work. */

/** Of destination and source. */
export const binary = mnemonics(
  {
    AESENC: 0,
    AESENCLAST: 0,
    AESDEC: 0,
    AESDECLAST: 0,
    SHA1NEXTE: 0,
    SHA1MSG1: 0,
    SHA1MSG2: 0,
    SHA256MSG1: 0,
    SHA256MSG2: 0,
  },
  (name) =>
    describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
      vdst.write(e.intrinsic(name, [vdst.read(), source(vsrc)], 'vec'));
    }),
);

export const AESIMC = describe('AESIMC', ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
  vdst.write(e.intrinsic('AESIMC', [source(vsrc)], 'vec'));
});

export const AESKEYGENASSIST = describe('AESKEYGENASSIST', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
  vdst.write(e.intrinsic('AESKEYGENASSIST', [source(vsrc), e.zeroExtend(src.read(), 64)], 'vec'));
});

/** Of destination, source and an immediate. */
export const withImmediate = mnemonics({ PCLMULQDQ: 0, SHA1RNDS4: 0 }, (name) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
    vdst.write(e.intrinsic(name, [vdst.read(), source(vsrc), e.zeroExtend(src.read(), 64)], 'vec'));
  }),
);

/** The two round inputs W + K are in XMM0. */
export const SHA256RNDS2 = describe('SHA256RNDS2', ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
  vdst.write(e.intrinsic('SHA256RNDS2', [vdst.read(), source(vsrc), e.xmm(0)], 'vec'));
});
