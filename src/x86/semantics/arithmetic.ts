import type { Bool, Emitter, Int, Operand, Width } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { GPR, VECTOR } from '../state.ts';

/** SDM Vol. 1 §5.1.2 "Binary Arithmetic Instructions". */

export const ADD = describe('ADD', ['dst', 'src'], ({ e, dst, src }) => {
  const a = dst.read();
  const b = src.read();
  const r = e.add(a, b);
  dst.write(r);
  e.setFlags('add', { a, b, r });
});

export const ADC = describe('ADC', ['dst', 'src'], ({ e, dst, src }) => {
  const a = dst.read();
  const b = src.read();
  const r = e.add(e.add(a, b), e.fromBool(a.width, e.flag('CF')));
  dst.write(r);
  e.setFlags('add', { a, b, r });
});

export const SUB = describe('SUB', ['dst', 'src'], ({ e, dst, src }) => {
  const a = dst.read();
  const b = src.read();
  const r = e.sub(a, b);
  dst.write(r);
  e.setFlags('sub', { a, b, r });
});

export const SBB = describe('SBB', ['dst', 'src'], ({ e, dst, src }) => {
  const a = dst.read();
  const b = src.read();
  const r = e.sub(e.sub(a, b), e.fromBool(a.width, e.flag('CF')));
  dst.write(r);
  e.setFlags('sub', { a, b, r });
});

export const CMP = describe('CMP', ['src', 'src2'], ({ e, src, src2 }) => {
  const a = src.read();
  const b = src2.read();
  e.setFlags('sub', { a, b, r: e.sub(a, b) });
});

export const INC = describe('INC', ['dst'], ({ e, dst }) => {
  const a = dst.read();
  const b = e.int(a.width, 1);
  const r = e.add(a, b);
  dst.write(r);
  e.setFlags('inc', { a, b, r });
});

export const DEC = describe('DEC', ['dst'], ({ e, dst }) => {
  const a = dst.read();
  const b = e.int(a.width, 1);
  const r = e.sub(a, b);
  dst.write(r);
  e.setFlags('dec', { a, b, r });
});

export const NEG = describe('NEG', ['dst'], ({ e, dst }) => {
  const a = e.int(dst.width, 0);
  const b = dst.read();
  const r = e.neg(b);
  dst.write(r);
  e.setFlags('sub', { a, b, r });
});

/** ADX: one carry chain in CF, another in OF. */
const addWithFlag = (name: string, flag: 'CF' | 'OF') =>
  describe(name, ['dst', 'src'], ({ e, dst, src }) => {
    const a = dst.read();
    const b = src.read();
    const r = e.add(e.add(a, b), e.fromBool(a.width, e.flag(flag)));
    dst.write(r);
    e.writeFlags({ [flag]: e.isNegative(carries(e, a, b, r)) });
  });
export const ADCX = addWithFlag('ADCX', 'CF');
export const ADOX = addWithFlag('ADOX', 'OF');

/** Bit n is the carry out of bit n in r = a + b (+ carry). */
const carries = (e: Emitter, a: Int, b: Int, r: Int): Int => e.or(e.and(a, b), e.and(e.or(a, b), e.not(r)));

/** Sets CF and OF if the upper half of a product is significant. */
function productFlags(e: Emitter, low: Int, overflow: Bool): void {
  e.resultFlags(low, { CF: overflow, OF: overflow });
  e.undefinedFlags('SF', 'ZF', 'AF', 'PF');
}

/** Products of up to 32 bits fit a 32- or 64-bit multiplication. */
const productWidth = (width: Width): 32 | 64 => (width < 32 ? 32 : 64);

export const MUL = describe('MUL', ['src'], ({ e, src }) => {
  const width = src.width;
  const a = e.gpr(GPR.RAX, width);
  const b = src.read();
  if (width === 64) {
    const low = e.mul(a, b);
    const high = e.mulHighU(a, b);
    writeDouble(e, low, high);
    productFlags(e, low, e.boolNot(e.isZero(high)));
    return;
  }
  const wide = productWidth(width);
  const product = e.mul(e.zeroExtend(a, wide), e.zeroExtend(b, wide));
  const high = e.shr(product, e.int(wide, width));
  writeProduct(e, product, width);
  productFlags(e, e.truncate(product, width), e.boolNot(e.isZero(high)));
});

export const IMUL1 = describe('IMUL', ['src'], ({ e, src }) => {
  const width = src.width;
  const a = e.gpr(GPR.RAX, width);
  const b = src.read();
  if (width === 64) {
    const low = e.mul(a, b);
    const high = e.mulHighS(a, b);
    writeDouble(e, low, high);
    productFlags(e, low, e.ne(high, e.sar(low, e.int(64, 63))));
    return;
  }
  const wide = productWidth(width);
  const product = e.mul(e.signExtend(a, wide), e.signExtend(b, wide));
  const low = e.truncate(product, width);
  writeProduct(e, product, width);
  productFlags(e, low, e.ne(product, e.signExtend(low, wide)));
});

/** A product of two `width`-bit numbers to AX, DX:AX or EDX:EAX. */
function writeProduct(e: Emitter, product: Int, width: Width): void {
  if (width === 8) e.setGpr(GPR.RAX, e.truncate(product, 16));
  else writeDouble(e, e.truncate(product, width), e.truncate(e.shr(product, e.int(product.width, width)), width));
}

function writeDouble(e: Emitter, low: Int, high: Int): void {
  e.setGpr(GPR.RAX, low);
  e.setGpr(GPR.RDX, high);
}

function multiply(e: Emitter, dst: Operand, a: Int, b: Int): void {
  const width = dst.width;
  if (width === 64) {
    const low = e.mul(a, b);
    dst.write(low);
    productFlags(e, low, overflows64(e, a, b, low));
    return;
  }
  const wide = productWidth(width);
  const product = e.mul(e.signExtend(a, wide), e.signExtend(b, wide));
  const low = e.truncate(product, width);
  dst.write(low);
  productFlags(e, low, e.ne(product, e.signExtend(low, wide)));
}

/** Does a signed product leave 64 bits? The high half is costly and most factors are small, so it is computed only when one is not. */
function overflows64(e: Emitter, a: Int, b: Int, low: Int): Bool {
  const bias = e.int(64, 1n << 31n);
  const sign = e.sar(low, e.int(64, 63));
  const high = e.variable(64, sign);
  const large = e.shr(e.or(e.add(a, bias), e.add(b, bias)), e.int(64, 32));
  e.when(e.boolNot(e.isZero(large)), () => high.set(e.mulHighS(a, b)));
  return e.ne(high.get(), sign);
}

export const IMUL2 = describe('IMUL', ['dst', 'src'], ({ e, dst, src }) => multiply(e, dst, dst.read(), src.read()));

export const IMUL3 = describe('IMUL', ['dst', 'src', 'src2'], ({ e, dst, src, src2 }) =>
  multiply(e, dst, src.read(), src2.read()),
);

const divisionLeavesFlags = (e: Emitter): void => e.undefinedFlags('CF', 'OF', 'SF', 'ZF', 'AF', 'PF');

/** The dividend of 2 * `width` bits (16 to 64), extended to 32 or 64 bits. */
function dividend(e: Emitter, width: 8 | 16 | 32, signed: boolean): Int {
  if (width === 8) return signed ? e.signExtend(e.gpr(GPR.RAX, 16), 32) : e.zeroExtend(e.gpr(GPR.RAX, 16), 32);
  const low = e.zeroExtend(e.gpr(GPR.RAX, width), 64);
  const high = e.gpr(GPR.RDX, width);
  return e.or(e.shl(signed ? e.signExtend(high, 64) : e.zeroExtend(high, 64), e.int(64, width)), low);
}

function writeQuotient(e: Emitter, width: Width, quotient: Int, remainder: Int): void {
  if (width === 8) {
    const high = e.shl(e.truncate(remainder, 16), e.int(16, 8));
    e.setGpr(GPR.RAX, e.or(high, e.zeroExtend(e.truncate(quotient, 8), 16)));
  } else {
    writeDouble(e, e.resize(quotient, width), e.resize(remainder, width));
  }
}

export const DIV = describe('DIV', ['src'], ({ e, src }) => {
  const divisor = src.read();
  const width = divisor.width;
  if (width === 64) {
    divide64(e, divisor);
  } else {
    const n = dividend(e, width, false);
    const d = e.zeroExtend(divisor, n.width);
    // The quotient fits exactly if the high half is below the divisor, which also excludes 0.
    const high = e.shr(n, e.int(n.width, width));
    e.when(e.boolNot(e.ltU(high, d)), () => e.raise(VECTOR.DE));
    writeQuotient(e, width, e.divU(n, d), e.remU(n, d));
  }
  divisionLeavesFlags(e);
});

function divide64(e: Emitter, d: Int): void {
  const low = e.gpr(GPR.RAX, 64);
  const high = e.gpr(GPR.RDX, 64);
  e.when(e.boolNot(e.ltU(high, d)), () => e.raise(VECTOR.DE));
  const quotient = e.variable(64, e.int(64, 0));
  e.when(
    e.isZero(high),
    () => quotient.set(e.divU(low, d)),
    () => quotient.set(e.intrinsic('DIV.quotient', [high, low, d], 'int')),
  );
  const q = quotient.get();
  writeDouble(e, q, e.sub(low, e.mul(q, d)));
}

export const IDIV = describe('IDIV', ['src'], ({ e, src }) => {
  const divisor = src.read();
  const width = divisor.width;
  if (width === 64) {
    divideSigned64(e, divisor);
  } else {
    const n = dividend(e, width, true);
    const d = e.signExtend(divisor, n.width);
    e.when(cannotDivide(e, n, d), () => e.raise(VECTOR.DE));
    const q = e.divS(n, d);
    e.when(e.ne(q, e.signExtend(e.truncate(q, width), n.width)), () => e.raise(VECTOR.DE));
    writeQuotient(e, width, q, e.remS(n, d));
  }
  divisionLeavesFlags(e);
});

/** Divisor 0, or the one quotient that does not fit the dividend's width. */
function cannotDivide(e: Emitter, n: Int, d: Int): Bool {
  const least = e.int(n.width, 1n << BigInt(n.width - 1));
  const overflow = e.boolAnd(e.eq(n, least), e.eq(d, e.int(n.width, -1)));
  return e.boolOr(e.isZero(d), overflow);
}

function divideSigned64(e: Emitter, d: Int): void {
  const low = e.gpr(GPR.RAX, 64);
  const high = e.gpr(GPR.RDX, 64);
  const quotient = e.variable(64, e.int(64, 0));
  e.when(
    e.eq(high, e.sar(low, e.int(64, 63))),
    () => {
      e.when(cannotDivide(e, low, d), () => e.raise(VECTOR.DE));
      quotient.set(e.divS(low, d));
    },
    () => {
      const fails = e.intrinsic('IDIV.overflows', [high, low, d], 'int');
      e.when(e.boolNot(e.isZero(fails)), () => e.raise(VECTOR.DE));
      quotient.set(e.intrinsic('IDIV.quotient', [high, low, d], 'int'));
    },
  );
  const q = quotient.get();
  writeDouble(e, q, e.sub(low, e.mul(q, d)));
}
