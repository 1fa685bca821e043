/** A source of time for a machine. Nanoseconds since the machine was created; never goes back. */
export interface Clock {
  /** Nanoseconds as a double: exact to 2^53 ns, 104 days. */
  nowNs(): number;
}

/** A clock that moves only when told: counted time, and every test. */
export class ManualClock implements Clock {
  #nowNs = 0;

  nowNs(): number {
    return this.#nowNs;
  }

  advance(durationNs: number): void {
    this.#nowNs += durationNs;
  }
}
