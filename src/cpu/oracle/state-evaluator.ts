import { assert } from '../../base/errors.ts';
import type { Bool, FlagRule, Int, StatusFlag, Variable, Vec, Width } from '../../x86/emitter.ts';
import type { Instruction } from '../../x86/instruction.ts';
import type { Processor } from '../../x86/processor.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { RFLAGS, STATE, STATUS_FLAGS } from '../../x86/state.ts';
import { FLAG_BITS, resultFlags, statusFlags } from './status-flags.ts';
import { bitsOf, toBool, toInt, toVec, truthOf, unsignedOf } from './values.ts';
import { VectorEvaluator } from './vector-evaluator.ts';

/** How far an instruction has got, by the order rule of emitter.ts. */
export const PROGRESS = { CHECKS: 0, STORES: 1, REGISTERS: 2 } as const;

const XMM_BYTES = 32;

/** What descriptions need of a processor. */
export type OracleProcessor = Pick<
  Processor,
  | 'u32'
  | 'setU32'
  | 'u64'
  | 'setU64'
  | 'readGpr'
  | 'writeGpr'
  | 'rflags'
  | 'setRflags'
  | 'effectiveAddress'
  | 'readMemory'
  | 'writeMemory'
  | 'probeWrite'
  | 'linearAddress'
  | 'raise'
>;

/** Registers, flags and the flow within an instruction. */
export class StateEvaluator extends VectorEvaluator {
  /** RFLAGS bits that the manual leaves undefined after this instruction. */
  undefined = 0;
  protected readonly cpu: OracleProcessor;
  protected readonly instruction: Instruction;
  protected progress: number = PROGRESS.CHECKS;

  constructor(cpu: OracleProcessor, instruction: Instruction) {
    super();
    this.cpu = cpu;
    this.instruction = instruction;
  }

  /** Something that may fault comes: after a later kind of change it would leave the instruction half done. */
  protected mayFault(latest: number = PROGRESS.CHECKS): void {
    assert(this.progress <= latest, `${this.instruction.row.semantics.name} checks and stores before it changes more`);
  }

  /** Memory or a register has changed. */
  protected reach(progress: number): void {
    this.progress = Math.max(this.progress, progress);
  }

  /** Has anything changed? A fault now would be a bug. */
  get changed(): boolean {
    return this.progress !== PROGRESS.CHECKS;
  }

  protected get mode64(): boolean {
    return (this.cpu.u32(STATE.mode) & MODE.CODE_SIZE) === MODE.CODE_64;
  }

  variable(width: Width, initial: Int): Variable {
    let current = initial;
    return {
      get: () => current,
      set: (value) => {
        assert(value.width === width, `a variable of ${width} bits gets as many, not ${value.width}`);
        current = value;
      },
    };
  }

  when(condition: Bool, then: () => void, otherwise?: () => void): void {
    if (truthOf(condition)) then();
    else otherwise?.();
  }

  gpr(index: number, width: Width): Int {
    return toInt(width, this.cpu.readGpr(index, width));
  }

  setGpr(index: number, value: Int): void {
    this.reach(PROGRESS.REGISTERS);
    this.cpu.writeGpr(index, value.width, unsignedOf(value));
  }

  gprHigh(index: number): Int {
    return toInt(8, this.cpu.readGpr(index, 16) >> 8n);
  }

  setGprHigh(index: number, value: Int): void {
    this.reach(PROGRESS.REGISTERS);
    this.cpu.writeGpr(index, 16, (this.cpu.readGpr(index, 16) & 0xffn) | (unsignedOf(value) << 8n));
  }

  xmm(index: number): Vec {
    const offset = STATE.xmm + index * XMM_BYTES;
    return toVec(this.cpu.u64(offset) | (this.cpu.u64(offset + 8) << 64n));
  }

  setXmm(index: number, value: Vec): void {
    this.reach(PROGRESS.REGISTERS);
    const offset = STATE.xmm + index * XMM_BYTES;
    this.cpu.setU64(offset, BigInt.asUintN(64, bitsOf(value)));
    this.cpu.setU64(offset + 8, bitsOf(value) >> 64n);
  }

  mmx(index: number): Vec {
    return toVec(this.cpu.u64(STATE.x87 + index * 16));
  }

  /** The register's exponent and sign become ones (SDM Vol. 1 §9.5.1 "Effect of MMX Instructions on the x87 FPU Tag Word"). */
  setMmx(index: number, value: Vec): void {
    this.reach(PROGRESS.REGISTERS);
    const offset = STATE.x87 + index * 16;
    this.cpu.setU64(offset, BigInt.asUintN(64, bitsOf(value)));
    this.cpu.setU32(offset + 8, 0xffff);
  }

  field32(offset: number): Int {
    return toInt(32, BigInt(this.cpu.u32(offset)));
  }

  setField32(offset: number, value: Int): void {
    this.reach(PROGRESS.REGISTERS);
    this.cpu.setU32(offset, Number(unsignedOf(value)));
  }

  field64(offset: number): Int {
    return toInt(64, this.cpu.u64(offset));
  }

  setField64(offset: number, value: Int): void {
    this.reach(PROGRESS.REGISTERS);
    this.cpu.setU64(offset, unsignedOf(value));
  }

  // Flags

  #setStatus(flags: number): void {
    this.reach(PROGRESS.REGISTERS);
    this.cpu.setRflags((this.cpu.rflags() & ~STATUS_FLAGS) | flags);
  }

  setFlags(rule: FlagRule, operands: { a: Int; b: Int; r: Int }): void {
    const [a, b, r] = [unsignedOf(operands.a), unsignedOf(operands.b), unsignedOf(operands.r)];
    this.#setStatus(statusFlags(rule, { a, b, r, width: operands.r.width }, this.cpu.rflags()));
  }

  writeFlags(flags: Partial<Record<StatusFlag, Bool>>): void {
    this.#setStatus(this.#with(this.cpu.rflags() & STATUS_FLAGS, flags));
  }

  resultFlags(result: Int, others: Partial<Record<'CF' | 'OF' | 'AF', Bool>>): void {
    this.#setStatus(this.#with(resultFlags(unsignedOf(result), result.width), others));
  }

  #with(before: number, flags: Partial<Record<StatusFlag, Bool>>): number {
    return Object.entries(flags).reduce((all, [name, value]) => {
      const bit = FLAG_BITS[name as StatusFlag];
      return truthOf(value) ? all | bit : all & ~bit;
    }, before);
  }

  undefinedFlags(...flags: StatusFlag[]): void {
    for (const flag of flags) this.undefined |= FLAG_BITS[flag];
  }

  undefinedFlagsIf(condition: () => Bool, ...flags: StatusFlag[]): void {
    if (truthOf(condition())) this.undefinedFlags(...flags);
  }

  #is(flag: StatusFlag): boolean {
    return (this.cpu.rflags() & FLAG_BITS[flag]) !== 0;
  }

  flag(flag: StatusFlag): Bool {
    return toBool(this.#is(flag));
  }

  /** SDM Vol. 1 App. B Table B-1 "EFLAGS Condition Codes": O B Z BE S P L LE, and their negations. */
  condition(cc: number): Bool {
    const less = this.#is('SF') !== this.#is('OF');
    const conditions = [
      this.#is('OF'),
      this.#is('CF'),
      this.#is('ZF'),
      this.#is('CF') || this.#is('ZF'),
      this.#is('SF'),
      this.#is('PF'),
      less,
      this.#is('ZF') || less,
    ];
    return toBool(conditions[cc >> 1] !== ((cc & 1) === 1));
  }

  stringStep(width: Width, bytes: number): Int {
    return toInt(width, BigInt((this.cpu.rflags() & RFLAGS.DF) === 0 ? bytes : -bytes));
  }
}
