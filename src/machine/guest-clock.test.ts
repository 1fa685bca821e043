import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HostClock } from '../backends/host-clock.ts';
import { CountedClock, RealClock } from './guest-clock.ts';

/** A host whose time a test moves. */
function manualHost(startNs = 5e9) {
  let nowNs = startNs;
  const clock: HostClock = {
    nowNs: () => nowNs,
    unixTimeMs: () => 0,
    setTimer: () => () => {},
    defer: (callback) => callback(),
  };
  return { clock, advance: (durationNs: number) => void (nowNs += durationNs) };
}

test('RealClock starts at 0 and follows the host', () => {
  const host = manualHost();
  const clock = new RealClock(host.clock);
  expect(clock.nowNs()).toBe(0);
  host.advance(1234);
  expect(clock.nowNs()).toBe(1234);
});

test('RealClock learns how many instructions fit before a deadline', () => {
  const clock = new RealClock(manualHost().clock);
  for (let i = 0; i < 50; i++) clock.learn(100_000, 1e6);
  expect(clock.budgetUntil(1e6)).toBeGreaterThan(99_000);
  expect(clock.budgetUntil(1e6)).toBeLessThan(101_000);
});

test('RealClock budgets stay within what serves the host and makes progress', () => {
  fc.assert(
    fc.property(fc.double({ min: -1e9, noNaN: true }), fc.nat(10_000), (deadlineNs, speed) => {
      const clock = new RealClock(manualHost().clock);
      clock.learn(speed * 1000, 1e6);
      const budget = clock.budgetUntil(deadlineNs);
      expect(Number.isInteger(budget)).toBe(true);
      expect(budget).toBeGreaterThanOrEqual(2000);
      expect(budget).toBeLessThanOrEqual(1_000_000);
    }),
  );
});

test('RealClock does not learn from slices too short to measure', () => {
  const clock = new RealClock(manualHost().clock);
  const before = clock.budgetUntil(1e6);
  clock.learn(1, 100);
  clock.learn(1_000_000, 100);
  expect(clock.budgetUntil(1e6)).toBe(before);
});

test('RealClock idles until the deadline on the host', () => {
  const host = manualHost();
  const clock = new RealClock(host.clock);
  host.advance(100);
  expect(clock.idleUntil(300)).toBe(200);
  expect(clock.idleUntil(50)).toBe(0);
});

test('CountedClock is instructions, and jumps over idle time', () => {
  let instructions = 0;
  const clock = new CountedClock(() => instructions);
  instructions = 1000;
  expect(clock.nowNs()).toBe(1000);
  expect(clock.budgetUntil(1500)).toBe(500);
  expect(clock.idleUntil(5000, true)).toBe(0);
  expect(clock.nowNs()).toBe(5000);
  instructions += 10;
  expect(clock.nowNs()).toBe(5010);
});

test('CountedClock reaches every deadline that it idles until', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e12, noNaN: true })), fc.nat(), (deadlines, instructions) => {
      const clock = new CountedClock(() => instructions);
      for (const deadlineNs of deadlines) {
        clock.idleUntil(deadlineNs, true);
        expect(clock.nowNs()).toBeGreaterThanOrEqual(deadlineNs);
      }
    }),
  );
});

test.each([
  [Number.POSITIVE_INFINITY, true],
  [100, false],
])('CountedClock stands still when only the host can end a wait (%s, %s)', (deadlineNs, wakeable) => {
  const clock = new CountedClock(() => 7);
  expect(clock.idleUntil(deadlineNs, wakeable)).toBe(Number.POSITIVE_INFINITY);
  expect(clock.nowNs()).toBe(7);
});
