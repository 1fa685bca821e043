import { describe } from '../semantics.ts';
import { GPR, STATE, VECTOR } from '../state.ts';
import { mnemonics } from './mnemonics.ts';
import { highHalf, joinLow, lanes, onlyLow, withLow } from './simd-operand.ts';

/** Moves of vectors, and the control of their state: SDM Vol. 1 §5.4.1, §5.5.1.1, §5.5.2, §5.6.1.1, §5.6.3, §5.7. */

/** Whole operands, aligned in memory if they have 16 bytes. */
export const alignedMoves = mnemonics(
  { MOVAPS: 0, MOVAPD: 0, MOVDQA: 0, MOVNTPS: 0, MOVNTPD: 0, MOVNTDQ: 0, MOVNTDQA: 0 },
  (name) =>
    describe(name, ['vdst', 'vsrc'], ({ vdst, vsrc }) => {
      vdst.write(vsrc.read({ aligned: true }), { aligned: true });
    }),
);

/** Whole operands, or to memory the low part that it has room for. MOVQ is the MMX one. */
export const unalignedMoves = mnemonics(
  { MOVUPS: 0, MOVUPD: 0, MOVDQU: 0, LDDQU: 0, MOVQ: 0, MOVNTQ: 0, MOVDQ2Q: 0, MOVLPS: 0, MOVLPD: 0 },
  (name) =>
    describe(name, ['vdst', 'vsrc'], ({ vdst, vsrc }) => {
      vdst.write(vsrc.read());
    }),
);

/** The low 64 bits, zero above. */
const moveLow64 = (name: string) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    const whole = vdst.kind === 'memory' || vsrc.kind === 'memory';
    vdst.write(whole ? vsrc.read() : onlyLow(e, 64, vsrc.read()));
  });
export const MOVQ_XMM = moveLow64('MOVQ');
export const MOVQ2DQ = moveLow64('MOVQ2DQ');

/** Between registers the bits above are kept, from memory they become zero. */
export const scalarMoves = mnemonics({ MOVSS: 32, MOVSD: 64 } as const, (name, bits) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    const merges = vdst.kind === 'register' && vsrc.kind === 'register';
    vdst.write(merges ? withLow(e, bits, vdst.read(), vsrc.read()) : vsrc.read());
  }),
);

export const loadsLow = mnemonics({ MOVLPS: 0, MOVLPD: 0 }, (name) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(withLow(e, 64, vdst.read(), vsrc.read()));
  }),
);

export const loadsHigh = mnemonics({ MOVHPS: 0, MOVHPD: 0, MOVLHPS: 0 }, (name) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(joinLow(e, vdst.read(), vsrc.read()));
  }),
);

export const MOVHLPS = describe('MOVHLPS', ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
  vdst.write(e.vecShuffle(vdst.read(), vsrc.read(), lanes(8, 3, 1)));
});

export const storesHigh = mnemonics({ MOVHPS: 0, MOVHPD: 0 }, (name) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    vdst.write(highHalf(e, vsrc.read()));
  }),
);

/** MOVD and MOVQ from a general register or its size in memory. */
export const MOVD_TO_VECTOR = describe('MOVD', ['vdst', 'src'], ({ e, vdst, src }) => {
  vdst.write(e.vecFromInt(src.read()));
});

export const MOVD_FROM_VECTOR = describe('MOVD', ['dst', 'vsrc'], ({ e, dst, vsrc }) => {
  dst.write(e.vecExtract(vsrc.read(), dst.width, 0));
});

/** Bytes whose mask has bit 7 go to DS:rDI. All of them must be writable whatever the mask is (SDM Vol. 2B "MASKMOVQ" leaves it open). */
const maskedStores = mnemonics({ MASKMOVQ: 8, MASKMOVDQU: 16 } as const, (name, bytes) =>
  describe(name, ['vsrc', 'vsrc2'], ({ e, vsrc, vsrc2, addressWidth }) => {
    const [value, mask] = [vsrc.read(), vsrc2.read()];
    const offset = e.gpr(GPR.RDI, addressWidth);
    const chosen = e.vecMask('i8', mask);
    e.probeWrite(e.dataAddress(offset), bytes);
    for (let i = 0; i < bytes; i++) {
      const byte = e.vecExtract(value, 8, i);
      e.when(e.bit(chosen, i), () => e.store(e.dataAddress(e.add(offset, e.int(addressWidth, i))), byte));
    }
  }),
);
export const { MASKMOVQ, MASKMOVDQU } = maskedStores;

/** MXCSR[31:16] are reserved (SDM Vol. 1 §10.2.3). */
export const LDMXCSR = describe('LDMXCSR', ['src'], ({ e, src }) => {
  const value = src.read();
  const reserved = e.ne(e.and(value, e.int(32, 0xffff_0000)), e.int(32, 0));
  e.when(reserved, () => e.raise(VECTOR.GP, 0));
  e.setField32(STATE.mxcsr, value);
});

export const STMXCSR = describe('STMXCSR', ['dst'], ({ e, dst }) => {
  dst.write(e.field32(STATE.mxcsr));
});

/** The state transition of MMX instructions goes before: TOP is 0 (SDM Vol. 3A Table 13-1 "Action Taken By MMX Instructions"). */
export const EMMS = describe('EMMS', [], ({ e }) => {
  e.setField32(STATE.ftw, e.int(32, 0xffff));
});
