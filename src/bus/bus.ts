import { assert } from '../base/errors.ts';

export type AccessBytes = 1 | 2 | 4 | 8;

/**
 * A device's window on an address space. `offset` counts from the window's start. Values are unsigned;
 * 8-byte accesses reach a target as two 4-byte ones, low half first. Reads of nothing answer all-ones.
 */
export interface BusTarget {
  read(offset: number, sizeBytes: 1 | 2 | 4): number;
  write(offset: number, sizeBytes: 1 | 2 | 4, value: number): void;
}

export interface BusRange {
  readonly name: string;
  readonly start: number;
  readonly sizeBytes: number;
  readonly target: BusTarget;
}

/** One address space (port I/O, or memory-mapped I/O): routes an access to the range that holds it. */
export class Bus {
  readonly name: string;
  #ranges: BusRange[] = [];
  #lastHit: BusRange | undefined;
  /** Accesses that met no range, for `stat`. */
  unclaimed = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Claims a range; returns the function that releases it. Ranges never overlap: that is the machine's wiring, not the guest's. */
  map(range: BusRange): () => void {
    const end = range.start + range.sizeBytes;
    for (const other of this.#ranges) {
      assert(
        end <= other.start || range.start >= other.start + other.sizeBytes,
        `${this.name}: ${range.name} and ${other.name} overlap at 0x${Math.max(range.start, other.start).toString(16)}`,
      );
    }
    this.#ranges = [...this.#ranges, range].sort((a, b) => a.start - b.start);
    return () => {
      this.#ranges = this.#ranges.filter((other) => other !== range);
      this.#lastHit = undefined;
    };
  }

  ranges(): readonly BusRange[] {
    return this.#ranges;
  }

  /** The range that holds the address, or undefined. */
  find(address: number): BusRange | undefined {
    const last = this.#lastHit;
    if (last !== undefined && address >= last.start && address < last.start + last.sizeBytes) return last;
    let low = 0;
    let high = this.#ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = this.#ranges[middle] as BusRange;
      if (address < range.start) high = middle - 1;
      else if (address >= range.start + range.sizeBytes) low = middle + 1;
      else return (this.#lastHit = range);
    }
    return undefined;
  }

  read(address: number, sizeBytes: 1 | 2 | 4): number {
    const range = this.find(address);
    if (range === undefined) {
      this.unclaimed++;
      return sizeBytes === 4 ? 0xffff_ffff : sizeBytes === 2 ? 0xffff : 0xff;
    }
    return range.target.read(address - range.start, sizeBytes) >>> 0;
  }

  write(address: number, sizeBytes: 1 | 2 | 4, value: number): void {
    const range = this.find(address);
    if (range === undefined) this.unclaimed++;
    else range.target.write(address - range.start, sizeBytes, value >>> 0);
  }
}
