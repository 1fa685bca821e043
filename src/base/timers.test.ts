import { describe, expect, test } from 'vitest';
import { ManualClock } from './clock.ts';
import { TimerQueue } from './timers.ts';

function queue() {
  const clock = new ManualClock();
  const timers = new TimerQueue(clock);
  const fired: string[] = [];
  const timer = (name: string) => timers.createTimer(() => fired.push(`${name}@${clock.nowNs()}`));
  return { clock, timers, fired, timer };
}

describe('TimerQueue', () => {
  test('fires what is due, earliest first, and once', () => {
    const { clock, timers, fired, timer } = queue();
    timer('late').arm(30);
    timer('early').arm(10);
    timer('later').arm(31);
    expect(timers.nextDeadlineNs()).toBe(10);
    clock.advance(30);
    timers.runDue();
    timers.runDue();
    expect(fired).toEqual(['early@30', 'late@30']);
    expect(timers.nextDeadlineNs()).toBe(31);
  });

  test('arming again replaces the deadline', () => {
    const { clock, timers, fired, timer } = queue();
    const one = timer('one');
    one.arm(10);
    one.arm(20);
    clock.advance(10);
    timers.runDue();
    expect([fired, one.deadlineNs]).toEqual([[], 20]);
  });

  test('a cancelled timer does not fire', () => {
    const { clock, timers, fired, timer } = queue();
    const one = timer('one');
    one.arm(10);
    one.cancel();
    clock.advance(100);
    timers.runDue();
    expect([fired, timers.nextDeadlineNs()]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  test('a callback may arm its own timer and others', () => {
    const { clock, timers } = queue();
    const times: number[] = [];
    const periodic = timers.createTimer(() => {
      times.push(clock.nowNs());
      if (times.length < 3) periodic.arm(times.length * 10);
    });
    periodic.arm(5);
    clock.advance(100);
    timers.runDue();
    expect(times).toEqual([100, 100, 100]);
    expect(periodic.deadlineNs).toBeNull();
  });

  test('tells of every deadline when it is armed', () => {
    const { timers, timer } = queue();
    const told: number[] = [];
    timers.onArm = (deadlineNs) => told.push(deadlineNs);
    timer('one').arm(7);
    timer('two').arm(3);
    expect(told).toEqual([7, 3]);
  });
});
