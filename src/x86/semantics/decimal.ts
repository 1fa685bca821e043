import type { Bool, Emitter, Int } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { GPR, VECTOR } from '../state.ts';

/** SDM Vol. 1 §5.1.3 "Decimal Arithmetic Instructions". #UD in 64-bit mode. */

const lowDigitAbove9 = (e: Emitter, al: Int): Bool => e.ltU(e.int(8, 9), e.and(al, e.int(8, 0x0f)));

const addIf = (e: Emitter, condition: Bool, al: Int, amount: number): Int =>
  e.add(al, e.select(condition, e.int(8, amount), e.int(8, 0)));

export const DAA = describe('DAA', [], ({ e }) => {
  const al = e.gpr(GPR.RAX, 8);
  const low = e.boolOr(lowDigitAbove9(e, al), e.flag('AF'));
  const high = e.boolOr(e.ltU(e.int(8, 0x99), al), e.flag('CF'));
  const r = addIf(e, high, addIf(e, low, al, 0x06), 0x60);
  e.setGpr(GPR.RAX, r);
  e.resultFlags(r, { CF: high, AF: low });
  e.undefinedFlags('OF');
});

export const DAS = describe('DAS', [], ({ e }) => {
  const al = e.gpr(GPR.RAX, 8);
  const low = e.boolOr(lowDigitAbove9(e, al), e.flag('AF'));
  const high = e.boolOr(e.ltU(e.int(8, 0x99), al), e.flag('CF'));
  const borrow = e.boolAnd(low, e.ltU(al, e.int(8, 6)));
  const r = addIf(e, high, addIf(e, low, al, -0x06), -0x60);
  e.setGpr(GPR.RAX, r);
  e.resultFlags(r, { CF: e.boolOr(high, borrow), AF: low });
  e.undefinedFlags('OF');
});

/** AAA adds 106H to AX, AAS subtracts it. */
const asciiAdjust = (name: string, apply: (e: Emitter, ax: Int, amount: Int) => Int) =>
  describe(name, [], ({ e }) => {
    const ax = e.gpr(GPR.RAX, 16);
    const adjust = e.boolOr(lowDigitAbove9(e, e.truncate(ax, 8)), e.flag('AF'));
    const adjusted = apply(e, ax, e.select(adjust, e.int(16, 0x106), e.int(16, 0)));
    const r = e.and(adjusted, e.int(16, 0xff0f));
    e.setGpr(GPR.RAX, r);
    e.resultFlags(e.truncate(r, 8), { CF: adjust, AF: adjust });
    e.undefinedFlags('OF', 'SF', 'ZF', 'PF');
  });
export const AAA = asciiAdjust('AAA', (e, ax, amount) => e.add(ax, amount));
export const AAS = asciiAdjust('AAS', (e, ax, amount) => e.sub(ax, amount));

/** The immediate is the base, 10 in the manual's mnemonic. */
export const AAM = describe('AAM', ['src'], ({ e, src }) => {
  const al = e.gpr(GPR.RAX, 8);
  const base = src.read();
  e.when(e.isZero(base), () => e.raise(VECTOR.DE));
  const low = e.remU(al, base);
  const high = e.shl(e.zeroExtend(e.divU(al, base), 16), e.int(16, 8));
  e.setGpr(GPR.RAX, e.or(high, e.zeroExtend(low, 16)));
  e.resultFlags(low, {});
  e.undefinedFlags('OF', 'AF', 'CF');
});

export const AAD = describe('AAD', ['src'], ({ e, src }) => {
  const r = e.add(e.gpr(GPR.RAX, 8), e.mul(e.gprHigh(GPR.RAX), src.read()));
  e.setGpr(GPR.RAX, e.zeroExtend(r, 16));
  e.resultFlags(r, {});
  e.undefinedFlags('OF', 'AF', 'CF');
});

/** Undocumented by Intel before 2016, present in every processor since the 8086: AL becomes CF in every bit. */
export const SALC = describe('SALC', [], ({ e }) => e.setGpr(GPR.RAX, e.neg(e.fromBool(8, e.flag('CF')))));
