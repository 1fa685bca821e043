import type { Code, Label } from '../../wasm/code.ts';
import { STATE } from '../../x86/state.ts';
import { HandlerLowering } from '../ir/handler-lowering.ts';
import type { Emit } from '../ir/lowering.ts';
import { arg } from '../ir/lowering.ts';
import { VECTOR_UPDATE } from '../ir/memory-recorder.ts';
import type { IrNode } from '../ir/node.ts';
import { RECORD } from '../ir/record.ts';
import { TLB } from './layout.ts';

/** Locals of run() that all hot handlers share. */
export interface HotLocals {
  readonly pc: number;
  readonly flagResult: number;
  readonly flagAux: number;
  /** i32: the TLB of the current MMU context. */
  readonly tlb: number;
  /** i64: linear address of the access being made; the miss paths read it. */
  readonly linear: number;
  readonly entry: number;
  /** i64: where an indirect branch goes. */
  readonly target: number;
}

/** Where rare cases go. None of them may be reached after a state change. */
export interface HotLabels {
  /** TLB misses at `linear`; the record runs again, or its cold handler does. */
  readonly missRead: Label;
  readonly missWrite: Label;
  /** Anything else unusual: the cold handler runs the record. */
  readonly rare: Label;
  /** Direct branch taken: by the link in the record, or its displacement. */
  readonly taken: Label;
  /** Indirect branch to `target`. */
  readonly branch: Label;
  /** The next dispatch. */
  readonly next: Label;
}

/** Handlers inside run(): flags in locals, TLB misses and faults leave by a label. */
export class HotLowering extends HandlerLowering {
  protected readonly pc: number;
  readonly #locals: HotLocals;
  /** Set once the blocks are open, before anything that branches is lowered. */
  labels!: HotLabels;
  readonly #updateAddress = new Map<IrNode, number>();
  /** The record is the first of a fused pair: a branch belongs to the next record. */
  fused = false;

  constructor(code: Code, base: number, locals: HotLocals) {
    super(code, base);
    this.pc = locals.pc;
    this.#locals = locals;
    Object.assign(this.emitters, this.#rows());
  }

  /** Goes on with the next record (or the one after a fused pair). */
  next(): void {
    this.#advance(32);
    this.code.br(this.labels.next);
  }

  #advance(bytes: number): void {
    this.code.get(this.pc);
    this.code.i32(bytes);
    this.code.op('i32_add');
    this.code.set(this.pc);
  }

  #rows(): Record<string, Emit> {
    const { flagResult, flagAux } = this.#locals;
    return {
      flagResult: () => this.code.get(flagResult),
      flagAux: () => this.code.get(flagAux),
      setFlagResult: (node) => {
        this.value(arg(node, 0));
        this.code.set(flagResult);
      },
      setFlagAux: (node) => {
        this.value(arg(node, 0));
        this.code.set(flagAux);
      },
      load: (node) => {
        this.#access(arg(node, 0), node.width / 8, node.immediate === 1);
        this.code.memory(this.loadOp(node.width), 0);
      },
      loadForUpdate: (node) => {
        const address = this.borrow('i32');
        this.#access(arg(node, 0), node.width / 8, true);
        this.code.tee(address);
        this.#updateAddress.set(node, address);
        this.code.memory(this.loadOp(node.width), 0);
      },
      storeAgain: (node) => {
        this.code.get(this.#updateAddress.get(arg(node, 0)) ?? 0);
        this.value(arg(node, 2));
        this.code.memory(this.storeOp(node.width), 0);
      },
      store: (node) => {
        this.#access(arg(node, 0), node.width / 8, true);
        this.value(arg(node, 1));
        this.code.memory(this.storeOp(node.width), 0);
      },
      loadVec: (node) => {
        this.#access(arg(node, 0), node.immediate / 8, (node.constant & VECTOR_UPDATE) !== 0n);
        this.code.simdMemory(node.immediate === 128 ? 'v128_load' : 'v128_load64_zero', 0);
      },
      storeVec: (node) => {
        this.#access(arg(node, 0), node.immediate / 8, true);
        this.value(arg(node, 1));
        this.code.simdMemory('v128_store', 0);
      },
      checkAlignment: (node) => {
        this.value(arg(node, 0));
        this.code.op('i32_wrap_i64');
        this.code.i32(node.immediate);
        this.code.op('i32_and');
        this.code.brIf(this.labels.rare);
      },
      raise: () => this.code.br(this.labels.rare),
      checkTarget: (node) => {
        this.badTarget(this.targetLocal(arg(node, 0)));
        this.code.brIf(this.labels.rare);
      },
      branch: (node) => {
        this.value(arg(node, 0));
        this.code.set(this.#locals.target);
        this.code.br(this.labels.branch);
      },
      branchRelative: (node) => this.#branchRelative(node),
    };
  }

  #branchRelative(node: IrNode): void {
    const condition = node.args[0];
    if (condition === undefined) return this.code.br(this.labels.taken);
    this.value(condition);
    // The condition is on the stack: what it was computed from may not be read through `pc` any more.
    if (this.fused) this.#advance(RECORD.SIZE_BYTES);
    this.code.brIf(this.labels.taken);
  }

  /** Pushes the host address of a plain access, or leaves by a miss label with `linear` set. */
  #access(linearNode: IrNode, bytes: number, write: boolean): void {
    const { linear, entry, tlb } = this.#locals;
    const tag = write ? TLB.WRITE_HALF : 0;
    this.value(linearNode);
    this.code.set(linear);
    this.tlbMiss(linear, entry, bytes, () => this.code.get(tlb), tag);
    this.code.brIf(write ? this.labels.missWrite : this.labels.missRead);
    this.hostAddress(linear, entry, tag);
  }

  /** STATE fields that run() keeps in locals, to the struct. */
  spillFlags(): void {
    this.stateStore('i64_store', STATE.flagResult, () => this.code.get(this.#locals.flagResult));
    this.stateStore('i32_store', STATE.flagAux, () => this.code.get(this.#locals.flagAux));
  }

  /** And back; the MMU context may have changed too. */
  reload(): void {
    this.stateLoad('i64_load', STATE.flagResult);
    this.code.set(this.#locals.flagResult);
    this.stateLoad('i32_load', STATE.flagAux);
    this.code.set(this.#locals.flagAux);
    this.stateLoad('i32_load', STATE.mmuContext);
    this.code.i32(Math.log2(TLB.CONTEXT_BYTES));
    this.code.op('i32_shl');
    this.code.i32(this.base + TLB.OFFSET);
    this.code.op('i32_add');
    this.code.set(this.#locals.tlb);
  }

  /** Stores RIP of the record at `pc`, or of the one after it. */
  storeRip(afterwards: boolean, codeSize: 32 | 64): void {
    this.stateStore('i64_store', STATE.rip, () => {
      this.instructionPointer(afterwards);
      if (codeSize === 64) return;
      this.code.i64(0xffff_ffffn);
      this.code.op('i64_and');
    });
  }
}
