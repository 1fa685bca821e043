import type { Clock } from './clock.ts';

/** A one-shot deadline on a machine's clock. Arming again replaces the deadline. */
export interface Timer {
  readonly deadlineNs: number | null;
  arm(deadlineNs: number): void;
  cancel(): void;
}

class QueuedTimer implements Timer {
  deadlineNs: number | null = null;
  readonly fire: () => void;
  readonly #armed: (deadlineNs: number) => void;

  constructor(fire: () => void, armed: (deadlineNs: number) => void) {
    this.fire = fire;
    this.#armed = armed;
  }

  arm(deadlineNs: number): void {
    this.deadlineNs = deadlineNs;
    this.#armed(deadlineNs);
  }

  cancel(): void {
    this.deadlineNs = null;
  }
}

/**
 * All deadlines of a machine. A machine has about ten timers, so a scan beats a heap.
 * Whoever runs the machine calls `runDue` at least at every `nextDeadlineNs`.
 */
export class TimerQueue {
  readonly clock: Clock;
  /** Told of every deadline when it is armed: it may come before what the machine runs until. */
  onArm: (deadlineNs: number) => void = () => {};
  readonly #timers: QueuedTimer[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  createTimer(fire: () => void): Timer {
    const timer = new QueuedTimer(fire, (deadlineNs) => this.onArm(deadlineNs));
    this.#timers.push(timer);
    return timer;
  }

  /** The earliest armed deadline, or Infinity. */
  nextDeadlineNs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const timer of this.#timers) if (timer.deadlineNs !== null && timer.deadlineNs < next) next = timer.deadlineNs;
    return next;
  }

  /** Fires what is due, earliest first; a callback may arm its timer again. */
  runDue(): void {
    for (;;) {
      const nowNs = this.clock.nowNs();
      let due: QueuedTimer | undefined;
      for (const timer of this.#timers) {
        if (timer.deadlineNs === null || timer.deadlineNs > nowNs) continue;
        if (due === undefined || timer.deadlineNs < (due.deadlineNs ?? 0)) due = timer;
      }
      if (due === undefined) return;
      due.deadlineNs = null;
      due.fire();
    }
  }
}
