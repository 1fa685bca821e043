import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MIN_PERIOD_NS, nextPeriodNs } from './timer-pace.ts';

test('nextPeriodNs stays on the grid, in the future, and not too soon', () => {
  fc.assert(
    fc.property(fc.nat(1e9), fc.integer({ min: 1, max: 1e8 }), fc.nat(1e9), (deadlineNs, periodNs, lateNs) => {
      const nowNs = deadlineNs + lateNs;
      const next = nextPeriodNs(deadlineNs, periodNs, nowNs);
      expect((next - deadlineNs) % periodNs).toBe(0);
      expect(next).toBeGreaterThan(nowNs);
      expect(next - nowNs).toBeLessThanOrEqual(Math.max(periodNs, MIN_PERIOD_NS));
      if (periodNs < MIN_PERIOD_NS) expect(next - nowNs).toBeGreaterThanOrEqual(MIN_PERIOD_NS - periodNs);
    }),
  );
});
