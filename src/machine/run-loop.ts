import type { ConsolePort } from '../backends/console.ts';
import type { HostClock } from '../backends/host-clock.ts';
import { unreachable, VmmError } from '../base/errors.ts';
import type { TimerQueue } from '../base/timers.ts';
import type { Vcpu } from '../engine/engine.ts';
import { RFLAGS } from '../x86/state.ts';
import type { ExitReason } from './events.ts';
import type { GuestClock } from './guest-clock.ts';

/** How long guest code runs before the host's events are served. */
const TURN_NS = 4e6;
/** A wait without deadline still looks up now and then; it also keeps the host's process alive. */
const LONGEST_WAIT_NS = 600e9;

export interface RunLoopOptions {
  readonly vcpu: Vcpu;
  readonly clock: GuestClock;
  readonly hostClock: HostClock;
  readonly console: ConsolePort;
  /** The board's, which a reset replaces. */
  timers(): TimerQueue;
  /** Done between two slices: what cannot happen in the middle of an instruction. */
  betweenSlices(halted: boolean): void;
}

/** Lets the processor run in slices, each up to the next deadline, and the host have its turns. */
export class RunLoop {
  /** Host time spent in guest code. */
  busyNs = 0;
  readonly #options: RunLoopOptions;
  #reason: ExitReason | undefined;
  #sliceEndNs = 0;
  #turnEndNs = 0;
  #awake = false;
  #wake: () => void = () => {};

  constructor(options: RunLoopOptions) {
    this.#options = options;
  }

  /** Ends the run; the first reason counts. */
  end(reason: ExitReason): void {
    this.#reason ??= reason;
    this.#options.vcpu.requestExit();
    this.wake();
  }

  /** Something may end an idle processor's wait. */
  wake(): void {
    this.#awake = true;
    this.#wake();
  }

  /** For TimerQueue.onArm: a deadline within the running slice ends it early. */
  deadlineArmed(deadlineNs: number): void {
    if (deadlineNs < this.#sliceEndNs) this.#options.vcpu.requestExit();
  }

  async run(): Promise<ExitReason> {
    const { clock, hostClock, console } = this.#options;
    this.#turnEndNs = hostClock.nowNs() + TURN_NS;
    for (let halted = false; ; ) {
      this.#options.betweenSlices(halted);
      const timers = this.#options.timers();
      timers.runDue();
      if (this.#reason !== undefined) return this.#reason;
      halted = this.#slice(timers);
      if (this.#reason !== undefined) continue;
      if (console.isOverfull) await this.#wait(LONGEST_WAIT_NS, console.drained());
      const waitNs = halted ? clock.idleUntil(timers.nextDeadlineNs(), this.#isWakeable()) : 0;
      if (waitNs > 0) await this.#wait(waitNs);
      else if (hostClock.nowNs() >= this.#turnEndNs) await this.#giveTurn();
    }
  }

  /** True if the processor has nothing to do. */
  #slice(timers: TimerQueue): boolean {
    const { vcpu, clock, hostClock } = this.#options;
    const deadlineNs = timers.nextDeadlineNs();
    const budget = clock.budgetUntil(deadlineNs);
    this.#awake = false;
    this.#sliceEndNs = Math.min(deadlineNs, Number.MAX_SAFE_INTEGER);
    const before = vcpu.instructions();
    const startNs = hostClock.nowNs();
    const exit = vcpu.run(budget);
    const spentNs = hostClock.nowNs() - startNs;
    this.#sliceEndNs = 0;
    this.busyNs += spentNs;
    clock.learn(vcpu.instructions() - before, spentNs);
    switch (exit.kind) {
      case 'interrupted':
        return false;
      case 'halt':
        return true;
      case 'shutdown':
        this.end({ kind: 'triple-fault', rip: vcpu.registers().rip });
        return false;
      case 'error':
        throw new VmmError('VMM_ENGINE', exit.message);
      default:
        return unreachable(exit);
    }
  }

  #isWakeable(): boolean {
    return (this.#options.vcpu.registers().rflags & RFLAGS.IF) !== 0;
  }

  #giveTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.hostClock.defer(() => {
        this.#turnEndNs = this.#options.hostClock.nowNs() + TURN_NS;
        resolve();
      });
    });
  }

  /** Until the time is over, `wake` is called, or `other` resolves. */
  #wait(waitNs: number, other?: Promise<void>): Promise<void> {
    if (this.#awake && other === undefined) return Promise.resolve();
    const { hostClock } = this.#options;
    return new Promise((resolve) => {
      const cancel = hostClock.setTimer(Math.min(waitNs, LONGEST_WAIT_NS), () => this.#wake());
      this.#wake = () => {
        this.#wake = () => {};
        cancel();
        this.#turnEndNs = hostClock.nowNs() + TURN_NS;
        resolve();
      };
      other?.then(() => this.#wake());
    });
  }
}
