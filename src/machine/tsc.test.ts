import { expect, test } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { Tsc } from './tsc.ts';

test('Tsc counts nanoseconds of the machine and keeps counting from what is written', () => {
  const clock = new ManualClock();
  const tsc = new Tsc(clock);
  clock.advance(100.7);
  expect(tsc.read()).toBe(100n);
  tsc.write(5n);
  clock.advance(10);
  expect(tsc.read()).toBe(15n);
});

test.each([0n, 1_000_000n, (1n << 64n) - 50n])('Tsc reaches a value when toNs says so, written to %s', (written) => {
  const clock = new ManualClock();
  const tsc = new Tsc(clock);
  clock.advance(1000);
  tsc.write(written);
  const deadlineNs = tsc.toNs(written + 40n);
  clock.advance(deadlineNs - clock.nowNs());
  expect(tsc.read()).toBe(BigInt.asUintN(64, written + 40n));
});

test('Tsc wraps at 64 bits', () => {
  const clock = new ManualClock();
  const tsc = new Tsc(clock);
  tsc.write((1n << 64n) - 1n);
  clock.advance(2);
  expect(tsc.read()).toBe(1n);
});
