import type { Emitter, Int, Lane, Vec, VecOperand } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { mnemonics } from './mnemonics.ts';
import {
  alignRight,
  doublewordControl,
  laneMask,
  quadwordControl,
  replaceLane,
  shiftDown,
  shiftUp,
  spreadLane,
  wordControl,
} from './simd-control.ts';
import { blend, joinLow, lanes, source } from './simd-operand.ts';

/**
 * Moving parts of vectors about: shuffles, blends, insertion, extraction, extension (SDM Vol. 1 §5.5.1.4, §5.6.1.3,
 * §5.8, §5.10.4-§5.10.9).
 */

export const PSHUFD = describe('PSHUFD', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
  vdst.write(e.vecSwizzle(source(vsrc), doublewordControl(e, src.read())));
});

const wordShuffle = (name: string, start: 0 | 8) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
    vdst.write(e.vecSwizzle(source(vsrc), wordControl(e, src.read(), start)));
  });
export const PSHUFW = wordShuffle('PSHUFW', 0);
export const PSHUFLW = wordShuffle('PSHUFLW', 0);
export const PSHUFHW = wordShuffle('PSHUFHW', 8);

/** The low half from the destination, the high half from the source. */
const shuffleOfBoth = (name: string, control: (e: Emitter, immediate: Int) => Vec) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
    const [a, b, chosen] = [vdst.read(), source(vsrc), control(e, src.read())];
    vdst.write(e.vecShuffle(e.vecSwizzle(a, chosen), e.vecSwizzle(b, chosen), lanes(8, 0, 3)));
  });
export const SHUFPS = shuffleOfBoth('SHUFPS', doublewordControl);
export const SHUFPD = shuffleOfBoth('SHUFPD', quadwordControl);

export const PSHUFB = describe('PSHUFB', ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
  const indices = source(vsrc);
  // In an MMX register there are only eight bytes to choose from.
  const low = 0x8787_8787_8787_8787n;
  const control = vdst.mmx ? e.vecBinary('and', 'i64', indices, e.vecConstant(low, low)) : indices;
  vdst.write(e.vecSwizzle(vdst.read(), control));
});

export const PALIGNR = describe('PALIGNR', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
  const [high, low, count] = [vdst.read(), source(vsrc), src.read()];
  vdst.write(vdst.mmx ? shiftDown(e, joinLow(e, low, high), count) : alignRight(e, { high, low }, count));
});

export const PSLLDQ = describe('PSLLDQ', ['vdst', 'src'], ({ e, vdst, src }) => {
  vdst.write(shiftUp(e, vdst.read(), src.read()));
});

export const PSRLDQ = describe('PSRLDQ', ['vdst', 'src'], ({ e, vdst, src }) => {
  vdst.write(shiftDown(e, vdst.read(), src.read()));
});

/** The lanes of the source that the immediate's bits name. */
export const blendsByImmediate = mnemonics({ BLENDPS: 4, BLENDPD: 8, PBLENDW: 2 } as const, (name, laneBytes) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
    const mask = laneMask(e, laneBytes, src.read());
    vdst.write(blend(e, mask, vdst.read(), source(vsrc)));
  }),
);

/** The lanes of the source whose top bit is set in XMM0. */
export const blendsByMask = mnemonics({ PBLENDVB: 'i8', BLENDVPS: 'i32', BLENDVPD: 'i64' } as const, (name, lane) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    const mask = e.vecBinary('gtS', lane, e.vecZero(), e.xmm(0));
    vdst.write(blend(e, mask, vdst.read(), source(vsrc)));
  }),
);

/** Lane of an immediate, modulo their number in the vector. */
const laneOf = (e: Emitter, immediate: Int, { bits }: VecOperand, width: number): Int =>
  e.and(immediate, e.int(8, bits / width - 1));

/** From a register, or memory of the lane's size. */
export const inserts = mnemonics({ PINSRB: 8, PINSRW: 16, PINSRD: 32, PINSRQ: 64 } as const, (name, width) =>
  describe(name, ['vdst', 'src', 'src2'], ({ e, vdst, src, src2 }) => {
    const value = e.vecFromInt(e.resize(src.read(), width));
    const everywhere = spreadLane(e, width / 8, e.int(8, 0), value);
    const lane = laneOf(e, src2.read(), vdst, width);
    vdst.write(replaceLane(e, width / 8, lane, { a: vdst.read(), b: everywhere }));
  }),
);

export const extracts = mnemonics(
  { PEXTRB: 8, PEXTRW: 16, PEXTRD: 32, PEXTRQ: 64, EXTRACTPS: 32 } as const,
  (name, width) =>
    describe(name, ['dst', 'vsrc', 'src'], ({ e, dst, vsrc, src }) => {
      const everywhere = spreadLane(e, width / 8, laneOf(e, src.read(), vsrc, width), vsrc.read());
      dst.write(e.resize(e.vecExtract(everywhere, width, 0), dst.width));
    }),
);

// imm8: [7:6] lane of a register source  [5:4] lane of the destination  [3:0] lanes to clear
export const INSERTPS = describe('INSERTPS', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, src }) => {
  const immediate = src.read();
  const from = vsrc.kind === 'register' ? e.shr(immediate, e.int(8, 6)) : e.int(8, 0);
  const to = e.and(e.shr(immediate, e.int(8, 4)), e.int(8, 3));
  const b = spreadLane(e, 4, from, vsrc.read());
  const inserted = replaceLane(e, 4, to, { a: vdst.read(), b });
  vdst.write(e.vecBinary('andNot', 'i8', laneMask(e, 4, immediate), inserted));
});

type Extension = readonly [signed: boolean, from: Lane, to: Lane];

export const extensions = mnemonics(
  {
    PMOVSXBW: [true, 'i8', 'i16'],
    PMOVSXBD: [true, 'i8', 'i32'],
    PMOVSXBQ: [true, 'i8', 'i64'],
    PMOVSXWD: [true, 'i16', 'i32'],
    PMOVSXWQ: [true, 'i16', 'i64'],
    PMOVSXDQ: [true, 'i32', 'i64'],
    PMOVZXBW: [false, 'i8', 'i16'],
    PMOVZXBD: [false, 'i8', 'i32'],
    PMOVZXBQ: [false, 'i8', 'i64'],
    PMOVZXWD: [false, 'i16', 'i32'],
    PMOVZXWQ: [false, 'i16', 'i64'],
    PMOVZXDQ: [false, 'i32', 'i64'],
  } as const satisfies Record<string, Extension>,
  (name, [signed, from, to]) =>
    describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
      vdst.write(e.vecExtend(signed, from, to, vsrc.read()));
    }),
);

/** Sign bits of the lanes, into the low bits of a general register. */
export const masks = mnemonics({ PMOVMSKB: 'i8', MOVMSKPS: 'i32', MOVMSKPD: 'i64' } as const, (name, lane) =>
  describe(name, ['dst', 'vsrc'], ({ e, dst, vsrc }) => {
    const mask = e.resize(e.vecMask(lane, vsrc.read()), dst.width);
    dst.write(vsrc.mmx ? e.and(mask, e.int(dst.width, 0xff)) : mask);
  }),
);

/** Lanes of the source in a fixed order. */
const duplicates = (name: string, bytes: number, chosen: readonly number[]) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    const a: Vec = source(vsrc);
    vdst.write(e.vecShuffle(a, a, lanes(bytes, ...chosen)));
  });
export const MOVSLDUP = duplicates('MOVSLDUP', 4, [0, 0, 2, 2]);
export const MOVSHDUP = duplicates('MOVSHDUP', 4, [1, 1, 3, 3]);
export const MOVDDUP = duplicates('MOVDDUP', 8, [0, 0]);
