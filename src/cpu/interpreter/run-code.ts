import type { Code, Label } from '../../wasm/code.ts';
import { STATE } from '../../x86/state.ts';
import { RECORD } from '../ir/record.ts';
import { EXIT } from './exits.ts';
import { type HotLocals, HotLowering } from './hot-lowering.ts';

export interface RunOptions {
  /** Linear-memory address of the vCPU's struct. */
  readonly base: number;
  readonly codeSize: 32 | 64;
  readonly coldSlots: number;
  /** Address of a record with the handler `enterHandler`. */
  readonly enterRecord: number;
}

/** Parameters of run(): the budget, and the record to begin with or 0 (then STATE.rip says where). */
export const BUDGET = 0;
export const FIRST = 1;

/** The pieces that run() is made of: its locals, the budget, RIP, and the ways out. */
export class RunCode {
  protected readonly code: Code;
  protected readonly options: RunOptions;
  protected readonly locals: HotLocals;
  protected readonly lowering: HotLowering;

  constructor(code: Code, options: RunOptions) {
    this.code = code;
    this.options = options;
    this.locals = {
      pc: code.allocate('i32'),
      flagAux: code.allocate('i32'),
      tlb: code.allocate('i32'),
      entry: code.allocate('i32'),
      flagResult: code.allocate('i64'),
      linear: code.allocate('i64'),
      target: code.allocate('i64'),
    };
    this.lowering = new HotLowering(code, options.base, this.locals);
  }

  /** ripBase = target - offset in page */
  protected storeRipBase(): void {
    const code = this.code;
    code.i32(this.options.base);
    code.get(this.locals.target);
    this.record('i32_load16_u', RECORD.place);
    code.i32(0xfff);
    code.op('i32_and');
    code.op('i64_extend_i32_u');
    code.op('i64_sub');
    code.memory('i64_store', STATE.ripBase);
  }

  protected target(offset: number): void {
    this.load('i64_load', offset);
    this.code.set(this.locals.target);
  }

  protected load(op: 'i32_load' | 'i64_load', offset: number): void {
    this.code.i32(this.options.base);
    this.code.memory(op, offset);
  }

  /** Pushes a field of the record at `pc`. */
  protected record(op: 'i32_load16_u' | 'i32_load' | 'i64_load32_s', field: number): void {
    this.code.get(this.locals.pc);
    this.code.memory(op, field);
  }

  /** budget += remaining(pc) + extra: gives back what the rest of this run was charged. */
  protected addRemaining(extra: number): void {
    const code = this.code;
    code.get(BUDGET);
    this.record('i32_load16_u', RECORD.remaining);
    code.op('i32_add');
    if (extra !== 0) {
      code.i32(extra);
      code.op('i32_add');
    }
    code.set(BUDGET);
  }

  /** Pushes the RIP that a record's displacement names. */
  protected displacedRip(): void {
    const code = this.code;
    this.load('i64_load', STATE.ripBase);
    this.record('i64_load32_s', RECORD.displacement);
    code.op('i64_add');
    if (this.options.codeSize === 64) return;
    code.i64(0xffff_ffffn);
    code.op('i64_and');
  }

  /** Tells the host how far the budget is used, this record not included: it may ask for the time. */
  protected storeBudget(): void {
    const code = this.code;
    code.i32(this.options.base);
    code.get(BUDGET);
    this.record('i32_load16_u', RECORD.remaining);
    code.op('i32_add');
    code.memory('i32_store', STATE.budget);
  }

  /** Leaves run(): gives back the budget of what was not executed, and stores RIP of `pc` unless it is stored already. */
  protected exit(reason: number, extra: number, storeRip: boolean): void {
    if (storeRip) this.lowering.storeRip(false, this.options.codeSize);
    this.addRemaining(extra);
    this.leave(reason);
  }

  protected leave(reason: number): void {
    const code = this.code;
    this.lowering.spillFlags();
    code.i32(this.options.base);
    code.get(BUDGET);
    code.memory('i32_store', STATE.budget);
    code.i32(reason);
    code.op('return');
  }

  protected nextUnlessSpent(next: Label): void {
    const code = this.code;
    code.get(BUDGET);
    code.i32(0);
    code.op('i32_ge_s');
    code.brIf(next);
    this.exit(EXIT.BUDGET, 0, true);
  }

  /** budget -= remaining(pc) */
  protected charge(): void {
    const code = this.code;
    code.get(BUDGET);
    this.record('i32_load16_u', RECORD.remaining);
    code.op('i32_sub');
    code.set(BUDGET);
  }
}
