import type { Lane, Vec } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { mnemonics } from './mnemonics.ts';
import { blend, bytesFrom, joinLow, lanes, source } from './simd-operand.ts';

/**
 * Moving parts of vectors about: shuffles, blends, insertion, extraction, extension (SDM Vol. 1 §5.5.1.4, §5.6.1.3,
 * §5.8, §5.10.4-§5.10.9). Immediates are known when decoding (`staticImmediate`).
 */

/** Two-bit fields of an immediate. */
const fields = (immediate: number): readonly [number, number, number, number] => [
  immediate & 3,
  (immediate >> 2) & 3,
  (immediate >> 4) & 3,
  (immediate >> 6) & 3,
];

export const PSHUFD = describe('PSHUFD', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
  const a = source(vsrc);
  vdst.write(e.vecShuffle(a, a, lanes(4, ...fields(immediate))));
});

/** The low four words; PSHUFW has no others. */
const shuffleLowWords = (name: string) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
    const a = source(vsrc);
    vdst.write(e.vecShuffle(a, a, lanes(2, ...fields(immediate), 4, 5, 6, 7)));
  });
export const PSHUFW = shuffleLowWords('PSHUFW');
export const PSHUFLW = shuffleLowWords('PSHUFLW');

export const PSHUFHW = describe('PSHUFHW', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
  const a = source(vsrc);
  vdst.write(e.vecShuffle(a, a, lanes(2, 0, 1, 2, 3, ...fields(immediate).map((word) => 4 + word))));
});

export const SHUFPS = describe('SHUFPS', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
  const [w, x, y, z] = fields(immediate);
  vdst.write(e.vecShuffle(vdst.read(), source(vsrc), lanes(4, w, x, 4 + y, 4 + z)));
});

export const SHUFPD = describe('SHUFPD', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
  vdst.write(e.vecShuffle(vdst.read(), source(vsrc), lanes(8, immediate & 1, 2 + ((immediate >> 1) & 1))));
});

export const PSHUFB = describe('PSHUFB', ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
  const indices = source(vsrc);
  // In an MMX register there are only eight bytes to choose from.
  const low = 0x8787_8787_8787_8787n;
  vdst.write(
    e.vecSwizzle(vdst.read(), vdst.mmx ? e.vecBinary('and', 'i64', indices, e.vecConstant(low, low)) : indices),
  );
});

export const PALIGNR = describe('PALIGNR', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
  const [a, b, zero] = [vdst.read(), source(vsrc), e.vecZero()];
  const [low, high] = vdst.mmx ? [joinLow(e, b, a), zero] : [b, a];
  const bytes = vdst.mmx ? 16 : 32;
  if (immediate >= bytes) vdst.write(zero);
  else if (immediate <= 16) vdst.write(e.vecShuffle(low, high, bytesFrom(immediate)));
  else vdst.write(e.vecShuffle(high, zero, bytesFrom(immediate - 16)));
});

/** The lanes of the source that the immediate's bits name. */
export const blendsByImmediate = mnemonics({ BLENDPS: 4, BLENDPD: 8, PBLENDW: 2 } as const, (name, bytes) =>
  describe(name, ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
    const count = 16 / bytes;
    const chosen = Array.from({ length: count }, (_, lane) => lane + ((immediate >> lane) & 1) * count);
    vdst.write(e.vecShuffle(vdst.read(), source(vsrc), lanes(bytes, ...chosen)));
  }),
);

/** The lanes of the source whose top bit is set in XMM0. */
export const blendsByMask = mnemonics({ PBLENDVB: 'i8', BLENDVPS: 'i32', BLENDVPD: 'i64' } as const, (name, lane) =>
  describe(name, ['vdst', 'vsrc'], ({ e, vdst, vsrc }) => {
    const mask = e.vecBinary('gtS', lane, e.vecZero(), e.xmm(0));
    vdst.write(blend(e, mask, vdst.read(), source(vsrc)));
  }),
);

/** Lane `immediate` of the vector, modulo their number, from a register or memory of the lane's size. */
export const inserts = mnemonics({ PINSRB: 8, PINSRW: 16, PINSRD: 32, PINSRQ: 64 } as const, (name, width) =>
  describe(name, ['vdst', 'src', 'src2'], ({ e, vdst, src, immediate }) => {
    const lane = immediate & (vdst.bits / width - 1);
    vdst.write(e.vecInsert(vdst.read(), lane, e.resize(src.read(), width)));
  }),
);

export const extracts = mnemonics(
  { PEXTRB: 8, PEXTRW: 16, PEXTRD: 32, PEXTRQ: 64, EXTRACTPS: 32 } as const,
  (name, width) =>
    describe(name, ['dst', 'vsrc', 'src'], ({ e, dst, vsrc, immediate }) => {
      const lane = immediate & (vsrc.bits / width - 1);
      dst.write(e.resize(e.vecExtract(vsrc.read(), width, lane), dst.width));
    }),
);

// imm8: [7:6] lane of a register source  [5:4] lane of the destination  [3:0] lanes to clear
export const INSERTPS = describe('INSERTPS', ['vdst', 'vsrc', 'src'], ({ e, vdst, vsrc, immediate }) => {
  const from = vsrc.kind === 'register' ? immediate >> 6 : 0;
  const to = (immediate >> 4) & 3;
  const chosen = [0, 1, 2, 3].map((lane) => (lane === to ? 4 + from : lane));
  const inserted = e.vecShuffle(vdst.read(), vsrc.read(), lanes(4, ...chosen));
  const kept = [0, 1, 2, 3].map((lane) => (((immediate >> lane) & 1) === 0 ? lane : 4));
  vdst.write(e.vecShuffle(inserted, e.vecZero(), lanes(4, ...kept)));
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
