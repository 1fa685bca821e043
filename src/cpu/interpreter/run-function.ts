import { Code, type Label } from '../../wasm/code.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { STATE } from '../../x86/state.ts';
import { RECORD, STATUS } from '../ir/record.ts';
import { recordForm } from '../ir/record-form.ts';
import { EXIT, RETRY } from './exits.ts';
import { firstCold } from './handler-numbers.ts';
import { type HostFunctionIndices, importHostFunctions } from './host-functions.ts';
import type { HotForm } from './hot-forms.ts';
import type { HotLabels } from './hot-lowering.ts';
import { JUMP_CACHE, memoryOf } from './layout.ts';
import { BUDGET, FIRST, RunCode, type RunOptions } from './run-code.ts';

export interface RunModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Size of run() itself, for the budget in tests. */
  readonly runBytes: number;
}

/**
 * Generates the module with run(budget): a loop around one br_table over the handler number of the record at `pc`.
 *
 *   loop next
 *     lookup: branch: taken: status: missWrite: missRead: rare: cold: [handlers]
 *
 * Each label names what stands after the block it ends. The function stays small (a budget in the tests): V8 compiles
 * huge functions with a worse register allocator.
 */
export function buildRunModule(hot: readonly HotForm[], options: RunOptions): RunModule {
  const module = new ModuleBuilder(memoryOf(options.base));
  const host = importHostFunctions(module);
  const coldType = module.typeIndex({ parameters: ['i32'], results: ['i32'] });
  const code = new Code(2);
  new RunFunction(code, host, coldType, hot, options).emit();
  const runBytes = code.finish().length;
  module.addFunction({ parameters: ['i32', 'i32'], results: ['i32'] }, code, 'run');
  module.exportTable('cold', options.coldSlots);
  return { bytes: module.finish(), runBytes };
}

class RunFunction extends RunCode {
  readonly #host: HostFunctionIndices;
  readonly #coldType: number;
  readonly #hot: readonly HotForm[];
  readonly #status: number;

  constructor(code: Code, host: HostFunctionIndices, coldType: number, hot: readonly HotForm[], options: RunOptions) {
    super(code, options);
    this.#host = host;
    this.#coldType = coldType;
    this.#hot = hot;
    this.#status = code.allocate('i32');
  }

  emit(): void {
    const code = this.code;
    this.#enter();
    const next = code.block('loop');
    const lookup = code.block('block');
    const branch = code.block('block');
    const taken = code.block('block');
    const status = code.block('block');
    const missWrite = code.block('block');
    const missRead = code.block('block');
    const rare = code.block('block');
    const cold = code.block('block');
    this.lowering.labels = { missRead, missWrite, rare, taken, branch, next };
    this.#handlers({ cold, taken, lookup });
    code.end(); // cold
    this.#callCold(status);
    code.end(); // rare
    this.#callSlow(2, status);
    code.end(); // missRead
    this.#callSlow(0, status);
    code.end(); // missWrite
    this.#callSlow(1, status);
    code.end(); // status
    this.#handleStatus({ next, branch });
    code.end(); // taken
    this.#taken(next);
    code.end(); // branch
    this.addRemaining(-1);
    code.end(); // lookup
    this.#lookup(next);
    code.end(); // next
    code.op('unreachable');
  }

  /** Begins with the record given, or with the enter record, which looks up STATE.rip. */
  #enter(): void {
    const code = this.code;
    const { pc } = this.locals;
    this.lowering.reload();
    this.target(STATE.rip);
    code.get(FIRST);
    code.tee(pc);
    code.block('if');
    this.storeRipBase();
    this.charge();
    code.else();
    code.i32(this.options.enterRecord);
    code.set(pc);
    code.end();
  }

  #handlers({ cold, taken, lookup }: { cold: Label; taken: Label; lookup: Label }): void {
    const code = this.code;
    const enter = code.block('block');
    const stop = code.block('block');
    const goOn = code.block('block');
    const labels = this.#hot.map(() => code.block('block')).reverse();
    this.record('i32_load16_u', RECORD.handler);
    code.brTable([...labels, goOn, stop, enter], cold);
    for (const form of this.#hot) {
      code.end();
      this.lowering.fused = form.fused !== undefined;
      this.lowering.lower(recordForm(form.form, form), form.form);
      if (form.falls) {
        if (this.lowering.fused) {
          code.get(this.locals.pc);
          code.i32(RECORD.SIZE_BYTES);
          code.op('i32_add');
          code.set(this.locals.pc);
          code.br(this.#nextLabel());
        } else this.lowering.next();
      }
    }
    code.end(); // goOn: not an instruction, so what `taken` takes off the budget is put back
    code.get(BUDGET);
    code.i32(1);
    code.op('i32_add');
    code.set(BUDGET);
    code.br(taken);
    code.end(); // stop: the end of a single step
    code.i32(this.options.base);
    this.displacedRip();
    code.memory('i64_store', STATE.rip);
    this.leave(EXIT.BUDGET);
    code.end(); // enter
    code.br(lookup);
  }

  /** The loop is the outermost label. */
  #nextLabel(): Label {
    return { depth: 1 };
  }

  #setStatus(status: Label): void {
    this.code.set(this.#status);
    this.lowering.reload();
    this.code.br(status);
  }

  #callCold(status: Label): void {
    const code = this.code;
    this.lowering.spillFlags();
    this.storeBudget();
    code.get(this.locals.pc);
    this.record('i32_load16_u', RECORD.handler);
    code.i32(firstCold(this.#hot));
    code.op('i32_sub');
    code.callIndirect(this.#coldType);
    this.#setStatus(status);
  }

  /** `why`: 0 read miss, 1 write miss, 2 anything else. */
  #callSlow(why: number, status: Label): void {
    const code = this.code;
    this.lowering.spillFlags();
    this.storeBudget();
    code.get(this.locals.pc);
    code.get(this.locals.linear);
    code.op('i32_wrap_i64');
    code.get(this.locals.linear);
    code.i64(32n);
    code.op('i64_shr_u');
    code.op('i32_wrap_i64');
    code.i32(why);
    code.call(this.#host.slowRecord);
    this.#setStatus(status);
  }

  #handleStatus({ next, branch }: Pick<HotLabels, 'next' | 'branch'>): void {
    const code = this.code;
    const cases = [STATUS.NEXT, STATUS.BRANCH, STATUS.FAULT, STATUS.AGAIN, STATUS.STOP, RETRY];
    const labels = cases.map(() => code.block('block')).reverse();
    code.get(this.#status);
    code.brTable(labels, labels[0] as Label);
    code.end(); // NEXT
    code.get(this.locals.pc);
    code.i32(RECORD.SIZE_BYTES);
    code.op('i32_add');
    code.set(this.locals.pc);
    code.br(next);
    code.end(); // BRANCH
    this.target(STATE.rip);
    code.br(branch);
    code.end(); // FAULT
    this.exit(EXIT.FAULT, 0, true);
    code.end(); // AGAIN: the host may have done many elements, and told so by STATE.budget
    this.load('i32_load', STATE.budget);
    this.record('i32_load16_u', RECORD.remaining);
    code.op('i32_sub');
    code.i32(1);
    code.op('i32_sub');
    code.set(BUDGET);
    this.nextUnlessSpent(next);
    code.end(); // STOP
    this.exit(EXIT.STOP, -1, false);
    code.end(); // RETRY
    code.br(next);
  }

  /** Direct branch: `first` of the record links to the target's record if that is in the same page. */
  #taken(next: Label): void {
    const code = this.code;
    const { pc, entry, target } = this.locals;
    this.record('i32_load', RECORD.first);
    code.tee(entry);
    code.block('if');
    this.addRemaining(-1);
    code.get(entry);
    code.set(pc);
    this.charge();
    this.nextUnlessSpent(next);
    code.end();
    this.displacedRip();
    code.set(target);
  }

  /** Finds the record of `target` in the jump cache, or asks the host. */
  #lookup(next: Label): void {
    const code = this.code;
    const { pc, entry, target } = this.locals;
    // Not even a fault in fetching the target may be seen once the budget is spent.
    code.get(BUDGET);
    code.i32(0);
    code.op('i32_le_s');
    code.block('if');
    code.i32(this.options.base);
    code.get(target);
    code.memory('i64_store', STATE.rip);
    this.leave(EXIT.BUDGET);
    code.end();
    code.get(target);
    code.op('i32_wrap_i64');
    code.i32(JUMP_CACHE.ENTRIES - 1);
    code.op('i32_and');
    code.i32(Math.log2(JUMP_CACHE.ENTRY_BYTES));
    code.op('i32_shl');
    code.tee(entry);
    const offset = this.options.base + JUMP_CACHE.OFFSET;
    code.memory('i64_load', offset);
    code.get(target);
    code.op('i64_eq');
    for (const tag of [STATE.codeGeneration, STATE.globalCodeGeneration]) {
      code.get(entry);
      code.memory('i32_load', offset + 12);
      this.load('i32_load', tag);
      code.op('i32_eq');
    }
    code.op('i32_or');
    code.op('i32_and');
    code.block('if');
    code.get(entry);
    code.memory('i32_load', offset + 8);
    code.set(pc);
    code.else();
    this.lowering.spillFlags();
    code.get(target);
    code.op('i32_wrap_i64');
    code.get(target);
    code.i64(32n);
    code.op('i64_shr_u');
    code.op('i32_wrap_i64');
    code.call(this.#host.lookup);
    code.tee(pc);
    code.op('i32_eqz');
    code.block('if');
    code.i32(this.options.base);
    code.get(target);
    code.memory('i64_store', STATE.rip);
    this.leave(EXIT.FAULT);
    code.end();
    code.end();
    this.storeRipBase();
    this.charge();
    this.nextUnlessSpent(next);
  }
}
