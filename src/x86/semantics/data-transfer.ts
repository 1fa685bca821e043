import type { Int, Width } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { GPR } from '../state.ts';

/** SDM Vol. 1 §5.1.1 "Data Transfer Instructions", without the stack (stack.ts). */

export const MOV = describe('MOV', ['dst', 'src'], ({ dst, src }) => dst.write(src.read()));

export const MOVZX = describe('MOVZX', ['dst', 'src'], ({ e, dst, src }) => dst.write(e.resize(src.read(), dst.width)));

/** MOVSX and MOVSXD have forms with equal widths: 16-bit operand size and a word. */
const signExtending = (name: string) =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => {
    const value = src.read();
    dst.write(value.width === dst.width ? value : e.signExtend(value, dst.width));
  });
export const MOVSX = signExtending('MOVSX');
export const MOVSXD = signExtending('MOVSXD');

export const MOVBE = describe('MOVBE', ['dst', 'src'], ({ e, dst, src }) => dst.write(e.byteSwap(src.read())));

/** A non-temporal hint has no meaning without caches. */
export const MOVNTI = describe('MOVNTI', ['dst', 'src'], ({ dst, src }) => dst.write(src.read()));

export const CMOVcc = describe('CMOVcc', ['dst', 'src'], ({ e, cc, dst, src }) => {
  // The source is read and a 32-bit destination zero-extended whether or not the condition holds.
  const value = src.read();
  dst.write(e.select(e.condition(cc), value, dst.read()));
});

export const LEA = describe('LEA', ['dst', 'src'], ({ e, dst, src }) =>
  dst.write(e.resize(src.effectiveAddress(), dst.width)),
);

export const XCHG = describe('XCHG', ['dst', 'dst2'], ({ dst, dst2 }) => {
  const a = dst.read();
  const b = dst2.read();
  dst.write(b);
  dst2.write(a);
});

export const XADD = describe('XADD', ['dst', 'dst2'], ({ e, dst, dst2 }) => {
  const a = dst.read();
  const b = dst2.read();
  const r = e.add(a, b);
  // The sum wins if both are one register; memory comes first, since it may fault.
  const [first, second] =
    dst.kind === 'memory' ? [() => dst.write(r), () => dst2.write(a)] : [() => dst2.write(a), () => dst.write(r)];
  first();
  second();
  e.setFlags('add', { a, b, r });
});

export const CMPXCHG = describe('CMPXCHG', ['dst', 'src'], ({ e, dst, src }) => {
  const b = dst.read();
  const replacement = src.read();
  const a = e.gpr(GPR.RAX, dst.width);
  // Only one of the two is written: a 32-bit register that keeps its value keeps its upper half too.
  e.when(
    e.eq(a, b),
    () => dst.write(replacement),
    () => e.setGpr(GPR.RAX, b),
  );
  e.setFlags('sub', { a, b, r: e.sub(a, b) });
});

export const CMPXCHG8B = describe('CMPXCHG8B', ['dst'], ({ e, dst }) => {
  const pair = (low: number, high: number): Int =>
    e.or(e.zeroExtend(e.gpr(low, 32), 64), e.shl(e.zeroExtend(e.gpr(high, 32), 64), e.int(64, 32)));
  const old = dst.read();
  const equal = e.eq(old, pair(GPR.RAX, GPR.RDX));
  e.when(
    equal,
    () => dst.write(pair(GPR.RBX, GPR.RCX)),
    () => {
      e.setGpr(GPR.RAX, e.truncate(old, 32));
      e.setGpr(GPR.RDX, e.truncate(e.shr(old, e.int(64, 32)), 32));
    },
  );
  e.writeFlags({ ZF: equal });
});

export const CMPXCHG16B = describe('CMPXCHG16B', ['vdst'], ({ e, vdst }) => {
  const old = vdst.read({ aligned: true });
  const low = e.vecExtract(old, 64, 0);
  const high = e.vecExtract(old, 64, 1);
  const equal = e.boolAnd(e.eq(low, e.gpr(GPR.RAX, 64)), e.eq(high, e.gpr(GPR.RDX, 64)));
  e.when(
    equal,
    () => vdst.write(e.vecInsert(e.vecFromInt(e.gpr(GPR.RBX, 64)), 1, e.gpr(GPR.RCX, 64)), { aligned: true }),
    () => {
      e.setGpr(GPR.RAX, low);
      e.setGpr(GPR.RDX, high);
    },
  );
  e.writeFlags({ ZF: equal });
});

/** BSWAP of a 16-bit register is undefined; processors give 0. */
export const BSWAP = describe('BSWAP', ['dst'], ({ e, dst }) =>
  dst.write(dst.width === 16 ? e.int(16, 0) : e.byteSwap(dst.read())),
);

export const XLAT = describe('XLAT', [], ({ e, addressWidth }) => {
  const offset = e.add(e.gpr(GPR.RBX, addressWidth), e.zeroExtend(e.gpr(GPR.RAX, 8), addressWidth));
  e.setGpr(GPR.RAX, e.load(e.dataAddress(offset), 8));
});

const HALF: Readonly<Record<16 | 32 | 64, Width>> = { 16: 8, 32: 16, 64: 32 };

/** CBW, CWDE, CDQE. */
export const CBW = describe('CBW', [], ({ e, width }) =>
  e.setGpr(GPR.RAX, e.signExtend(e.gpr(GPR.RAX, HALF[width]), width)),
);

/** CWD, CDQ, CQO. */
export const CWD = describe('CWD', [], ({ e, width }) =>
  e.setGpr(GPR.RDX, e.sar(e.gpr(GPR.RAX, width), e.int(width, width - 1))),
);
