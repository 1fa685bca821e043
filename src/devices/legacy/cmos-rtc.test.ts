import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { TimerQueue } from '../../base/timers.ts';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { RecordingLine } from '../recording-line.cases.ts';
import { CMOS, CMOS_PORTS, CmosRtc } from './cmos-rtc.ts';
import { civilFromSeconds, decodeTime, encodeTime, secondsFromCivil } from './rtc-calendar.ts';

const START = '2024-02-28T23:59:58.250Z';

function setUp(start = START) {
  const clock = new ManualClock();
  const timers = new TimerQueue(clock);
  const irq = new RecordingLine();
  const rtc = new CmosRtc(timers, { irq, wallClockMs: Date.parse(start) });
  return {
    clock,
    timers,
    irq,
    rtc,
    read: (index: number) => rtc.readRegister(index),
    write: (index: number, value: number) => rtc.writeRegister(index, value),
    /** Sleeps as a run loop does: from deadline to deadline. */
    passMs: (durationMs: number) => {
      const endNs = clock.nowNs() + durationMs * 1e6;
      while (timers.nextDeadlineNs() <= endNs) {
        clock.advance(Math.max(0, timers.nextDeadlineNs() - clock.nowNs()));
        timers.runDue();
      }
      clock.advance(endNs - clock.nowNs());
    },
  };
}

type Bench = ReturnType<typeof setUp>;

const B_SET = 0x80;
const time = (bench: Bench) => [CMOS.HOURS, CMOS.MINUTES, CMOS.SECONDS].map((index) => bench.read(index));
const date = (bench: Bench) => [CMOS.CENTURY, CMOS.YEAR, CMOS.MONTH, CMOS.DAY].map((index) => bench.read(index));

describe('conformance', () => {
  registerMapConformance(CMOS_PORTS, { create: () => setUp().rtc });
});

test('time goes on over a leap day', () => {
  const bench = setUp();
  expect([date(bench), time(bench)]).toEqual([
    [0x20, 0x24, 0x02, 0x28],
    [0x23, 0x59, 0x58],
  ]);
  bench.passMs(1749);
  expect(time(bench)).toEqual([0x23, 0x59, 0x59]);
  bench.passMs(1);
  expect([date(bench), time(bench)]).toEqual([
    [0x20, 0x24, 0x02, 0x29],
    [0, 0, 0],
  ]);
  expect(bench.read(CMOS.DAY_OF_WEEK)).toBe(5);
});

test.each([
  { b: 0x02, hours: 0x23 },
  { b: 0x06, hours: 23 },
  { b: 0x00, hours: 0x91 },
  { b: 0x04, hours: 0x8b },
])('hours in the mode of register B $b read $hours', ({ b, hours }) => {
  const bench = setUp();
  bench.write(CMOS.B, b);
  expect(bench.read(CMOS.HOURS)).toBe(hours);
});

test('UIP is on for 2228 µs before the second ends, and not while SET', () => {
  const bench = setUp('2024-01-01T00:00:00.000Z');
  bench.passMs(997.771);
  expect(bench.read(CMOS.A)).toBe(0x26);
  bench.passMs(0.002);
  expect(bench.read(CMOS.A)).toBe(0xa6);
  bench.write(CMOS.B, B_SET);
  expect(bench.read(CMOS.A)).toBe(0x26);
  bench.write(CMOS.B, 2);
  bench.passMs(2.5);
  expect(bench.read(CMOS.A)).toBe(0x26);
});

test('SET freezes the time registers and clearing it sets the clock', () => {
  const bench = setUp();
  bench.write(CMOS.B, B_SET | 0x02);
  bench.passMs(5000);
  expect(time(bench)).toEqual([0x23, 0x59, 0x58]);
  bench.write(CMOS.HOURS, 0x12);
  bench.write(CMOS.MINUTES, 0x34);
  bench.write(CMOS.SECONDS, 0x56);
  bench.write(CMOS.YEAR, 0x30);
  bench.write(CMOS.B, 0x02);
  expect([date(bench), time(bench)]).toEqual([
    [0x20, 0x30, 0x02, 0x28],
    [0x12, 0x34, 0x56],
  ]);
  bench.passMs(4000);
  expect(time(bench)).toEqual([0x12, 0x35, 0x00]);
});

test('a time register written without SET takes effect at once', () => {
  const bench = setUp();
  bench.write(CMOS.MINUTES, 0x10);
  expect(time(bench)).toEqual([0x23, 0x10, 0x58]);
});

test.each([
  { rate: 3, hz: 8192 },
  { rate: 6, hz: 1024 },
  { rate: 15, hz: 2 },
  { rate: 1, hz: 256 },
  { rate: 2, hz: 128 },
])('rate $rate interrupts $hz times a second when each is acknowledged', ({ rate, hz }) => {
  const bench = setUp();
  bench.write(CMOS.A, 0x20 | rate);
  bench.read(CMOS.C);
  bench.write(CMOS.B, 0x42);
  let interrupts = 0;
  const endNs = bench.clock.nowNs() + 1e9;
  while (bench.timers.nextDeadlineNs() <= endNs) {
    bench.clock.advance(bench.timers.nextDeadlineNs() - bench.clock.nowNs());
    bench.timers.runDue();
    expect(bench.irq.level).toBe(true);
    expect(bench.read(CMOS.C) & 0xc0).toBe(0xc0);
    expect(bench.irq.level).toBe(false);
    interrupts++;
  }
  expect(interrupts).toBe(hz);
});

test('a periodic interrupt that is not acknowledged comes once', () => {
  const bench = setUp();
  bench.write(CMOS.B, 0x42);
  bench.passMs(1000);
  expect(bench.irq.edges).toBe(1);
  expect(bench.timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
});

test('the update-ended interrupt comes when the second ends', () => {
  const bench = setUp();
  bench.write(CMOS.B, 0x12);
  bench.passMs(749);
  expect(bench.irq.level).toBe(false);
  bench.passMs(1);
  expect(bench.irq.level).toBe(true);
  expect(bench.read(CMOS.C)).toBe(0x90 | 0x40);
  expect(bench.read(CMOS.C)).toBe(0);
});

test('flags are set without their interrupt being enabled', () => {
  const bench = setUp();
  bench.read(CMOS.C);
  bench.passMs(1000);
  expect(bench.read(CMOS.C)).toBe(0x50);
  expect(bench.irq.edges).toBe(0);
});

test.each([
  { alarm: [0x00, 0x00, 0x10], seconds: 11.75, name: 'at a time tomorrow' },
  { alarm: [0xff, 0xff, 0x30], seconds: 31.75, name: 'every minute' },
  { alarm: [0xff, 0x05, 0x00], seconds: 301.75, name: 'every hour' },
  { alarm: [0xff, 0xff, 0xff], seconds: 0.75, name: 'every second' },
])('the alarm rings $name', ({ alarm, seconds }) => {
  const bench = setUp();
  bench.write(CMOS.HOURS_ALARM, alarm[0] ?? 0);
  bench.write(CMOS.MINUTES_ALARM, alarm[1] ?? 0);
  bench.write(CMOS.SECONDS_ALARM, alarm[2] ?? 0);
  bench.read(CMOS.C);
  bench.write(CMOS.B, 0x22);
  bench.passMs(seconds * 1000 - 1);
  expect(bench.irq.level).toBe(false);
  bench.passMs(1);
  expect(bench.irq.level).toBe(true);
  expect(bench.read(CMOS.C) & 0xa0).toBe(0xa0);
});

test('an alarm that no time matches never rings', () => {
  const bench = setUp();
  bench.write(CMOS.SECONDS_ALARM, 0x79);
  bench.write(CMOS.B, 0x22);
  expect(bench.rtc.state.alarmNs).toBe(null);
});

test('CMOS RAM keeps bytes, registers C and D do not', () => {
  const bench = setUp();
  bench.write(0x40, 0xa5);
  bench.write(CMOS.D, 0);
  expect([bench.read(0x40), bench.read(CMOS.D)]).toEqual([0xa5, 0x80]);
});

test('describeMemory writes what firmware would', () => {
  const bench = setUp();
  bench.rtc.describeMemory(512 * 2 ** 20, 3 * 2 ** 30);
  const word = (index: number) => bench.read(index) | (bench.read(index + 1) << 8);
  expect([word(0x15), word(0x17), word(0x34), word(0x5b)]).toEqual([640, 0xffff, (496 * 2 ** 20) / 65536, 0xc000]);
});

test('decodeTime of encodeTime is the identity in every mode', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_799 }), fc.constantFrom(0, 2, 4, 6), (seconds, mode) => {
      const ram: number[] = [];
      for (const [index, value] of encodeTime(civilFromSeconds(seconds), mode)) ram[index] = value;
      expect(secondsFromCivil(decodeTime(ram, mode))).toBe(seconds);
    }),
  );
});

test('any bytes a guest writes leave a clock that answers', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(127), fc.nat(255)), { maxLength: 60 }), (writes) => {
      const bench = setUp();
      for (const [index, value] of writes) {
        bench.write(index, value);
        bench.passMs(10);
      }
      for (let index = 0; index < 128; index++) expect(bench.read(index) & ~0xff).toBe(0);
    }),
  );
});
