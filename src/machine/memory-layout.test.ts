import fc from 'fast-check';
import { expect, test } from 'vitest';
import { e820, MEMORY_LAYOUT } from './memory-layout.ts';

const MIB = 0x10_0000;

test('e820 gives sorted ranges that do not overlap and end with RAM', () => {
  fc.assert(
    fc.property(fc.integer({ min: 16 * MIB, max: MEMORY_LAYOUT.ramLimitGpa }), (ramBytes) => {
      const ranges = e820(ramBytes);
      ranges.forEach((range, i) => {
        expect(range.sizeBytes).toBeGreaterThan(0);
        if (i > 0) expect(range.gpa).toBeGreaterThanOrEqual(ranges[i - 1].gpa + ranges[i - 1].sizeBytes);
      });
      const last = ranges[ranges.length - 1];
      expect(last.gpa + last.sizeBytes).toBe(ramBytes);
    }),
  );
});

test('e820 reserves what firmware tables and VGA need', () => {
  const ram = e820(64 * MIB).filter((range) => range.type === 1);
  const isRam = (gpa: number) => ram.some((range) => gpa >= range.gpa && gpa < range.gpa + range.sizeBytes);
  expect([0, 0x9_fbff, MIB, 64 * MIB - 1].map(isRam)).toEqual([true, true, true, true]);
  expect([MEMORY_LAYOUT.ebdaGpa, 0xa_0000, MEMORY_LAYOUT.acpiGpa, MIB - 1, 64 * MIB].map(isRam)).toEqual(
    new Array(5).fill(false),
  );
});
