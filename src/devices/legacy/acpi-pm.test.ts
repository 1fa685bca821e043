import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { TimerQueue } from '../../base/timers.ts';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { RecordingLine } from '../recording-line.cases.ts';
import { ACPI_PM, AcpiPm, PM_TIMER_HZ } from './acpi-pm.ts';

function setUp(timerBits: 24 | 32 = 32) {
  const clock = new ManualClock();
  const timers = new TimerQueue(clock);
  const sci = new RecordingLine();
  const off = { count: 0 };
  const pm = new AcpiPm(timers, { sci, powerOff: () => void off.count++ }, { timerBits });
  const target = ACPI_PM.target(pm);
  return {
    clock,
    timers,
    sci,
    off,
    pm,
    read: (offset: number, sizeBytes: 1 | 2 | 4 = 2) => target.read(offset, sizeBytes),
    write: (offset: number, value: number, sizeBytes: 1 | 2 | 4 = 2) => target.write(offset, sizeBytes, value),
  };
}

describe('conformance', () => {
  registerMapConformance(ACPI_PM, { create: () => setUp().pm });
});

test.each([24, 32] as const)('PM_TMR counts 3.579545 MHz in %i bits, without drift', (timerBits) => {
  const bench = setUp(timerBits);
  bench.clock.advance(1e9);
  expect(bench.read(8, 4)).toBe(PM_TIMER_HZ);
  bench.clock.advance(9999e9);
  expect(bench.read(8, 4)).toBe((PM_TIMER_HZ * 10_000) % 2 ** timerBits);
});

test('PM_TMR raises SCI when its top bit changes', () => {
  const bench = setUp(24);
  bench.write(2, 1);
  const halfTurnNs = (2 ** 23 * 1e9) / PM_TIMER_HZ;
  expect(bench.timers.nextDeadlineNs()).toBeCloseTo(halfTurnNs, -1);
  bench.clock.advance(halfTurnNs - 10);
  bench.timers.runDue();
  expect(bench.sci.level).toBe(false);
  bench.clock.advance(20);
  bench.timers.runDue();
  expect(bench.sci.level).toBe(true);
  bench.write(0, 1);
  expect(bench.sci.level).toBe(false);
  bench.clock.advance(halfTurnNs);
  bench.timers.runDue();
  expect(bench.sci.edges).toBe(2);
});

test('the power button is a fixed event, cleared by writing its bit', () => {
  const bench = setUp();
  bench.pm.pressPowerButton();
  expect(bench.read(0)).toBe(0x100);
  expect(bench.sci.level).toBe(false);
  bench.write(2, 0x100);
  expect(bench.sci.level).toBe(true);
  bench.write(0, 0xfeff);
  expect(bench.read(0)).toBe(0x100);
  bench.write(1, 1, 1);
  expect(bench.read(0)).toBe(0);
  expect(bench.sci.level).toBe(false);
});

test('SLP_EN with the S5 type powers off, other types only wake', () => {
  const bench = setUp();
  bench.write(4, 5 << 10);
  expect(bench.off.count).toBe(0);
  bench.write(4, (3 << 10) | 0x2000);
  expect([bench.off.count, bench.pm.state.refusedSleeps, bench.read(0)]).toEqual([0, 1, 0x8000]);
  bench.write(4, (5 << 10) | 0x2000);
  expect(bench.off.count).toBe(1);
  expect(bench.read(4)).toBe((5 << 10) | 1);
});

test('a general-purpose event raises SCI when enabled', () => {
  const bench = setUp();
  bench.pm.raiseGpe(31);
  expect(bench.sci.level).toBe(false);
  bench.write(0x14, 0x8000_0000, 4);
  expect([bench.sci.level, bench.read(0x10, 4)]).toEqual([true, 0x8000_0000]);
  bench.write(0x10, 0x8000_0000, 4);
  expect(bench.sci.level).toBe(false);
});
