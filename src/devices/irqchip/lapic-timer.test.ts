import { describe, expect, test } from 'vitest';
import { irqchipBench, REG } from './irqchip-bench.cases.ts';
import { divisor } from './lapic-timer.ts';

const PERIODIC = 1 << 17;
const TSC_DEADLINE = 2 << 17;
const VECTOR = 0xee;
const MSR_TSC_DEADLINE = 0x6e0;

function setUp(options: Parameters<typeof irqchipBench>[0] = {}) {
  const bench = irqchipBench(options);
  bench.enable();
  bench.write(REG.TDCR, 0xb);
  return bench;
}

test.each([
  [0x0, 2],
  [0x1, 4],
  [0x2, 8],
  [0x3, 16],
  [0x8, 32],
  [0x9, 64],
  [0xa, 128],
  [0xb, 1],
])('DCR %i divides by %i', (divide, by) => {
  expect(divisor(divide)).toBe(by);
  const { write, read, pass } = setUp();
  write(REG.TDCR, divide);
  write(REG.TMICT, 1000);
  pass(100 * by);
  expect(read(REG.TMCCT)).toBe(900);
});

test('the bus clock is an option', () => {
  const { write, read, pass } = setUp({ busHz: 100e6 });
  write(REG.TMICT, 1000);
  pass(1000);
  expect(read(REG.TMCCT)).toBe(900);
});

describe('one-shot', () => {
  test('fires once, exactly at zero', () => {
    const { write, read, pass, take } = setUp();
    write(REG.LVTT, VECTOR);
    write(REG.TMICT, 0x10000);
    expect(read(REG.TMCCT)).toBe(0x10000);
    pass(0xffff);
    expect([read(REG.TMCCT), take()]).toEqual([1, -1]);
    pass(1);
    expect([read(REG.TMCCT), take()]).toEqual([0, VECTOR]);
    pass(1e9);
    expect([read(REG.TMCCT), take(), read(REG.TMICT)]).toEqual([0, -1, 0x10000]);
  });

  test('is stopped by an initial count of zero', () => {
    const { write, read, pass, take, timers } = setUp();
    write(REG.LVTT, VECTOR);
    write(REG.TMICT, 1000);
    write(REG.TMICT, 0);
    expect([read(REG.TMCCT), timers.nextDeadlineNs()]).toEqual([0, Number.POSITIVE_INFINITY]);
    pass(5000);
    expect(take()).toBe(-1);
  });

  test('counts while masked, and loses the interrupt', () => {
    const { write, read, pass, take } = setUp();
    write(REG.LVTT, (1 << 16) | VECTOR);
    write(REG.TMICT, 1000);
    pass(500);
    expect(read(REG.TMCCT)).toBe(500);
    pass(500);
    write(REG.LVTT, VECTOR);
    expect(take()).toBe(-1);
  });

  test('a new count does not take back the interrupt of the old one', () => {
    const { write, clock, take } = setUp();
    write(REG.LVTT, VECTOR);
    write(REG.TMICT, 1000);
    clock.advance(1000);
    write(REG.TMICT, 1000);
    expect(take()).toBe(VECTOR);
  });
});

describe('periodic', () => {
  test('fires every period without drift', () => {
    const { write, pass, take, read, timers } = setUp();
    write(REG.LVTT, PERIODIC | VECTOR);
    write(REG.TMICT, 1_000_003);
    let count = 0;
    for (let i = 0; i < 1000; i++) {
      pass(1_000_003);
      if (take() === VECTOR) count++;
    }
    expect(count).toBe(1000);
    expect(timers.nextDeadlineNs()).toBe(1001 * 1_000_003);
    expect(read(REG.TMCCT)).toBe(1_000_003);
  });

  test('a late run loop gets one interrupt and keeps the phase', () => {
    const { write, clock, timers, take } = setUp();
    write(REG.LVTT, PERIODIC | VECTOR);
    write(REG.TMICT, 1_000_000);
    clock.advance(5_300_000);
    timers.runDue();
    expect([take(), take(), timers.nextDeadlineNs()]).toEqual([VECTOR, -1, 6_000_000]);
  });

  test('the count wraps before the run loop comes round', () => {
    const { write, clock, read } = setUp();
    write(REG.LVTT, PERIODIC | VECTOR);
    write(REG.TMICT, 1_000_000);
    clock.advance(2_250_000);
    expect(read(REG.TMCCT)).toBe(750_000);
  });

  test('a tiny period cannot hang the machine', () => {
    const { write, pass, timers, clock } = setUp();
    write(REG.LVTT, PERIODIC | VECTOR);
    write(REG.TMICT, 1);
    pass(100_000);
    expect(timers.nextDeadlineNs()).toBeGreaterThan(clock.nowNs());
    expect(timers.nextDeadlineNs()).toBeLessThanOrEqual(clock.nowNs() + 20_000);
  });
});

describe('a change of mode', () => {
  const COUNT = 0x99_9999;

  test('from one-shot to periodic keeps the count, then reloads', () => {
    const { write, read, pass } = setUp();
    write(REG.LVTT, VECTOR);
    write(REG.TMICT, COUNT);
    pass(COUNT / 2 + 100);
    write(REG.LVTT, PERIODIC | VECTOR);
    expect(read(REG.TMICT)).toBe(COUNT);
    expect(read(REG.TMCCT)).toBeLessThan(COUNT / 2);
    expect(read(REG.TMCCT)).toBeGreaterThan(0);
    pass(COUNT / 2);
    expect(read(REG.TMCCT)).toBeGreaterThan(COUNT / 2);
  });

  test('from periodic to one-shot counts down to rest', () => {
    const { write, read, pass } = setUp();
    write(REG.LVTT, PERIODIC | VECTOR);
    write(REG.TMICT, COUNT);
    pass(COUNT + 100);
    write(REG.LVTT, VECTOR);
    expect(read(REG.TMCCT)).toBe(COUNT - 100);
    pass(COUNT);
    expect(read(REG.TMCCT)).toBe(0);
    write(REG.LVTT, PERIODIC | VECTOR);
    expect(read(REG.TMCCT)).toBe(0);
  });

  test('finds what the late run loop has not done yet', () => {
    const { write, read, clock, take } = setUp();
    write(REG.LVTT, VECTOR);
    write(REG.TMICT, COUNT);
    clock.advance(COUNT + 5);
    expect(read(REG.TMCCT)).toBe(0);
    write(REG.LVTT, PERIODIC | (1 << 16) | VECTOR);
    expect([read(REG.TMCCT), take()]).toEqual([0, VECTOR]);
  });

  test('to TSC-deadline and back disarms', () => {
    const { write, read, irqchip, timers } = setUp();
    write(REG.LVTT, VECTOR);
    write(REG.TMICT, COUNT);
    write(REG.LVTT, TSC_DEADLINE | VECTOR);
    expect([read(REG.TMCCT), timers.nextDeadlineNs()]).toEqual([0, Number.POSITIVE_INFINITY]);
    write(REG.TMICT, COUNT);
    expect(read(REG.TMICT)).toBe(0);
    irqchip.writeMsr(0, MSR_TSC_DEADLINE, 1000n);
    expect(timers.nextDeadlineNs()).toBe(1000);
    write(REG.LVTT, VECTOR);
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('of the divider goes on with the count that is left', () => {
    const { write, read, pass, timers } = setUp();
    write(REG.TMICT, 1000);
    pass(400);
    write(REG.TDCR, 0x1);
    expect(read(REG.TMCCT)).toBe(600);
    expect(timers.nextDeadlineNs()).toBe(400 + 2400);
  });
});

describe('TSC-deadline', () => {
  test('fires when the TSC gets there, and reads 0 then', () => {
    const { write, irqchip, pass, take } = setUp();
    write(REG.LVTT, TSC_DEADLINE | VECTOR);
    expect(irqchip.writeMsr(0, MSR_TSC_DEADLINE, 5000n)).toBe(true);
    expect(irqchip.readMsr(0, MSR_TSC_DEADLINE)).toBe(5000n);
    pass(4999);
    expect(take()).toBe(-1);
    pass(1);
    expect([take(), irqchip.readMsr(0, MSR_TSC_DEADLINE)]).toEqual([VECTOR, 0n]);
  });

  test('in the past fires at once', () => {
    const { write, irqchip, pass, take } = setUp();
    pass(1000);
    write(REG.LVTT, TSC_DEADLINE | VECTOR);
    irqchip.writeMsr(0, MSR_TSC_DEADLINE, 1n);
    expect([take(), irqchip.readMsr(0, MSR_TSC_DEADLINE)]).toEqual([VECTOR, 0n]);
  });

  test('zero disarms', () => {
    const { write, irqchip, timers } = setUp();
    write(REG.LVTT, TSC_DEADLINE | VECTOR);
    irqchip.writeMsr(0, MSR_TSC_DEADLINE, 5000n);
    irqchip.writeMsr(0, MSR_TSC_DEADLINE, 0n);
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('in the other modes is ignored and reads 0', () => {
    const { irqchip, timers } = setUp();
    expect(irqchip.writeMsr(0, MSR_TSC_DEADLINE, 5000n)).toBe(true);
    expect(irqchip.readMsr(0, MSR_TSC_DEADLINE)).toBe(0n);
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('follows a TSC that was written', () => {
    const tsc = { offsetNs: 0 };
    const { write, irqchip, timers } = setUp({ tscToNs: (value) => Number(value) + tsc.offsetNs });
    write(REG.LVTT, TSC_DEADLINE | VECTOR);
    irqchip.writeMsr(0, MSR_TSC_DEADLINE, 5000n);
    tsc.offsetNs = 2000;
    irqchip.lapics[0]?.timer.retimeTscDeadline();
    expect(timers.nextDeadlineNs()).toBe(7000);
  });

  test('is no mode and no MSR where it is not offered', () => {
    const { write, read, irqchip } = setUp({ tscDeadline: false });
    write(REG.LVTT, TSC_DEADLINE | VECTOR);
    expect(read(REG.LVTT)).toBe(VECTOR);
    expect(irqchip.readMsr(0, MSR_TSC_DEADLINE)).toBe(undefined);
    expect(irqchip.writeMsr(0, MSR_TSC_DEADLINE, 1n)).toBe(false);
  });
});
