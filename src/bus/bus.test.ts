import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bus, type BusTarget } from './bus.ts';

class Recorder implements BusTarget {
  readonly seen: string[] = [];

  read(offset: number, sizeBytes: 1 | 2 | 4): number {
    this.seen.push(`read${sizeBytes} ${offset}`);
    return -1;
  }

  write(offset: number, sizeBytes: 1 | 2 | 4, value: number): void {
    this.seen.push(`write${sizeBytes} ${offset} ${value}`);
  }
}

describe('Bus', () => {
  test('routes by offset in the range, with unsigned values', () => {
    const bus = new Bus('ports');
    const target = new Recorder();
    bus.map({ name: 'uart', start: 0x3f8, sizeBytes: 8, target });
    expect(bus.read(0x3ff, 1)).toBe(0xffff_ffff);
    bus.write(0x3f8, 4, -2);
    expect(target.seen).toEqual(['read1 7', 'write4 0 4294967294']);
  });

  test.each([
    [1, 0xff],
    [2, 0xffff],
    [4, 0xffff_ffff],
  ] as const)('reads of nothing answer all-ones of %d bytes, and are counted', (sizeBytes, ones) => {
    const bus = new Bus('ports');
    expect(bus.read(0x80, sizeBytes)).toBe(ones);
    bus.write(0x80, sizeBytes, 1);
    expect(bus.unclaimed).toBe(2);
  });

  test('ranges do not overlap', () => {
    const bus = new Bus('ports');
    bus.map({ name: 'a', start: 0x10, sizeBytes: 4, target: new Recorder() });
    expect(() => bus.map({ name: 'b', start: 0x13, sizeBytes: 1, target: new Recorder() })).toThrow('b and a overlap');
    expect(() => bus.map({ name: 'c', start: 0x0e, sizeBytes: 3, target: new Recorder() })).toThrow('overlap');
    bus.map({ name: 'd', start: 0x14, sizeBytes: 1, target: new Recorder() });
  });

  test('a released range is gone, though it was hit last', () => {
    const bus = new Bus('mmio');
    const target = new Recorder();
    const release = bus.map({ name: 'a', start: 0x1000, sizeBytes: 0x1000, target });
    bus.read(0x1004, 4);
    release();
    expect(bus.read(0x1004, 4)).toBe(0xffff_ffff);
    expect([bus.unclaimed, target.seen.length, bus.ranges().length]).toEqual([1, 1, 0]);
  });

  test('finds the range that holds an address', () => {
    const range = fc.record({ gap: fc.nat(20), sizeBytes: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.array(fc.nat(600)), (layout, addresses) => {
        const bus = new Bus('mmio');
        let start = 0;
        const ranges = layout.map(({ gap, sizeBytes }, i) => {
          const made = { name: `r${i}`, start: start + gap, sizeBytes, target: new Recorder() };
          start = made.start + sizeBytes;
          return made;
        });
        for (const made of [...ranges].reverse()) bus.map(made);
        for (const address of addresses) {
          const holds = ranges.find((made) => address >= made.start && address < made.start + made.sizeBytes);
          expect(bus.find(address)).toBe(holds);
        }
      }),
    );
  });
});
