import { assert } from '../../base/errors.ts';
import type { Code } from '../../wasm/code.ts';
import type { ValueType } from '../../wasm/opcodes.ts';
import type { Width } from '../../x86/emitter.ts';
import { ARITHMETIC } from './arithmetic-rows.ts';
import type { Form } from './form.ts';
import { isInlined, placeNodes } from './liveness.ts';
import type { IrBlock, IrNode } from './node.ts';

export type Emit = (node: IrNode) => void;

/** Turns a recording into WebAssembly. Subclasses know where state, memory and exits are. */
export class Lowering {
  readonly code: Code;
  protected form!: Form;
  readonly #variables = new Map<number, number>();
  readonly #borrowed: { type: ValueType; local: number }[] = [];
  /** One row per node operation. */
  protected readonly emitters: Record<string, Emit> = {
    constant: (node) => (node.type === 'i64' ? this.code.i64(node.constant) : this.code.i32(signed32(node.constant))),
    zeroExtend: (node) => this.#zeroExtend(node),
    signExtend: (node) => this.#signExtend(node),
    truncate: (node) => {
      this.value(arg(node, 0));
      if (arg(node, 0).width === 64) this.code.op('i32_wrap_i64');
    },
    clz: (node) => this.#countLeading(node),
    ctz: (node) => this.#countTrailing(node),
    popcount: (node) => {
      this.clean(arg(node, 0));
      this.code.op(node.width === 64 ? 'i64_popcnt' : 'i32_popcnt');
    },
    isZero: (node) => {
      this.clean(arg(node, 0));
      this.code.op(arg(node, 0).width === 64 ? 'i64_eqz' : 'i32_eqz');
    },
    bit: (node) => this.#bit(node),
    boolAnd: (node) => this.#plain(node, 'i32_and'),
    boolOr: (node) => this.#plain(node, 'i32_or'),
    boolXor: (node) => this.#plain(node, 'i32_xor'),
    boolNot: (node) => this.#plain(node, 'i32_eqz'),
    fromBool: (node) => {
      this.value(arg(node, 0));
      if (node.width === 64) this.code.op('i64_extend_i32_u');
    },
    select: (node) => this.#plain(node, 'select'),
    variable: (node) => this.code.get(this.#variable(node.immediate, node.type ?? 'i32')),
    setVariable: (node) => {
      this.clean(arg(node, 0));
      this.code.set(this.#variable(node.immediate, arg(node, 0).type ?? 'i32'));
    },
    when: (node) => this.#when(node),
  };

  constructor(code: Code) {
    this.code = code;
  }

  /** Emits all of a recording, then gives its locals back. */
  lower(block: IrBlock, form: Form): void {
    this.form = form;
    placeNodes(block);
    this.#block(block);
    for (const { type, local } of this.#borrowed) this.code.release(type, local);
    this.#borrowed.length = 0;
    this.#variables.clear();
  }

  #block(block: IrBlock): void {
    for (const node of block.nodes) {
      if (node.effect === 'write' || node.effect === 'control') {
        this.#emit(node);
      } else if (node.effect === 'load' || (node.uses > 0 && !isInlined(node) && !isTrivial(node))) {
        this.#materialise(node);
      }
    }
  }

  #materialise(node: IrNode): void {
    this.#emit(node);
    if (node.type === undefined) return;
    if (node.uses === 0) return this.code.op('drop');
    node.local = this.borrow(node.type);
    this.code.set(node.local);
  }

  #emit(node: IrNode): void {
    const row = ARITHMETIC[node.op];
    if (row !== undefined) {
      const [a, b] = [arg(node, 0), arg(node, 1)];
      this.#as(a, row.first);
      this.#as(b, row.second);
      this.code.op(a.width === 64 ? row.i64 : row.i32);
      return;
    }
    const emit = this.emitters[node.op];
    assert(emit !== undefined, `the lowering has a row for ${node.op}`);
    emit(node);
  }

  /** A local of this recording; returned to the pool at its end. */
  protected borrow(type: ValueType): number {
    const local = this.code.allocate(type);
    this.#borrowed.push({ type, local });
    return local;
  }

  /** Pushes a value; upper bits of narrow integers may be anything. */
  protected value(node: IrNode): void {
    node.uses--;
    if (node.local >= 0) this.code.getJoined(node.local, node.uses === 0);
    else this.#emit(node);
  }

  /** Pushes a value with zero upper bits. */
  protected clean(node: IrNode): void {
    this.value(node);
    if (!node.clean && node.width < 32) {
      this.code.i32(node.width === 8 ? 0xff : 0xffff);
      this.code.op('i32_and');
    }
  }

  #as(node: IrNode, how: 'any' | 'clean' | 'signed'): void {
    if (how === 'clean') return this.clean(node);
    this.value(node);
    if (how === 'signed') this.#signInRegister(node.width);
  }

  #signInRegister(width: Width): void {
    if (width === 8) this.code.op('i32_extend8_s');
    else if (width === 16) this.code.op('i32_extend16_s');
  }

  #plain(node: IrNode, op: 'i32_and' | 'i32_or' | 'i32_xor' | 'i32_eqz' | 'select'): void {
    for (const each of node.args) this.value(each);
    this.code.op(op);
  }

  #zeroExtend(node: IrNode): void {
    this.clean(arg(node, 0));
    if (node.width === 64) this.code.op('i64_extend_i32_u');
  }

  #signExtend(node: IrNode): void {
    const from = arg(node, 0);
    this.value(from);
    this.#signInRegister(from.width);
    if (node.width === 64) this.code.op('i64_extend_i32_s');
  }

  #countLeading(node: IrNode): void {
    this.clean(arg(node, 0));
    this.code.op(node.width === 64 ? 'i64_clz' : 'i32_clz');
    if (node.width >= 32) return;
    this.code.i32(32 - node.width);
    this.code.op('i32_sub');
  }

  #countTrailing(node: IrNode): void {
    this.value(arg(node, 0));
    if (node.width < 32) {
      this.code.i32(1 << node.width);
      this.code.op('i32_or');
    }
    this.code.op(node.width === 64 ? 'i64_ctz' : 'i32_ctz');
  }

  /** Bit n as 0 or 1. */
  #bit(node: IrNode): void {
    const from = arg(node, 0);
    const n = node.immediate;
    this.value(from);
    if (from.width === 64) {
      if (n > 0) {
        this.code.i64(BigInt(n));
        this.code.op('i64_shr_u');
      }
      this.code.op('i32_wrap_i64');
    } else if (n > 0) {
      this.code.i32(n);
      this.code.op('i32_shr_u');
    }
    if (n === 31 && from.width === 32) return;
    if (n === 63) return;
    this.code.i32(1);
    this.code.op('i32_and');
  }

  #variable(id: number, type: ValueType): number {
    const known = this.#variables.get(id);
    if (known !== undefined) return known;
    const local = this.borrow(type);
    this.#variables.set(id, local);
    return local;
  }

  #when(node: IrNode): void {
    this.value(arg(node, 0));
    this.code.block('if');
    if (node.whenTrue !== undefined) this.#block(node.whenTrue);
    if (node.whenFalse !== undefined && node.whenFalse.nodes.length > 0) {
      this.code.else();
      this.#block(node.whenFalse);
    }
    this.code.end();
  }
}

export const arg = (node: IrNode, n: number): IrNode => {
  const value = node.args[n];
  assert(value !== undefined, `${node.op} has argument ${n}`);
  return value;
};

/** Constants are cheaper to repeat than to keep. */
const isTrivial = (node: IrNode): boolean => node.op === 'constant';

const signed32 = (value: bigint): number => Number(BigInt.asIntN(32, value));
