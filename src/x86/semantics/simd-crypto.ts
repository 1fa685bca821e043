import { describe } from '../semantics.ts';
import { mnemonics } from './mnemonics.ts';
import { source } from './simd-operand.ts';

/** AES-NI, PCLMULQDQ and SHA extensions: SDM Vol. 1 §5.12, §5.13, §5.18. Intrinsics of the same name do the work. */

export const aesRounds = mnemonics({ AESENC: 0, AESENCLAST: 0, AESDEC: 0, AESDECLAST: 0 }, (name) =>
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

export const PCLMULQDQ = describe('PCLMULQDQ', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
  vdst.write(e.intrinsic('PCLMULQDQ', [vdst.read(), source(vsrc), e.zeroExtend(src.read(), 64)], 'vec'));
});

/** Deviation: SDM Vol. 2A §2.4 wants SHA's memory operands aligned; AMD's processors take any address. */
export const shaSteps = mnemonics({ SHA1NEXTE: 0, SHA1MSG1: 0, SHA1MSG2: 0, SHA256MSG1: 0, SHA256MSG2: 0 }, (name) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(e.intrinsic(name, [vdst.read(), vsrc.read()], 'vec'));
  }),
);

export const SHA1RNDS4 = describe('SHA1RNDS4', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
  vdst.write(e.intrinsic('SHA1RNDS4', [vdst.read(), vsrc.read(), e.zeroExtend(src.read(), 64)], 'vec'));
});

/** The two round inputs W + K are in XMM0. */
export const SHA256RNDS2 = describe('SHA256RNDS2', ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
  vdst.write(e.intrinsic('SHA256RNDS2', [vdst.read(), vsrc.read(), e.xmm(0)], 'vec'));
});
