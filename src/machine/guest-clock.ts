import type { HostClock } from '../backends/host-clock.ts';
import type { Clock } from '../base/clock.ts';

/** A machine's clock, and what the run loop needs to know of it. */
export interface GuestClock extends Clock {
  /** How many instructions to run at most before looking at the clock again, with a deadline ahead. */
  budgetUntil(deadlineNs: number): number;
  /** So many instructions took so much of the host's time. */
  learn(instructions: number, hostNs: number): void;
  /**
   * Every processor idles until the deadline: how long to wait on the host. 0: the time has come already.
   * `wakeable` is false where no interrupt would end it.
   */
  idleUntil(deadlineNs: number, wakeable: boolean): number;
}

const MIN_BUDGET = 2000;
const MAX_BUDGET = 1_000_000;
/** How long the host's events may wait for a slice of guest code to end. */
const MAX_SLICE_NS = 4e6;
/** Before anything is measured: 20 guest MIPS. */
const FIRST_INSTRUCTIONS_PER_NS = 0.02;
/** The weight of the last slice in the estimate. */
const LEARNING_RATE = 0.25;
/** Slices too short to tell the speed by. */
const MIN_LEARNED_NS = 20_000;

/** Guest time is host time since the machine was made. */
export class RealClock implements GuestClock {
  readonly #host: HostClock;
  readonly #startNs: number;
  #instructionsPerNs = FIRST_INSTRUCTIONS_PER_NS;

  constructor(host: HostClock) {
    this.#host = host;
    this.#startNs = host.nowNs();
  }

  nowNs(): number {
    return this.#host.nowNs() - this.#startNs;
  }

  budgetUntil(deadlineNs: number): number {
    const sliceNs = Math.min(MAX_SLICE_NS, deadlineNs - this.nowNs());
    return Math.floor(Math.min(MAX_BUDGET, Math.max(MIN_BUDGET, sliceNs * this.#instructionsPerNs)));
  }

  learn(instructions: number, hostNs: number): void {
    if (hostNs < MIN_LEARNED_NS) return;
    this.#instructionsPerNs += LEARNING_RATE * (instructions / hostNs - this.#instructionsPerNs);
  }

  idleUntil(deadlineNs: number): number {
    return Math.max(0, deadlineNs - this.nowNs());
  }
}

/**
 * Guest time is instructions retired; while every processor idles it jumps to the next deadline. It never looks at
 * the host, so two runs with the same input are the same.
 */
export class CountedClock implements GuestClock {
  readonly #instructions: () => number;
  readonly #instructionNs: number;
  #skippedNs = 0;

  constructor(instructions: () => number, instructionNs = 1) {
    this.#instructions = instructions;
    this.#instructionNs = instructionNs;
  }

  nowNs(): number {
    return this.#skippedNs + this.#instructions() * this.#instructionNs;
  }

  budgetUntil(deadlineNs: number): number {
    return Math.max(1, Math.min(MAX_BUDGET, Math.ceil((deadlineNs - this.nowNs()) / this.#instructionNs)));
  }

  learn(): void {}

  /**
   * Only the host can end a wait without deadline, or with interrupts disabled: time stands still.
   * Whole nanoseconds, so that the deadline is never just missed.
   */
  idleUntil(deadlineNs: number, wakeable: boolean): number {
    if (!wakeable || deadlineNs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    this.#skippedNs += Math.ceil(Math.max(0, deadlineNs - this.nowNs()));
    return 0;
  }
}
