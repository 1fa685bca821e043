import { ByteWriter } from './bytes.ts';
import { BLOCK_VOID, BULK, OP, SIMD, TYPE, type ValueType } from './opcodes.ts';

export type PlainOp = Exclude<
  keyof typeof OP,
  'br' | 'br_if' | 'br_table' | 'call' | 'call_indirect' | 'block' | 'loop' | 'if' | 'prefix_fc' | 'prefix_fd'
>;
export type MemoryOp = Extract<PlainOp, `${string}_load${string}` | `${string}_store${string}`>;
export type SimdOp = keyof typeof SIMD;

/** A structured-control label; branches name it instead of counting depths. */
export interface Label {
  readonly depth: number;
}

/** Log2 of the natural alignment does not matter to engines: x86 accesses are unaligned, so all memory operations say 1. */
const ALIGN = 0;

/** The body of one function: instructions, labels and a pool of locals. */
export class Code {
  readonly out = new ByteWriter();
  readonly #parameterCount: number;
  readonly #localTypes: ValueType[] = [];
  readonly #free: Record<ValueType, number[]> = { i32: [], i64: [], v128: [] };
  #depth = 0;
  /** Where the last `local.set` stands, so that an immediate `local.get` of the same local can join it. */
  #lastSet: { local: number; start: number; end: number } | undefined;

  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  /** A local that is free for use; locals are pooled, since many of them make the engine's register allocator slow. */
  allocate(type: ValueType): number {
    const free = this.#free[type].pop();
    if (free !== undefined) return free;
    this.#localTypes.push(type);
    return this.#parameterCount + this.#localTypes.length - 1;
  }

  release(type: ValueType, local: number): void {
    this.#free[type].push(local);
  }

  op(op: PlainOp): void {
    this.out.byte(OP[op]);
  }

  i32(value: number): void {
    this.out.byte(OP.i32_const);
    this.out.s32(value);
  }

  i64(value: bigint): void {
    this.out.byte(OP.i64_const);
    this.out.s64(value);
  }

  get(local: number): void {
    this.out.byte(OP.local_get);
    this.out.u32(local);
  }

  set(local: number): void {
    const start = this.out.length;
    this.out.byte(OP.local_set);
    this.out.u32(local);
    this.#lastSet = { local, start, end: this.out.length };
  }

  tee(local: number): void {
    this.out.byte(OP.local_tee);
    this.out.u32(local);
  }

  /** `get`, or nothing but a `tee` if this local was set by the instruction just before; `last`: it is not needed again. */
  getJoined(local: number, last: boolean): void {
    const set = this.#lastSet;
    if (set === undefined || set.local !== local || set.end !== this.out.length) return this.get(local);
    this.#lastSet = undefined;
    this.out.truncate(set.start);
    if (!last) this.tee(local);
  }

  memory(op: MemoryOp, offset: number): void {
    this.out.byte(OP[op]);
    this.out.u32(ALIGN);
    this.out.u32(offset);
  }

  simd(op: SimdOp): void {
    this.out.byte(OP.prefix_fd);
    this.out.u32(SIMD[op]);
  }

  simdMemory(op: 'v128_load' | 'v128_store' | 'v128_load32_zero' | 'v128_load64_zero', offset: number): void {
    this.simd(op);
    this.out.u32(ALIGN);
    this.out.u32(offset);
  }

  simdLane(op: SimdOp, lane: number): void {
    this.simd(op);
    this.out.byte(lane);
  }

  v128(bytes: ArrayLike<number>): void {
    this.simd('v128_const');
    this.out.bytes(bytes);
  }

  shuffle(indices: readonly number[]): void {
    this.simd('i8x16_shuffle');
    this.out.bytes(indices);
  }

  memoryCopy(): void {
    this.out.bytes([OP.prefix_fc, BULK.memory_copy, 0, 0]);
  }

  memoryFill(): void {
    this.out.bytes([OP.prefix_fc, BULK.memory_fill, 0]);
  }

  block(kind: 'block' | 'loop' | 'if', type?: ValueType): Label {
    this.out.byte(OP[kind]);
    this.out.byte(type === undefined ? BLOCK_VOID : TYPE[type]);
    this.#lastSet = undefined;
    return { depth: ++this.#depth };
  }

  end(): void {
    this.out.byte(OP.end);
    this.#depth--;
    this.#lastSet = undefined;
  }

  else(): void {
    this.out.byte(OP.else);
    this.#lastSet = undefined;
  }

  br(label: Label): void {
    this.out.byte(OP.br);
    this.out.u32(this.#depth - label.depth);
  }

  brIf(label: Label): void {
    this.out.byte(OP.br_if);
    this.out.u32(this.#depth - label.depth);
  }

  brTable(labels: readonly Label[], otherwise: Label): void {
    this.out.byte(OP.br_table);
    this.out.u32(labels.length);
    for (const label of labels) this.out.u32(this.#depth - label.depth);
    this.out.u32(this.#depth - otherwise.depth);
  }

  call(functionIndex: number): void {
    this.out.byte(OP.call);
    this.out.u32(functionIndex);
  }

  callIndirect(typeIndex: number): void {
    this.out.byte(OP.call_indirect);
    this.out.u32(typeIndex);
    this.out.u32(0);
  }

  /** The function's bytes as the code section wants them: locals, then instructions. */
  finish(): Uint8Array {
    const body = new ByteWriter();
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.#localTypes) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    body.u32(runs.length);
    for (const run of runs) {
      body.u32(run.count);
      body.byte(TYPE[run.type]);
    }
    body.bytes(this.out.view());
    body.byte(OP.end);
    return body.view();
  }
}
