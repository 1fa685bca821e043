import { expect, it } from 'vitest';
import type { ExitReason } from '../machine/events.ts';
import { countsOf, verdictOf } from './test-verdict.ts';

it.each<[ExitReason, string, string]>([
  [{ kind: 'debug-exit', value: 0 }, 'PASS', ''],
  [{ kind: 'debug-exit', value: 1 }, 'FAIL', 'exit code 1'],
  [{ kind: 'debug-exit', value: 38 }, 'SKIP', ''],
  [{ kind: 'debug-exit', value: 127 }, 'FAIL', 'aborted'],
  [{ kind: 'timeout' }, 'TIMEOUT', ''],
  [{ kind: 'triple-fault' }, 'FAIL', 'ended by triple-fault'],
  [{ kind: 'poweroff' }, 'FAIL', 'ended by poweroff'],
])('verdictOf %o', (reason, verdict, detail) => {
  expect(verdictOf(reason)).toEqual({ verdict, detail });
});

it('countsOf leaves out what did not occur', () => {
  const results = [0, 0, 38].map((value) => verdictOf({ kind: 'debug-exit', value }));
  expect(countsOf(results)).toEqual({ PASS: 2, SKIP: 1 });
});
