import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { TimerQueue } from '../../base/timers.ts';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { RecordingLine } from '../recording-line.cases.ts';
import { PIT_8254, PIT_HZ, Pit8254, SPEAKER_PORT } from './pit-8254.ts';

function setUp() {
  const clock = new ManualClock();
  const timers = new TimerQueue(clock);
  const irq = new RecordingLine();
  const pit = new Pit8254(timers, irq);
  const target = PIT_8254.target(pit);
  const speaker = SPEAKER_PORT.target(pit);
  let ticks = 0;
  return {
    clock,
    timers,
    irq,
    pit,
    out: (offset: number, value: number) => target.write(offset, 1, value),
    inb: (offset: number) => target.read(offset, 1),
    in16: (offset: number) => target.read(offset, 1) | (target.read(offset, 1) << 8),
    port61: () => speaker.read(0, 1),
    setPort61: (value: number) => speaker.write(0, 1, value),
    /** Moves to the middle of the n-th tick from now, firing what falls due on the way. */
    pass: (count: number) => {
      ticks += count;
      const targetNs = ((ticks + 0.5) * 1e9) / PIT_HZ;
      while (timers.nextDeadlineNs() <= targetNs) {
        clock.advance(Math.max(0, timers.nextDeadlineNs() - clock.nowNs()));
        timers.runDue();
      }
      clock.advance(targetNs - clock.nowNs());
    },
  };
}

type Bench = ReturnType<typeof setUp>;

/** Control word for a channel with two-byte access. */
const control = (channel: number, mode: number, bcd = 0) => (channel << 6) | 0x30 | (mode << 1) | bcd;

function load(bench: Bench, channel: number, mode: number, count: number) {
  bench.out(3, control(channel, mode));
  bench.out(channel, count & 0xff);
  bench.out(channel, count >> 8);
}

const out2 = (bench: Bench) => (bench.port61() & 0x20) !== 0;

describe('conformance', () => {
  registerMapConformance(PIT_8254, { create: () => setUp().pit });
  registerMapConformance(SPEAKER_PORT, { create: () => setUp().pit });
});

/** OUT of channel 2 at each tick after the count is written; data sheet, figures of the mode definitions. */
test.each([
  { mode: 0, count: 4, trigger: false, out: 'LLLLLHHHHH' },
  { mode: 1, count: 3, trigger: true, out: 'HLLLHHHHHH' },
  { mode: 2, count: 3, trigger: false, out: 'HHHLHHLHHL' },
  { mode: 3, count: 4, trigger: false, out: 'HHHLLHHLLH' },
  { mode: 3, count: 5, trigger: false, out: 'HHHHLLHHHL' },
  { mode: 4, count: 3, trigger: false, out: 'HHHHLHHHHH' },
  { mode: 5, count: 3, trigger: true, out: 'HHHHLHHHHH' },
])('OUT of mode $mode with count $count is $out', ({ mode, count, trigger, out }) => {
  const bench = setUp();
  bench.pass(10);
  if (!trigger) bench.setPort61(1);
  load(bench, 2, mode, count);
  if (trigger) bench.setPort61(1);
  let seen = '';
  for (let i = 0; i < out.length; i++) {
    seen += out2(bench) ? 'H' : 'L';
    bench.pass(1);
  }
  expect(seen).toBe(out);
});

test.each([
  { mode: 0, count: 3, values: [3, 3, 2, 1, 0, 0xffff, 0xfffe] },
  { mode: 2, count: 3, values: [3, 3, 2, 1, 3, 2, 1] },
  { mode: 3, count: 6, values: [6, 6, 4, 2, 6, 4, 2] },
])('the count of mode $mode goes $values', ({ mode, count, values }) => {
  const bench = setUp();
  bench.setPort61(1);
  load(bench, 2, mode, count);
  for (const value of values) {
    expect(bench.in16(2)).toBe(value);
    bench.pass(1);
  }
});

test('GATE low holds the count of mode 0 and high lets it go on', () => {
  const bench = setUp();
  bench.setPort61(1);
  load(bench, 2, 0, 100);
  bench.pass(11);
  bench.setPort61(0);
  bench.pass(1000);
  expect(bench.in16(2)).toBe(90);
  bench.setPort61(1);
  bench.pass(90);
  expect(out2(bench)).toBe(true);
});

test('GATE rising restarts mode 2', () => {
  const bench = setUp();
  bench.setPort61(1);
  load(bench, 2, 2, 100);
  bench.pass(51);
  bench.setPort61(0);
  bench.pass(5);
  bench.setPort61(1);
  bench.pass(1);
  expect(bench.in16(2)).toBe(100);
});

test('BCD counts in decimal', () => {
  const bench = setUp();
  bench.setPort61(1);
  bench.out(3, control(2, 0, 1));
  bench.out(2, 0x00);
  bench.out(2, 0x10);
  bench.pass(2);
  expect(bench.in16(2)).toBe(0x0999);
});

test('count 0 stands for 65536, and 10000 in BCD', () => {
  const bench = setUp();
  load(bench, 0, 2, 0);
  bench.pass(1 + 65535);
  expect(bench.in16(0)).toBe(1);
  bench.out(3, control(0, 2, 1));
  bench.out(0, 0);
  bench.out(0, 0);
  bench.pass(2);
  expect(bench.in16(0)).toBe(0x9999);
});

test('the latch command holds both bytes until they are read', () => {
  const bench = setUp();
  load(bench, 0, 2, 0x1234);
  bench.pass(1);
  bench.out(3, 0x00);
  bench.pass(500);
  bench.out(3, 0x00);
  expect(bench.in16(0)).toBe(0x1234);
  expect(bench.in16(0)).toBe(0x1234 - 500);
});

test.each([
  { rw: 1, name: 'low', count: 0x40 },
  { rw: 2, name: 'high', count: 0x4000 },
])('access mode $rw carries the $name byte', ({ rw, count }) => {
  const bench = setUp();
  bench.out(3, (rw << 4) | 0x04);
  bench.out(0, 0x40);
  bench.pass(1);
  bench.out(3, 0x00);
  expect(bench.inb(0)).toBe(0x40);
  expect(bench.pit.state.channels[0].counter.count).toBe(count);
});

test('read-back latches status before count', () => {
  const bench = setUp();
  bench.out(3, control(0, 2));
  bench.out(3, 0xe2);
  expect(bench.inb(0)).toBe(0x80 | 0x40 | 0x34);
  bench.out(0, 0x10);
  bench.out(0, 0x00);
  bench.pass(3);
  bench.out(3, 0xc2);
  expect(bench.inb(0)).toBe(0xb4);
  expect(bench.in16(0)).toBe(14);
});

test('a new count in mode 2 takes over at the end of the cycle', () => {
  const bench = setUp();
  load(bench, 0, 2, 100);
  bench.pass(31);
  bench.out(0, 10);
  bench.out(0, 0);
  expect(bench.in16(0)).toBe(70);
  bench.pass(69);
  expect(bench.in16(0)).toBe(1);
  bench.pass(1);
  expect(bench.in16(0)).toBe(10);
  bench.pass(10);
  expect(bench.in16(0)).toBe(10);
});

describe('IRQ 0', () => {
  test('of mode 2 comes at 1193182 / count hertz, without drift over an hour', () => {
    const bench = setUp();
    load(bench, 0, 2, 11932);
    bench.irq.edges = 0;
    bench.pass(PIT_HZ * 10);
    expect(bench.irq.edges).toBe(Math.floor((PIT_HZ * 10 - 1) / 11932));
    bench.irq.edges = 0;
    bench.clock.advance(3600e9);
    bench.timers.runDue();
    const lateNs = bench.timers.nextDeadlineNs();
    const tick = Math.round((lateNs * PIT_HZ) / 1e9);
    expect((tick - 1) % 11932).toBe(0);
    expect(bench.irq.edges).toBe(1);
  });

  test('of mode 0 comes once, count + 1 pulses after the write', () => {
    const bench = setUp();
    load(bench, 0, 0, 1000);
    expect(bench.irq.level).toBe(false);
    bench.pass(1000);
    expect(bench.irq.level).toBe(false);
    bench.pass(1);
    expect(bench.irq.level).toBe(true);
    bench.pass(200_000);
    expect(bench.irq.edges).toBe(1);
  });

  test('of mode 4 comes once', () => {
    const bench = setUp();
    load(bench, 0, 4, 1000);
    bench.irq.edges = 0;
    bench.pass(200_000);
    expect(bench.irq.edges).toBe(1);
  });

  test('of a tiny period is paced', () => {
    const bench = setUp();
    load(bench, 0, 2, 1);
    bench.irq.edges = 0;
    bench.pass(PIT_HZ / 100);
    expect(bench.irq.edges).toBeLessThanOrEqual(10e6 / 20_000 + 1);
    expect(bench.irq.edges).toBeGreaterThan(100);
  });
});

test('port 0x61 toggles the refresh bit every 15085 ns', () => {
  const bench = setUp();
  const before = bench.port61() & 0x10;
  bench.clock.advance(15_085);
  expect(bench.port61() & 0x10).toBe(before ^ 0x10);
});

test('toneHz tells what the speaker plays', () => {
  const bench = setUp();
  load(bench, 2, 3, 1193);
  expect(bench.pit.toneHz()).toBe(0);
  bench.setPort61(3);
  expect(bench.pit.toneHz()).toBeCloseTo(1000, -1);
});

test('restore goes on with the same cycle', () => {
  const first = setUp();
  load(first, 0, 2, 11932);
  const second = setUp();
  second.pit.restore(structuredClone(first.pit.state));
  expect(second.timers.nextDeadlineNs()).toBe(first.timers.nextDeadlineNs());
});
