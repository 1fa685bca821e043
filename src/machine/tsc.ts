import type { Clock } from '../base/clock.ts';

/** A processor's time-stamp counter: the machine's clock in nanoseconds, moved by WRMSR. SDM Vol. 3B §18.17. */
export class Tsc {
  readonly #clock: Clock;
  #offset = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  read(): bigint {
    return BigInt.asUintN(64, BigInt(Math.floor(this.#clock.nowNs())) + this.#offset);
  }

  write(value: bigint): void {
    this.#offset = value - BigInt(Math.floor(this.#clock.nowNs()));
  }

  /** When it reaches a value, on the machine's clock. */
  toNs(tsc: bigint): number {
    return Number(tsc - this.#offset);
  }
}
