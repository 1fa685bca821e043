import type { Bool, Emitter, Int, Operand, Width } from '../emitter.ts';
import { describe } from '../semantics.ts';

/**
 * SDM Vol. 1 §5.1.5 "Shift and Rotate Instructions". Counts are taken modulo 32 (64 for 64-bit operands); a count of 0
 * writes the operand but no flag. OF is defined for a count of 1 only: the others get what processors give.
 */

/** The masked count, 8 bits wide. */
const countOf = (e: Emitter, src: Operand, width: Width): Int => e.and(src.read(), e.int(8, width === 64 ? 63 : 31));

/** 8- and 16-bit operands are shifted in 32 bits, since their counts go to 31. */
const shiftWidth = (width: Width): 32 | 64 => (width === 64 ? 64 : 32);

const top = (e: Emitter, a: Int): Bool => e.isNegative(a);
/** The bit below the top one. */
const second = (e: Emitter, a: Int): Bool => e.bit(a, a.width - 2);

interface Shifted {
  readonly r: Int;
  readonly cf: Bool;
  readonly of: Bool;
}

/** `count` has the shift's width and is not 0 when the flags are used. */
type Shifter = (e: Emitter, a: Int, count: Int) => Shifted;

const shiftLeft: Shifter = (e, a, count) => {
  const { width } = a;
  if (width >= 32) {
    const r = e.shl(a, count);
    const cf = e.bit(e.rotl(a, count), 0);
    return { r, cf, of: e.boolXor(cf, top(e, r)) };
  }
  const wide = e.shl(e.zeroExtend(a, 32), count);
  const r = e.truncate(wide, width);
  const cf = e.bit(wide, width);
  return { r, cf, of: e.boolXor(cf, top(e, r)) };
};

const shiftRight: Shifter = (e, a, count) => {
  const wide = e.resize(a, shiftWidth(a.width));
  const r = e.resize(e.shr(wide, count), a.width);
  return { r, cf: top(e, e.rotr(wide, count)), of: second(e, r) };
};

const shiftRightSigned: Shifter = (e, a, count) => {
  const wide = a.width >= 32 ? a : e.signExtend(a, 32);
  const r = e.resize(e.sar(wide, count), a.width);
  return { r, cf: top(e, e.rotr(wide, count)), of: e.bool(false) };
};

const shift = (name: string, shifter: Shifter, options: { carryEndsAtWidth: boolean }) =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => {
    const { width } = dst;
    const count = countOf(e, src, width);
    const { r, cf, of } = shifter(e, dst.read(), e.resize(count, shiftWidth(width)));
    dst.write(r);
    e.when(e.boolNot(e.isZero(count)), () => {
      e.resultFlags(r, { CF: cf, OF: of });
      e.undefinedFlags('AF');
      e.undefinedFlagsIf(() => e.ltU(e.int(8, 1), count), 'OF');
      if (options.carryEndsAtWidth) e.undefinedFlagsIf(() => e.boolNot(e.ltU(count, e.int(8, width))), 'CF');
    });
  });
export const SHL = shift('SHL', shiftLeft, { carryEndsAtWidth: true });
export const SHR = shift('SHR', shiftRight, { carryEndsAtWidth: true });
export const SAR = shift('SAR', shiftRightSigned, { carryEndsAtWidth: false });

/** The forms with an implied count of 1, without the test for 0. */
const shiftOnce = (name: string, once: (e: Emitter, a: Int) => Shifted) =>
  describe(name, ['dst'], ({ e, dst }) => {
    const { r, cf, of } = once(e, dst.read());
    dst.write(r);
    e.resultFlags(r, { CF: cf, OF: of });
    e.undefinedFlags('AF');
  });
export const SHL1 = shiftOnce('SHL', (e, a) => {
  const r = e.shl(a, e.int(a.width, 1));
  return { r, cf: top(e, a), of: e.boolXor(top(e, a), top(e, r)) };
});
export const SHR1 = shiftOnce('SHR', (e, a) => ({
  r: e.shr(a, e.int(a.width, 1)),
  cf: e.bit(a, 0),
  of: top(e, a),
}));
export const SAR1 = shiftOnce('SAR', (e, a) => ({
  r: e.sar(a, e.int(a.width, 1)),
  cf: e.bit(a, 0),
  of: e.bool(false),
}));

/** Rotates change CF and OF only. */
const rotate = (name: string, rotator: Shifter, countFor: (e: Emitter, count: Int, width: Width) => Int) =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => {
    const count = countOf(e, src, dst.width);
    const { r, cf, of } = rotator(e, dst.read(), countFor(e, count, dst.width));
    dst.write(r);
    e.when(e.boolNot(e.isZero(count)), () => {
      e.writeFlags({ CF: cf, OF: of });
      e.undefinedFlagsIf(() => e.ltU(e.int(8, 1), count), 'OF');
    });
  });

const rotateOnce = (name: string, rotator: (e: Emitter, a: Int) => Shifted) =>
  describe(name, ['dst'], ({ e, dst }) => {
    const { r, cf, of } = rotator(e, dst.read());
    dst.write(r);
    e.writeFlags({ CF: cf, OF: of });
  });

/** The count within the operand's width, which is a power of two. */
const countInWidth = (e: Emitter, count: Int, width: Width): Int =>
  e.resize(width < 32 ? e.and(count, e.int(8, width - 1)) : count, width);

const rotateLeft: Shifter = (e, a, count) => {
  const r = e.rotl(a, count);
  const cf = e.bit(r, 0);
  return { r, cf, of: e.boolXor(cf, top(e, r)) };
};

const rotateRight: Shifter = (e, a, count) => {
  const r = e.rotr(a, count);
  const cf = top(e, r);
  return { r, cf, of: e.boolXor(cf, second(e, r)) };
};

export const ROL = rotate('ROL', rotateLeft, countInWidth);
export const ROR = rotate('ROR', rotateRight, countInWidth);
export const ROL1 = rotateOnce('ROL', (e, a) => rotateLeft(e, a, e.int(a.width, 1)));
export const ROR1 = rotateOnce('ROR', (e, a) => rotateRight(e, a, e.int(a.width, 1)));

/** Rotates through CF go around width + 1 bits. 8- and 16-bit counts come back to that range. */
const countThroughCarry = (e: Emitter, count: Int, width: Width): Int => {
  const wide = e.resize(count, carryWidth(width));
  return width < 32 ? e.remU(wide, e.int(wide.width, width + 1)) : wide;
};

/** Where width + 1 bits fit; 64-bit operands are treated apart. */
const carryWidth = (width: Width): 32 | 64 => (width < 32 ? 32 : 64);

const withCarry = (e: Emitter, a: Int): Int => {
  const width = carryWidth(a.width);
  return e.or(e.zeroExtend(a, width), e.shl(e.fromBool(width, e.flag('CF')), e.int(width, a.width)));
};

const rotateLeftThroughCarry: Shifter = (e, a, count) => {
  const { width } = a;
  if (width === 64) return rotateLeftThroughCarry64(e, a, count);
  const x = withCarry(e, a);
  const back = e.sub(e.int(x.width, width + 1), count);
  const rotated = e.or(e.shl(x, count), e.shr(x, back));
  const r = e.truncate(rotated, width);
  const cf = e.bit(rotated, width);
  return { r, cf, of: e.boolXor(cf, top(e, r)) };
};

const rotateRightThroughCarry: Shifter = (e, a, count) => {
  const { width } = a;
  if (width === 64) return rotateRightThroughCarry64(e, a, count);
  const x = withCarry(e, a);
  const back = e.sub(e.int(x.width, width + 1), count);
  const rotated = e.or(e.shr(x, count), e.shl(x, back));
  const r = e.truncate(rotated, width);
  return { r, cf: e.bit(rotated, width), of: e.boolXor(top(e, r), second(e, r)) };
};

/** A shift by 64 - count, for a count from 0 (which gives 0) to 63. */
const shrByRest = (e: Emitter, a: Int, count: Int): Int => e.shr(e.shr(a, e.int(64, 1)), e.xor(count, e.int(64, 63)));
const shlByRest = (e: Emitter, a: Int, count: Int): Int => e.shl(e.shl(a, e.int(64, 1)), e.xor(count, e.int(64, 63)));

const rotateLeftThroughCarry64: Shifter = (e, a, count) => {
  const carry = e.fromBool(64, e.flag('CF'));
  // a:CF as 65 bits, shifted: CF enters at bit count - 1, and a's upper bits come back one place below.
  const entering = shrByRest(e, e.or(e.shl(carry, e.int(64, 63)), e.shr(a, e.int(64, 1))), count);
  const r = e.or(e.shl(a, count), entering);
  const cf = e.bit(e.rotl(a, count), 0);
  return { r, cf, of: e.boolXor(cf, top(e, r)) };
};

const rotateRightThroughCarry64: Shifter = (e, a, count) => {
  const carry = e.fromBool(64, e.flag('CF'));
  const entering = shlByRest(e, e.or(carry, e.shl(a, e.int(64, 1))), count);
  const r = e.or(e.shr(a, count), entering);
  return { r, cf: top(e, e.rotr(a, count)), of: e.boolXor(top(e, r), second(e, r)) };
};

export const RCL = rotate('RCL', rotateLeftThroughCarry, countThroughCarry);
export const RCR = rotate('RCR', rotateRightThroughCarry, countThroughCarry);
export const RCL1 = rotateOnce('RCL', (e, a) => {
  const r = e.or(e.shl(a, e.int(a.width, 1)), e.fromBool(a.width, e.flag('CF')));
  return { r, cf: top(e, a), of: e.boolXor(top(e, a), top(e, r)) };
});
export const RCR1 = rotateOnce('RCR', (e, a) => {
  const carry = e.shl(e.fromBool(a.width, e.flag('CF')), e.int(a.width, a.width - 1));
  const r = e.or(e.shr(a, e.int(a.width, 1)), carry);
  return { r, cf: e.bit(a, 0), of: e.boolXor(top(e, r), top(e, a)) };
});

/** What a double shift gives; the flags use `cf` when the count is not 0. */
interface DoubleShifted {
  readonly r: Int;
  readonly cf: Bool;
}

const doubleShift = (name: string, shifter: (e: Emitter, a: Int, b: Int, count: Int) => DoubleShifted) =>
  describe(name, ['dst', 'src', 'src2'], ({ e, dst, src, src2 }) => {
    const { width } = dst;
    const count = countOf(e, src2, width);
    const a = dst.read();
    const { r, cf } = shifter(e, a, src.read(), e.resize(count, 64));
    dst.write(r);
    e.when(e.boolNot(e.isZero(count)), () => {
      e.resultFlags(r, { CF: cf, OF: e.boolXor(top(e, a), top(e, r)) });
      e.undefinedFlags('AF');
      e.undefinedFlagsIf(() => e.ltU(e.int(8, 1), count), 'OF');
      if (width === 16) e.undefinedFlagsIf(() => e.ltU(e.int(8, 16), count), 'CF', 'PF', 'ZF', 'SF');
    });
  });

/** high:low:low for words, high:low for doublewords. */
function concatenate(e: Emitter, high: Int, low: Int): Int {
  const upper = e.shl(e.zeroExtend(high, 64), e.int(64, 32));
  const lower = e.zeroExtend(low, 64);
  return e.or(upper, high.width === 16 ? e.mul(lower, e.int(64, 0x1_0001)) : lower);
}

/**
 * Counts above 16 are undefined for words. AMD's processors, and Intel's before P6, then shift dst:src:src (these do
 * too); later ones dst:src:dst.
 */
export const SHLD = doubleShift('SHLD', (e, a, b, count) => {
  if (a.width === 64) {
    return { r: e.or(e.shl(a, count), shrByRest(e, b, count)), cf: e.bit(e.rotl(a, count), 0) };
  }
  const x = concatenate(e, a, b);
  const r = e.truncate(e.shr(e.shl(x, count), e.int(64, 32)), a.width);
  const cf = a.width === 16 ? e.bit(e.shl(x, count), 48) : e.bit(e.rotl(x, count), 0);
  return { r, cf };
});

export const SHRD = doubleShift('SHRD', (e, a, b, count) => {
  if (a.width === 64) {
    return { r: e.or(e.shr(a, count), shlByRest(e, b, count)), cf: top(e, e.rotr(a, count)) };
  }
  // Doublewords: src:dst. Words: src:src:dst.
  const source = e.zeroExtend(b, 64);
  const upper = a.width === 16 ? e.mul(source, e.int(64, 0x1_0001_0000)) : e.shl(source, e.int(64, 32));
  const x = e.or(upper, e.zeroExtend(a, 64));
  return { r: e.truncate(e.shr(x, count), a.width), cf: top(e, e.rotr(x, count)) };
});
