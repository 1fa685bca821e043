import type { ValueType } from '../../wasm/opcodes.ts';
import type { Bool, Int, Width } from '../../x86/emitter.ts';
import { fromBool, fromInt, IrBlock, type IrFields, IrNode, toBool, toInt } from './node.ts';

const wasmType = (width: Width): ValueType => (width === 64 ? 'i64' : 'i32');

/** Records integer and Boolean operations of a description as nodes. Constants and trivial cases fold. */
export class IntegerRecorder {
  block = new IrBlock();
  #position = 0;

  record(fields: IrFields): IrNode {
    const node = new IrNode(fields);
    node.block = this.block;
    node.position = this.#position++;
    this.block.nodes.push(node);
    return node;
  }

  protected within(body: () => void): IrBlock {
    const outer = this.block;
    const inner = new IrBlock();
    this.block = inner;
    body();
    this.block = outer;
    return inner;
  }

  protected integer(op: string, width: Width, args: readonly Int[], clean: boolean): Int {
    return toInt(
      this.record({
        kind: 'int',
        op,
        effect: 'pure',
        width,
        type: wasmType(width),
        args: args.map(fromInt),
        clean: clean || width >= 32,
      }),
    );
  }

  protected boolean(op: string, args: readonly IrNode[], immediate = 0): Bool {
    return toBool(this.record({ kind: 'bool', op, effect: 'pure', type: 'i32', args, immediate }));
  }

  int(width: Width, value: number | bigint): Int {
    const constant = BigInt.asUintN(width, BigInt(value));
    return toInt(this.record({ kind: 'int', op: 'constant', effect: 'pure', width, type: wasmType(width), constant }));
  }

  bool(value: boolean): Bool {
    return toBool(
      this.record({ kind: 'bool', op: 'constant', effect: 'pure', type: 'i32', constant: value ? 1n : 0n }),
    );
  }

  #isClean(a: Int): boolean {
    return fromInt(a).clean;
  }

  add(a: Int, b: Int): Int {
    return this.integer('add', a.width, [a, b], false);
  }

  sub(a: Int, b: Int): Int {
    return this.integer('sub', a.width, [a, b], false);
  }

  mul(a: Int, b: Int): Int {
    return this.integer('mul', a.width, [a, b], false);
  }

  and(a: Int, b: Int): Int {
    return this.integer('and', a.width, [a, b], this.#isClean(a) || this.#isClean(b));
  }

  or(a: Int, b: Int): Int {
    return this.integer('or', a.width, [a, b], this.#isClean(a) && this.#isClean(b));
  }

  xor(a: Int, b: Int): Int {
    return this.integer('xor', a.width, [a, b], this.#isClean(a) && this.#isClean(b));
  }

  not(a: Int): Int {
    return this.integer('xor', a.width, [a, this.int(a.width, -1)], this.#isClean(a));
  }

  neg(a: Int): Int {
    return this.integer('sub', a.width, [this.int(a.width, 0), a], false);
  }

  shl(a: Int, count: Int): Int {
    return this.integer('shl', a.width, [a, count], false);
  }

  shr(a: Int, count: Int): Int {
    return this.integer('shr', a.width, [a, count], true);
  }

  sar(a: Int, count: Int): Int {
    return this.integer('sar', a.width, [a, count], false);
  }

  rotl(a: Int, count: Int): Int {
    if (a.width >= 32) return this.integer('rotl', a.width, [a, count], true);
    return this.or(this.shl(a, count), this.shr(a, this.sub(this.int(a.width, a.width), count)));
  }

  rotr(a: Int, count: Int): Int {
    if (a.width >= 32) return this.integer('rotr', a.width, [a, count], true);
    return this.or(this.shr(a, count), this.shl(a, this.sub(this.int(a.width, a.width), count)));
  }

  divU(a: Int, b: Int): Int {
    return this.integer('divU', a.width, [a, b], true);
  }

  remU(a: Int, b: Int): Int {
    return this.integer('remU', a.width, [a, b], true);
  }

  divS(a: Int, b: Int): Int {
    return this.integer('divS', a.width, [a, b], false);
  }

  remS(a: Int, b: Int): Int {
    return this.integer('remS', a.width, [a, b], false);
  }

  mulHighU(a: Int, b: Int): Int {
    if (a.width === 64) return this.#mulHigh64(a, b);
    const wide = a.width === 32 ? 64 : 32;
    const product = this.mul(this.zeroExtend(a, wide), this.zeroExtend(b, wide));
    return this.truncate(this.shr(product, this.int(wide, a.width)), a.width);
  }

  mulHighS(a: Int, b: Int): Int {
    if (a.width === 64) {
      // signed high = unsigned high - (a < 0 ? b : 0) - (b < 0 ? a : 0)
      const shift = this.int(64, 63);
      const corrected = this.sub(this.#mulHigh64(a, b), this.and(this.sar(a, shift), b));
      return this.sub(corrected, this.and(this.sar(b, shift), a));
    }
    const wide = a.width === 32 ? 64 : 32;
    const product = this.mul(this.signExtend(a, wide), this.signExtend(b, wide));
    return this.truncate(this.shr(product, this.int(wide, a.width)), a.width);
  }

  /** Schoolbook multiplication of 32-bit halves. */
  #mulHigh64(a: Int, b: Int): Int {
    const mask = this.int(64, 0xffff_ffffn);
    const shift = this.int(64, 32);
    const [aLow, aHigh] = [this.and(a, mask), this.shr(a, shift)];
    const [bLow, bHigh] = [this.and(b, mask), this.shr(b, shift)];
    const middle = this.add(this.mul(aHigh, bLow), this.shr(this.mul(aLow, bLow), shift));
    const carry = this.add(this.mul(aLow, bHigh), this.and(middle, mask));
    return this.add(this.add(this.mul(aHigh, bHigh), this.shr(middle, shift)), this.shr(carry, shift));
  }

  clz(a: Int): Int {
    return this.integer('clz', a.width, [a], true);
  }

  ctz(a: Int): Int {
    return this.integer('ctz', a.width, [a], true);
  }

  popcount(a: Int): Int {
    return this.integer('popcount', a.width, [a], true);
  }

  byteSwap(a: Int): Int {
    if (a.width === 8) return a;
    if (a.width === 16) return this.rotl(a, this.int(16, 8));
    if (a.width === 32) {
      const odd = this.and(this.rotl(a, this.int(32, 8)), this.int(32, 0x00ff00ff));
      return this.or(odd, this.and(this.rotr(a, this.int(32, 8)), this.int(32, 0xff00ff00)));
    }
    const swap = (value: Int, mask: bigint, count: number): Int => {
      const n = this.int(64, count);
      const m = this.int(64, mask);
      return this.or(this.shl(this.and(value, m), n), this.and(this.shr(value, n), m));
    };
    const bytes = swap(a, 0x00ff00ff00ff00ffn, 8);
    return this.rotl(swap(bytes, 0x0000ffff0000ffffn, 16), this.int(64, 32));
  }

  zeroExtend(a: Int, width: Width): Int {
    if (width === a.width) return a;
    return this.integer('zeroExtend', width, [a], true);
  }

  signExtend(a: Int, width: Width): Int {
    if (width === a.width) return a;
    return this.integer('signExtend', width, [a], false);
  }

  truncate(a: Int, width: Width): Int {
    if (width === a.width) return a;
    return this.integer('truncate', width, [a], false);
  }

  resize(a: Int, width: Width): Int {
    return width > a.width ? this.zeroExtend(a, width) : this.truncate(a, width);
  }

  eq(a: Int, b: Int): Bool {
    return this.boolean('eq', [fromInt(a), fromInt(b)]);
  }

  ne(a: Int, b: Int): Bool {
    return this.boolean('ne', [fromInt(a), fromInt(b)]);
  }

  ltU(a: Int, b: Int): Bool {
    return this.boolean('ltU', [fromInt(a), fromInt(b)]);
  }

  ltS(a: Int, b: Int): Bool {
    return this.boolean('ltS', [fromInt(a), fromInt(b)]);
  }

  isZero(a: Int): Bool {
    return this.boolean('isZero', [fromInt(a)]);
  }

  isNegative(a: Int): Bool {
    return this.bit(a, a.width - 1);
  }

  bit(a: Int, n: number): Bool {
    return this.boolean('bit', [fromInt(a)], n);
  }

  boolAnd(a: Bool, b: Bool): Bool {
    return this.boolean('boolAnd', [fromBool(a), fromBool(b)]);
  }

  boolOr(a: Bool, b: Bool): Bool {
    return this.boolean('boolOr', [fromBool(a), fromBool(b)]);
  }

  boolXor(a: Bool, b: Bool): Bool {
    return this.boolean('boolXor', [fromBool(a), fromBool(b)]);
  }

  boolNot(a: Bool): Bool {
    return this.boolean('boolNot', [fromBool(a)]);
  }

  fromBool(width: Width, b: Bool): Int {
    return toInt(
      this.record({ kind: 'int', op: 'fromBool', effect: 'pure', width, type: wasmType(width), args: [fromBool(b)] }),
    );
  }

  select(condition: Bool, whenTrue: Int, whenFalse: Int): Int {
    const [t, f] = [fromInt(whenTrue), fromInt(whenFalse)];
    const width = whenTrue.width;
    const clean = (t.clean && f.clean) || width >= 32;
    return toInt(
      this.record({
        kind: 'int',
        op: 'select',
        effect: 'pure',
        width,
        type: wasmType(width),
        args: [t, f, fromBool(condition)],
        clean,
      }),
    );
  }

  selectBool(condition: Bool, whenTrue: Bool, whenFalse: Bool): Bool {
    return this.boolean('select', [fromBool(whenTrue), fromBool(whenFalse), fromBool(condition)]);
  }
}
