import { assert } from '../../base/errors.ts';
import type { Instruction } from '../../x86/instruction.ts';
import { GuestFault } from '../../x86/processor.ts';
import type { Description } from '../../x86/semantics.ts';
import { CR0, CR4, GPR, RFLAGS, STATE, VECTOR } from '../../x86/state.ts';
import type { SoftProcessor } from '../processor/soft-processor.ts';
import { BoundEvaluator } from './bound-evaluator.ts';
import { updatesMemoryOperand } from './survey.ts';

/** FSW: [13:11] TOP  [7] ES */
const FSW_TOP = 7 << 11;
const FSW_ES = 1 << 7;

/**
 * Executes instructions by evaluating their descriptions on BigInt: slow and obvious, the reference that the
 * other back ends and the host CPU are compared with.
 */
export class Oracle {
  /** RFLAGS bits that the manual leaves undefined after the last instruction. */
  undefinedFlags = 0;
  readonly #cpu: SoftProcessor;

  constructor(cpu: SoftProcessor) {
    this.#cpu = cpu;
  }

  /**
   * One instruction, or one element of a repeated string instruction (RIP then stays until the last). False if it raised
   * an exception: STATE.faultVector, faultError and faultHasError say which, and nothing else has changed but CR2 and
   * exception flags. STATE.rip must be the instruction's address.
   */
  execute(instruction: Instruction): boolean {
    const cpu = this.#cpu;
    const { semantics } = instruction.row;
    this.undefinedFlags = 0;
    const before = { fsw: cpu.u32(STATE.fsw), ftw: cpu.u32(STATE.ftw) };
    try {
      this.#prologue(instruction);
      if (semantics.kind === 'procedure') {
        const completed = cpu.runProcedure(instruction);
        if (!completed) this.#restoreTags(before);
        return completed;
      }
      this.#run(semantics, instruction);
      return true;
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      this.#restoreTags(before);
      cpu.setU32(STATE.faultVector, error.vector);
      cpu.setU32(STATE.faultError, error.errorCode);
      cpu.setU32(STATE.faultHasError, error.hasErrorCode ? 1 : 0);
      return false;
    }
  }

  #restoreTags(before: { fsw: number; ftw: number }): void {
    this.#cpu.setU32(STATE.fsw, before.fsw);
    this.#cpu.setU32(STATE.ftw, before.ftw);
  }

  /** Is the unit there and enabled? SDM Vol. 3A Table 2-2, §13.1; Vol. 1 §9.5. */
  #prologue(instruction: Instruction): void {
    const cpu = this.#cpu;
    const { unit } = instruction.row.options;
    if (unit === undefined) return;
    const cr0 = cpu.u32(STATE.cr0);
    if (unit !== 'x87' && (cr0 & CR0.EM) !== 0) cpu.raise(VECTOR.UD);
    if (unit === 'sse' && (cpu.u32(STATE.cr4) & CR4.OSFXSR) === 0) cpu.raise(VECTOR.UD);
    if ((cr0 & (CR0.TS | (unit === 'x87' ? CR0.EM : 0))) !== 0) cpu.raise(VECTOR.NM);
    if (unit === 'mmx' || instruction.operands.some((operand) => operand.kind === 'mmx')) this.#enterMmx();
  }

  /** A pending x87 exception comes first; then TOP is 0 and all registers are valid. */
  #enterMmx(): void {
    const cpu = this.#cpu;
    const fsw = cpu.u32(STATE.fsw);
    if ((fsw & FSW_ES) !== 0) {
      if ((cpu.u32(STATE.cr0) & CR0.NE) !== 0) cpu.raise(VECTOR.MF);
      cpu.platform.floatError();
    }
    cpu.setU32(STATE.fsw, fsw & ~FSW_TOP);
    cpu.setU32(STATE.ftw, 0);
  }

  #run(description: Description, instruction: Instruction): void {
    const cpu = this.#cpu;
    const { string } = description;
    const repeats = string !== undefined && instruction.repeat !== 'none';
    const next = cpu.nextRip(instruction);
    if (repeats && this.#count(instruction) === 0n) {
      cpu.setU64(STATE.rip, next);
      return;
    }
    const rip = cpu.u64(STATE.rip);
    const updates = updatesMemoryOperand(description, instruction, cpu.u32(STATE.mode));
    const evaluator = new BoundEvaluator(cpu, instruction, updates);
    try {
      evaluator.emit(description);
    } catch (error) {
      assert(
        !(error instanceof GuestFault) || !evaluator.changed,
        `${description.name} faults before it changes anything`,
      );
      throw error;
    }
    this.undefinedFlags = evaluator.undefined;
    if (repeats && !this.#isLast(instruction, string.stopsOnFlag)) cpu.setU64(STATE.rip, rip);
    else if (!evaluator.branched) cpu.setU64(STATE.rip, next);
  }

  #count(instruction: Instruction): bigint {
    return this.#cpu.readGpr(GPR.RCX, instruction.addressSize);
  }

  /** Counts an element of a repeated string instruction. */
  #isLast(instruction: Instruction, stopsOnFlag: boolean): boolean {
    const count = this.#count(instruction) - 1n;
    this.#cpu.writeGpr(GPR.RCX, instruction.addressSize, count);
    const zero = (this.#cpu.rflags() & RFLAGS.ZF) !== 0;
    return count === 0n || (stopsOnFlag && zero !== (instruction.repeat === 'repe'));
  }
}
