import type { Clock } from '../../base/clock.ts';
import type { Timer, TimerQueue } from '../../base/timers.ts';
import { nextPeriodNs } from '../timer-pace.ts';

/** LVT timer [18:17]. */
export const TIMER_MODE = { ONE_SHOT: 0, PERIODIC: 1, TSC_DEADLINE: 2 } as const;

export interface LapicTimerState {
  mode: number;
  initialCount: number;
  /** Divide Configuration Register. */
  divide: number;
  /** When the count reaches zero next, on the machine's clock; null while it rests at zero. */
  deadlineNs: number | null;
  /** IA32_TSC_DEADLINE; 0 while disarmed. */
  tscDeadline: bigint;
}

export interface LapicTimerOptions {
  /** The clock that the divider divides. */
  readonly busHz: number;
  /** The instant at which the guest's TSC reaches a value. */
  readonly tscToNs: (tsc: bigint) => number;
}

const newState = (): LapicTimerState => ({
  mode: TIMER_MODE.ONE_SHOT,
  initialCount: 0,
  divide: 0,
  deadlineNs: null,
  tscDeadline: 0n,
});

/** DCR [3] and [1:0] are an exponent: 000 divides by 2, 111 by 1. SDM Vol. 3A Figure 11-10. */
export const divisor = (divide: number) => 1 << (((((divide & 8) >> 1) | (divide & 3)) + 1) & 7);

/** The local APIC's timer: SDM Vol. 3A §11.5.4 "APIC Timer". The count is a function of the clock. */
export class LapicTimer {
  state: LapicTimerState = newState();
  readonly #clock: Clock;
  readonly #timer: Timer;
  readonly #options: LapicTimerOptions;
  readonly #onExpiry: () => void;

  constructor(timers: TimerQueue, options: LapicTimerOptions, onExpiry: () => void) {
    this.#clock = timers.clock;
    this.#options = options;
    this.#onExpiry = onExpiry;
    this.#timer = timers.createTimer(() => this.#expire());
  }

  reset(): void {
    this.state = newState();
    this.#timer.cancel();
  }

  restore(state: LapicTimerState): void {
    this.state = state;
    this.#arm();
  }

  /** The run loop may be late: what is due happens before the guest looks at it or changes it. */
  catchUp(): void {
    const { deadlineNs } = this.state;
    if (deadlineNs !== null && deadlineNs <= this.#clock.nowNs()) this.#expire();
  }

  /** Between one-shot and periodic the count goes on; to or from TSC-deadline the timer is disarmed: §11.5.4.1. */
  setMode(mode: number): void {
    const { state } = this;
    if (mode === state.mode) return;
    const wasCounting = state.mode <= TIMER_MODE.PERIODIC;
    state.mode = mode;
    if (wasCounting && mode <= TIMER_MODE.PERIODIC) return;
    state.initialCount = 0;
    state.deadlineNs = null;
    state.tscDeadline = 0n;
    this.#timer.cancel();
  }

  /** Writing starts the count, zero stops it; ignored in TSC-deadline mode. */
  writeInitialCount(count: number): void {
    const { state } = this;
    if (state.mode > TIMER_MODE.PERIODIC) return;
    this.catchUp();
    state.initialCount = count;
    state.deadlineNs = count === 0 ? null : this.#clock.nowNs() + count * this.#tickNs();
    this.#arm();
  }

  currentCount(): number {
    const { state } = this;
    if (state.deadlineNs === null || state.mode > TIMER_MODE.PERIODIC) return 0;
    const leftNs = state.deadlineNs - this.#clock.nowNs();
    if (state.mode === TIMER_MODE.ONE_SHOT) return Math.max(0, Math.ceil(leftNs / this.#tickNs()));
    // The deadline can be periods away, ahead when it is paced, behind when the run loop is late.
    const periodNs = state.initialCount * this.#tickNs();
    const phaseNs = ((leftNs % periodNs) + periodNs) % periodNs;
    return phaseNs === 0 ? state.initialCount : Math.ceil(phaseNs / this.#tickNs());
  }

  /** The count that is left goes on at the new rate. */
  writeDivide(divide: number): void {
    const { state } = this;
    this.catchUp();
    const before = this.#tickNs();
    state.divide = divide;
    if (state.deadlineNs === null) return;
    const nowNs = this.#clock.nowNs();
    state.deadlineNs = nowNs + (state.deadlineNs - nowNs) * (this.#tickNs() / before);
    this.#arm();
  }

  /** Zero disarms; a time that has passed fires at once; ignored in the other modes. */
  writeTscDeadline(tsc: bigint): void {
    const { state } = this;
    if (state.mode !== TIMER_MODE.TSC_DEADLINE) return;
    this.catchUp();
    state.tscDeadline = tsc;
    this.retimeTscDeadline();
  }

  /** For when the guest's TSC was written: the deadline is a TSC value, not an instant. */
  retimeTscDeadline(): void {
    const { state } = this;
    if (state.mode !== TIMER_MODE.TSC_DEADLINE) return;
    state.deadlineNs = state.tscDeadline === 0n ? null : this.#options.tscToNs(state.tscDeadline);
    if (state.deadlineNs !== null && state.deadlineNs <= this.#clock.nowNs()) this.#expire();
    else this.#arm();
  }

  #tickNs(): number {
    return (divisor(this.state.divide) * 1e9) / this.#options.busHz;
  }

  #arm(): void {
    if (this.state.deadlineNs === null) this.#timer.cancel();
    else this.#timer.arm(this.state.deadlineNs);
  }

  #expire(): void {
    const { state } = this;
    if (state.deadlineNs === null) return;
    if (state.mode === TIMER_MODE.PERIODIC) {
      state.deadlineNs = nextPeriodNs(state.deadlineNs, state.initialCount * this.#tickNs(), this.#clock.nowNs());
    } else {
      state.deadlineNs = null;
      state.tscDeadline = 0n;
    }
    this.#arm();
    this.#onExpiry();
  }
}
