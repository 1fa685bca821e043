import type { Bool, Emitter, Int } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { GPR, RFLAGS, STATE } from '../state.ts';

/** SDM Vol. 1 §5.1.10 "Flag Control (EFLAG) Instructions", those that need no privilege. */

export const CLC = describe('CLC', [], ({ e }) => e.writeFlags({ CF: e.bool(false) }));
export const STC = describe('STC', [], ({ e }) => e.writeFlags({ CF: e.bool(true) }));
export const CMC = describe('CMC', [], ({ e }) => e.writeFlags({ CF: e.boolNot(e.flag('CF')) }));

export const CLD = describe('CLD', [], ({ e }) =>
  e.setField32(STATE.rflagsSystem, e.and(e.field32(STATE.rflagsSystem), e.int(32, ~RFLAGS.DF))),
);
export const STD = describe('STD', [], ({ e }) =>
  e.setField32(STATE.rflagsSystem, e.or(e.field32(STATE.rflagsSystem), e.int(32, RFLAGS.DF))),
);

/** [7] SF  [6] ZF  [4] AF  [2] PF  [1] 1  [0] CF */
export const LAHF = describe('LAHF', [], ({ e }) => {
  const at = (n: number, flag: Bool): Int => e.shl(e.fromBool(8, flag), e.int(8, n));
  const high = e.or(at(7, e.flag('SF')), at(6, e.flag('ZF')));
  const middle = e.or(at(4, e.flag('AF')), at(2, e.flag('PF')));
  const low = e.or(e.int(8, RFLAGS.FIXED), e.fromBool(8, e.flag('CF')));
  e.setGprHigh(GPR.RAX, e.or(high, e.or(middle, low)));
});

export const SAHF = describe('SAHF', [], ({ e }) => {
  const ah = e.gprHigh(GPR.RAX);
  e.writeFlags(statusFlagsOf(e, ah));
});

const statusFlagsOf = (e: Emitter, ah: Int) => ({
  CF: e.bit(ah, 0),
  PF: e.bit(ah, 2),
  AF: e.bit(ah, 4),
  ZF: e.bit(ah, 6),
  SF: e.bit(ah, 7),
});
