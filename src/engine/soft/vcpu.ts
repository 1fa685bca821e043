import { EXIT } from '../../cpu/interpreter/exits.ts';
import { Interpreter, type InterpreterOptions } from '../../cpu/interpreter/interpreter.ts';
import type { SoftProcessor } from '../../cpu/processor/soft-processor.ts';
import type { BootState } from '../../loaders/boot-state.ts';
import {
  afterInstruction,
  checkInstructionBreakpoint,
  enterDebugHandler,
  recordDebugException,
} from '../../x86/debug.ts';
import { deliverException, deliverInterrupt, deliverPendingFault } from '../../x86/interrupts.ts';
import { resetProcessor } from '../../x86/reset.ts';
import { RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, SHADOW, STATE, VECTOR } from '../../x86/state.ts';
import { applyBootState } from './reset-state.ts';

const WORD = {
  rip: STATE.rip >> 2,
  budget: STATE.budget >> 2,
  rflags: STATE.rflagsSystem >> 2,
  eventPending: STATE.eventPending >> 2,
  shadow: STATE.interruptShadow >> 2,
  nmiBlocked: STATE.nmiBlocked >> 2,
  debugArmed: STATE.debugArmed >> 2,
  faultVector: STATE.faultVector >> 2,
} as const;
const NMI_VECTOR = 2;

/** Why run() returned. */
export type VcpuStop = 'budget' | 'halt' | 'shutdown';

/** A virtual CPU of the software engine: the interpreter with what happens between instructions. */
export class SoftVcpu {
  readonly interpreter: Interpreter;
  readonly processor: SoftProcessor;
  /** The vector of the interrupt request, or -1 if it went away. Set by the machine. */
  acknowledge: () => number = () => -1;
  /** Instructions retired before the current call of the interpreter, and the budget that this was given. */
  #retired = 0;
  #given = 0;
  #interruptRequest = false;
  #nmi = false;
  #exitRequested = false;
  #shutdown = false;
  readonly #words: Int32Array;

  constructor(options: InterpreterOptions) {
    this.interpreter = new Interpreter(options);
    this.processor = this.interpreter.processor;
    this.#words = this.processor.words;
  }

  /** As after RESET, or as a loader wants it. */
  reset(boot?: BootState): void {
    if (boot === undefined) resetProcessor(this.processor);
    else applyBootState(this.processor, boot);
    this.processor.halted = false;
    this.#shutdown = false;
    this.#nmi = false;
    this.processor.breakpointHits = 0;
    this.#words[WORD.budget] = this.#given = 0;
    this.processor.flushTlb('all');
    this.interpreter.code.reset();
    this.#updatePending();
  }

  /**
   * Instructions retired since creation, exact at every port or memory-mapped access. An element of a repeated string
   * instruction counts as one, and so does an exception: a guest that does nothing else must not stop time.
   */
  get instructions(): number {
    return this.#retired + this.#given - (this.#words[WORD.budget] as number);
  }

  get halted(): boolean {
    return this.processor.halted;
  }

  setInterruptRequest(pending: boolean): void {
    this.#interruptRequest = pending;
    this.#updatePending();
  }

  injectNmi(): void {
    this.#nmi = true;
    this.#updatePending();
  }

  /** Makes run() return 'budget' at the next instruction boundary that it sees. */
  requestExit(): void {
    this.#exitRequested = true;
    this.#updatePending();
  }

  /** A device wrote guest memory. */
  written(gpa: number, bytes: number): void {
    this.interpreter.written(gpa, bytes);
  }

  #updatePending(): void {
    this.#words[WORD.eventPending] = this.#interruptRequest || this.#nmi || this.#exitRequested ? 1 : 0;
  }

  /** Runs at most `budget` instructions, exceptions included. */
  run(budget: number): VcpuStop {
    const words = this.#words;
    let left = budget;
    while (left > 0) {
      if (this.#shutdown) return 'shutdown';
      if (this.#exitRequested) {
        this.#exitRequested = false;
        this.#updatePending();
        return 'budget';
      }
      if (words[WORD.eventPending] !== 0 && words[WORD.shadow] === 0) this.#takeEvent();
      if (this.processor.halted) return 'halt';
      const used = this.#mustStep() ? this.#step() : this.#runFreely(left);
      left -= used;
    }
    return this.#shutdown ? 'shutdown' : 'budget';
  }

  /** Calls the interpreter; the instructions it retired. */
  #execute(budget: number, call: () => number): { exit: number; used: number } {
    const words = this.#words;
    words[WORD.budget] = this.#given = budget;
    const exit = call();
    const used = budget - (words[WORD.budget] as number);
    this.#retired += used;
    this.#given = words[WORD.budget] as number;
    return { exit, used };
  }

  /** Instructions used. */
  #runFreely(budget: number): number {
    this.#words[WORD.shadow] = SHADOW.NONE;
    const { exit, used } = this.#execute(budget, () => this.interpreter.run(budget));
    if (exit === EXIT.FAULT) return used + this.#deliverFault();
    // What is left does not reach the end of the next run of records: go there one by one.
    if (exit === EXIT.BUDGET && used < budget) return used + this.#step();
    if (exit === EXIT.STOP) this.#trap(false);
    return used;
  }

  #mustStep(): boolean {
    const words = this.#words;
    if (words[WORD.debugArmed] !== 0 || ((words[WORD.rflags] as number) & RFLAGS.TF) !== 0) return true;
    return words[WORD.shadow] !== 0 && words[WORD.eventPending] !== 0;
  }

  /** One instruction, with breakpoints and single-step trap. SDM Vol. 3A §7.9 "Priority Among Concurrent Events". */
  #step(): number {
    const words = this.#words;
    const armed = words[WORD.debugArmed] !== 0;
    const trapFlag = ((words[WORD.rflags] as number) & RFLAGS.TF) !== 0;
    if (armed && this.#instructionBreakpoint()) return 1;
    words[WORD.shadow] = SHADOW.NONE;
    const { exit, used } = this.#execute(1, () => this.interpreter.step());
    if (exit === EXIT.FAULT) {
      this.processor.breakpointHits = 0;
      return used + this.#deliverFault();
    }
    this.#trap(trapFlag);
    return used;
  }

  /** #DB after an instruction that TF was set before, or that hit data breakpoints. */
  #trap(trapFlag: boolean): void {
    const words = this.#words;
    const byNewFlags = this.interpreter.lastProcedure?.trapsByNewFlags ?? false;
    const single = byNewFlags ? ((words[WORD.rflags] as number) & RFLAGS.TF) !== 0 : trapFlag;
    if (afterInstruction(this.processor, single)) this.#deliver(VECTOR.DB);
  }

  #instructionBreakpoint(): boolean {
    const cpu = this.processor;
    const base = cpu.u64(STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.base);
    const hits = checkInstructionBreakpoint(cpu, cpu.u64(STATE.rip) + base);
    if (hits === 0) return false;
    recordDebugException(this.#words, hits);
    this.#retired++;
    this.#deliver(VECTOR.DB);
    return true;
  }

  #deliver(vector: number): void {
    this.#words[WORD.shadow] = SHADOW.NONE;
    this.processor.halted = false;
    if (!deliverException(this.processor, vector)) this.#shutdown = true;
    else if (vector === VECTOR.DB) enterDebugHandler(this.#words);
  }

  /** The exception in the state; it counts as one instruction. */
  #deliverFault(): 1 {
    const isDebug = this.#words[WORD.faultVector] === VECTOR.DB;
    this.#retired++;
    this.#words[WORD.shadow] = SHADOW.NONE;
    if (!deliverPendingFault(this.processor)) this.#shutdown = true;
    else if (isDebug) enterDebugHandler(this.#words);
    return 1;
  }

  /** NMI first, then an interrupt request if IF lets it in. */
  #takeEvent(): void {
    const words = this.#words;
    if (this.#nmi && words[WORD.nmiBlocked] === 0) {
      this.#nmi = false;
      this.#interrupt(NMI_VECTOR, 'nmi');
    } else if (this.#interruptRequest && ((words[WORD.rflags] as number) & RFLAGS.IF) !== 0) {
      const vector = this.acknowledge();
      if (vector >= 0) this.#interrupt(vector, 'external');
    }
    this.#updatePending();
  }

  #interrupt(vector: number, source: 'external' | 'nmi'): void {
    this.processor.halted = false;
    if (!deliverInterrupt(this.processor, vector, source)) this.#shutdown = true;
  }
}
