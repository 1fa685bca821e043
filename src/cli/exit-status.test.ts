import { expect, it } from 'vitest';
import type { ExitReason } from '../machine/events.ts';
import { debugExitStatus, outcomeOf } from './exit-status.ts';

it.each<[ExitReason, number, string | null]>([
  [{ kind: 'poweroff' }, 0, null],
  [{ kind: 'reset' }, 0, null],
  [{ kind: 'stopped' }, 0, null],
  [{ kind: 'panic' }, 1, 'Guest crashed: kernel panic'],
  [{ kind: 'panic', message: 'no init' }, 1, 'Guest crashed: kernel panic: no init'],
  [{ kind: 'triple-fault' }, 1, 'Guest crashed: triple fault'],
  [{ kind: 'triple-fault', rip: 0xffff_ffff_8100_0000n }, 1, 'Guest crashed: triple fault at 0xffffffff81000000'],
  [{ kind: 'debug-exit', value: 0 }, 1, null],
  [{ kind: 'debug-exit', value: 16 }, 33, null],
  [{ kind: 'timeout' }, 124, 'Guest stopped: its time is over'],
])('outcomeOf %o', (reason, status, message) => {
  expect(outcomeOf(reason)).toEqual({ status, message });
});

it.each([
  [0, 1],
  [1, 3],
  [127, 255],
  [128, 1],
  [0xffff_ffff, 255],
])('debugExitStatus of %i is %i', (value, status) => {
  expect(debugExitStatus(value)).toBe(status);
});
