import { type ALU, type ALU_IMMEDIATE, type Assembler, CC, R, type SHIFT } from './assembler.ts';
import { type BenchProgram, DATA_GPA } from './boot-image.ts';

interface Shape {
  readonly name: string;
  readonly functions: number;
  /** Instructions of a function, about. */
  readonly length: number;
  /** How often each function is called. */
  readonly rounds: number;
}

/** One hot loop; code that fits every cache; code with little reuse, as kernels have. */
export const BRANCHY_SHAPES: readonly Shape[] = [
  { name: 'B1 hot loop', functions: 1, length: 16, rounds: 6_000_000 },
  { name: 'B2 64 functions', functions: 64, length: 34, rounds: 40_000 },
  { name: 'B3 1,000 functions', functions: 1000, length: 33, rounds: 2_500 },
];

/** Registers that hold values; the others have a purpose. */
const VALUES = [R.rax, R.rcx, R.rdx, R.rbx, R.rbp, R.rsi, R.rdi, R.r8, R.r9, R.r10, R.r11, R.r12] as const;
const INNER_COUNTER = R.r13;
const ROUND_COUNTER = R.r14;
const DATA = R.r15;
const DATA_MASK = 0x7ff8;

/** A program of random functions: arithmetic, loads, stores, branches that depend on the values, short loops, calls. */
export function branchyProgram(shape: Shape): BenchProgram {
  return {
    name: shape.name,
    hash: true,
    emit(a) {
      a.movImmediate(DATA, DATA_GPA);
      a.loop(ROUND_COUNTER, shape.rounds, () => {
        for (let i = 0; i < shape.functions; i++) a.call(`${shape.name} ${i}`);
      });
    },
    emitData(a) {
      const random = new Random(shape.functions);
      for (let i = 0; i < shape.functions; i++) {
        a.align(16);
        a.label(`${shape.name} ${i}`);
        new BranchyFunction(a, random, shape, i).emit();
      }
    },
  };
}

class BranchyFunction {
  readonly #a: Assembler;
  readonly #random: Random;
  readonly #shape: Shape;
  readonly #number: number;
  #left: number;

  constructor(a: Assembler, random: Random, shape: Shape, number: number) {
    this.#a = a;
    this.#random = random;
    this.#shape = shape;
    this.#number = number;
    this.#left = shape.length - 1;
  }

  emit(): void {
    while (this.#left > 0) this.#random.pick(PIECES)(this);
    this.#a.ret();
  }

  value(): number {
    return this.#random.pick(VALUES);
  }

  width(): 32 | 64 {
    return this.#random.below(2) === 0 ? 32 : 64;
  }

  displacement(): number {
    return this.#random.below(4096) * 8;
  }

  count(instructions = 1): Assembler {
    this.#left -= instructions;
    return this.#a;
  }

  arithmetic(): void {
    const name = this.#random.pick(['add', 'or', 'and', 'sub', 'xor', 'mov'] satisfies (keyof typeof ALU)[]);
    this.count().alu(name, this.value(), this.value(), this.width());
  }

  arithmeticImmediate(): void {
    const name = this.#random.pick(['add', 'sub', 'xor', 'or'] satisfies (keyof typeof ALU_IMMEDIATE)[]);
    this.count().aluImmediate(name, this.value(), this.#random.below(1 << 30), this.width());
  }

  shift(): void {
    const name = this.#random.pick(['rol', 'shl', 'shr', 'sar'] satisfies (keyof typeof SHIFT)[]);
    this.count().shift(name, this.value(), 1 + this.#random.below(31), this.width());
  }

  load(): void {
    this.count().load(this.value(), { base: DATA, displacement: this.displacement() }, this.width());
  }

  store(): void {
    this.count().store({ base: DATA, displacement: this.displacement() }, this.value(), this.width());
  }

  indexedLoad(): void {
    const index = this.value();
    this.count().aluImmediate('and', index, DATA_MASK, 32);
    this.count().load(this.value(), { base: DATA, index });
  }

  lea(): void {
    this.count().lea(this.value(), { base: this.value(), index: this.value(), displacement: this.displacement() });
  }

  loadByte(): void {
    this.count().memory([0x0f, 0xb6], this.value(), { base: DATA, displacement: this.displacement() }, 32);
  }

  /** A branch over a few instructions, taken or not as the values will have it. */
  branch(): void {
    const skip = this.#a.newLabel();
    const a = this.count(2);
    a.alu(this.#random.below(2) === 0 ? 'cmp' : 'test', this.value(), this.value(), this.width());
    a.jcc(this.#random.pick(CONDITIONS), skip);
    for (let i = this.#random.below(4); i >= 0; i--) this.#random.pick(STRAIGHT)(this);
    a.label(skip);
  }

  innerLoop(): void {
    this.#a.loop(INNER_COUNTER, 3, () => {
      for (let i = 0; i < 3; i++) this.#random.pick(STRAIGHT)(this);
    });
    this.count(3);
  }

  save(): void {
    const a = this.count(2);
    a.push(this.value());
    this.#random.pick(STRAIGHT)(this);
    a.pop(this.value());
  }

  /** Only of the last quarter's functions, which call nobody. */
  call(): void {
    const { functions, name } = this.#shape;
    const leaves = Math.floor(functions / 4);
    if (leaves === 0 || this.#number >= functions - leaves) return this.arithmetic();
    this.count().call(`${name} ${functions - 1 - this.#random.below(leaves)}`);
  }
}

const CONDITIONS = Object.values(CC);
type Piece = (f: BranchyFunction) => void;
const STRAIGHT: readonly Piece[] = [
  (f) => f.arithmetic(),
  (f) => f.arithmetic(),
  (f) => f.arithmetic(),
  (f) => f.arithmeticImmediate(),
  (f) => f.shift(),
  (f) => f.load(),
  (f) => f.load(),
  (f) => f.store(),
  (f) => f.indexedLoad(),
  (f) => f.lea(),
  (f) => f.loadByte(),
];
const PIECES: readonly Piece[] = [
  ...STRAIGHT,
  (f) => f.branch(),
  (f) => f.branch(),
  (f) => f.branch(),
  (f) => f.branch(),
  (f) => f.branch(),
  (f) => f.innerLoop(),
  (f) => f.save(),
  (f) => f.call(),
];

/** Mulberry32: the same programs on every run. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
