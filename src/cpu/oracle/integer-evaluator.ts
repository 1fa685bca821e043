import { assert } from '../../base/errors.ts';
import type { Bool, Int, Width } from '../../x86/emitter.ts';
import { signedOf, toBool, toInt, truthOf, unsignedOf } from './values.ts';

/** Integer and Boolean operations of the emitter, as their definitions say. Breaking an operation's precondition is a bug. */
export class IntegerEvaluator {
  /** Off where both branches of a condition run and values mean nothing (survey.ts). */
  protected readonly strict: boolean = true;

  int(width: Width, value: number | bigint): Int {
    return toInt(width, BigInt(value));
  }

  bool(value: boolean): Bool {
    return toBool(value);
  }

  #both(a: Int, b: Int): Width {
    assert(a.width === b.width, `operands have one width, not ${a.width} and ${b.width}`);
    return a.width;
  }

  add(a: Int, b: Int): Int {
    return toInt(this.#both(a, b), unsignedOf(a) + unsignedOf(b));
  }

  sub(a: Int, b: Int): Int {
    return toInt(this.#both(a, b), unsignedOf(a) - unsignedOf(b));
  }

  mul(a: Int, b: Int): Int {
    return toInt(this.#both(a, b), unsignedOf(a) * unsignedOf(b));
  }

  and(a: Int, b: Int): Int {
    return toInt(this.#both(a, b), unsignedOf(a) & unsignedOf(b));
  }

  or(a: Int, b: Int): Int {
    return toInt(this.#both(a, b), unsignedOf(a) | unsignedOf(b));
  }

  xor(a: Int, b: Int): Int {
    return toInt(this.#both(a, b), unsignedOf(a) ^ unsignedOf(b));
  }

  not(a: Int): Int {
    return toInt(a.width, ~unsignedOf(a));
  }

  neg(a: Int): Int {
    return toInt(a.width, -unsignedOf(a));
  }

  #count(a: Int, count: Int): bigint {
    const n = unsignedOf(count);
    assert(!this.strict || n < this.#both(a, count), `a shift count is below the width: ${n} of ${a.width}`);
    return n % BigInt(a.width);
  }

  shl(a: Int, count: Int): Int {
    return toInt(a.width, unsignedOf(a) << this.#count(a, count));
  }

  shr(a: Int, count: Int): Int {
    return toInt(a.width, unsignedOf(a) >> this.#count(a, count));
  }

  sar(a: Int, count: Int): Int {
    return toInt(a.width, signedOf(a) >> this.#count(a, count));
  }

  rotl(a: Int, count: Int): Int {
    const n = this.#count(a, count);
    return toInt(a.width, (unsignedOf(a) << n) | (unsignedOf(a) >> (BigInt(a.width) - n)));
  }

  rotr(a: Int, count: Int): Int {
    const n = this.#count(a, count);
    return toInt(a.width, (unsignedOf(a) >> n) | (unsignedOf(a) << (BigInt(a.width) - n)));
  }

  /** Quotient and remainder of Euclid's or of signed division that truncates. */
  #divide(a: Int, b: Int, options: { signed: boolean; part: 'quotient' | 'remainder' }): Int {
    const width = this.#both(a, b);
    const value = options.signed ? signedOf : unsignedOf;
    const [n, d] = [value(a), value(b)];
    if (d === 0n) {
      assert(!this.strict, 'a division is by no zero');
      return a;
    }
    const overflows = options.signed && n / d === 1n << BigInt(width - 1);
    assert(!this.strict || !overflows, 'a signed division does not overflow');
    return toInt(width, options.part === 'quotient' ? n / d : n % d);
  }

  divU(a: Int, b: Int): Int {
    return this.#divide(a, b, { signed: false, part: 'quotient' });
  }

  remU(a: Int, b: Int): Int {
    return this.#divide(a, b, { signed: false, part: 'remainder' });
  }

  divS(a: Int, b: Int): Int {
    return this.#divide(a, b, { signed: true, part: 'quotient' });
  }

  remS(a: Int, b: Int): Int {
    return this.#divide(a, b, { signed: true, part: 'remainder' });
  }

  mulHighU(a: Int, b: Int): Int {
    const width = this.#both(a, b);
    return toInt(width, (unsignedOf(a) * unsignedOf(b)) >> BigInt(width));
  }

  mulHighS(a: Int, b: Int): Int {
    const width = this.#both(a, b);
    return toInt(width, (signedOf(a) * signedOf(b)) >> BigInt(width));
  }

  clz(a: Int): Int {
    const digits = unsignedOf(a) === 0n ? 0 : unsignedOf(a).toString(2).length;
    return toInt(a.width, BigInt(a.width - digits));
  }

  ctz(a: Int): Int {
    let n = 0;
    while (n < a.width && ((unsignedOf(a) >> BigInt(n)) & 1n) === 0n) n++;
    return toInt(a.width, BigInt(n));
  }

  popcount(a: Int): Int {
    const ones = [...unsignedOf(a).toString(2)].filter((digit) => digit === '1').length;
    return toInt(a.width, BigInt(ones));
  }

  byteSwap(a: Int): Int {
    let result = 0n;
    for (let at = 0; at < a.width; at += 8) result = (result << 8n) | ((unsignedOf(a) >> BigInt(at)) & 0xffn);
    return toInt(a.width, result);
  }

  zeroExtend(a: Int, width: Width): Int {
    assert(width >= a.width, `zeroExtend widens, not ${a.width} to ${width}`);
    return toInt(width, unsignedOf(a));
  }

  signExtend(a: Int, width: Width): Int {
    assert(width >= a.width, `signExtend widens, not ${a.width} to ${width}`);
    return toInt(width, signedOf(a));
  }

  truncate(a: Int, width: Width): Int {
    assert(width <= a.width, `truncate narrows, not ${a.width} to ${width}`);
    return toInt(width, unsignedOf(a));
  }

  resize(a: Int, width: Width): Int {
    return toInt(width, unsignedOf(a));
  }

  eq(a: Int, b: Int): Bool {
    this.#both(a, b);
    return toBool(unsignedOf(a) === unsignedOf(b));
  }

  ne(a: Int, b: Int): Bool {
    this.#both(a, b);
    return toBool(unsignedOf(a) !== unsignedOf(b));
  }

  ltU(a: Int, b: Int): Bool {
    this.#both(a, b);
    return toBool(unsignedOf(a) < unsignedOf(b));
  }

  ltS(a: Int, b: Int): Bool {
    this.#both(a, b);
    return toBool(signedOf(a) < signedOf(b));
  }

  isZero(a: Int): Bool {
    return toBool(unsignedOf(a) === 0n);
  }

  isNegative(a: Int): Bool {
    return toBool(signedOf(a) < 0n);
  }

  bit(a: Int, n: number): Bool {
    assert(n < a.width, `bit ${n} is one of ${a.width}`);
    return toBool(((unsignedOf(a) >> BigInt(n)) & 1n) === 1n);
  }

  boolAnd(a: Bool, b: Bool): Bool {
    return toBool(truthOf(a) && truthOf(b));
  }

  boolOr(a: Bool, b: Bool): Bool {
    return toBool(truthOf(a) || truthOf(b));
  }

  boolXor(a: Bool, b: Bool): Bool {
    return toBool(truthOf(a) !== truthOf(b));
  }

  boolNot(a: Bool): Bool {
    return toBool(!truthOf(a));
  }

  fromBool(width: Width, b: Bool): Int {
    return toInt(width, truthOf(b) ? 1n : 0n);
  }

  select(condition: Bool, whenTrue: Int, whenFalse: Int): Int {
    this.#both(whenTrue, whenFalse);
    return truthOf(condition) ? whenTrue : whenFalse;
  }

  selectBool(condition: Bool, whenTrue: Bool, whenFalse: Bool): Bool {
    return truthOf(condition) ? whenTrue : whenFalse;
  }
}
