import type { ExitReason } from '../machine/events.ts';

export type Verdict = 'PASS' | 'FAIL' | 'SKIP' | 'TIMEOUT' | 'ERROR';

export interface TestVerdict {
  readonly verdict: Verdict;
  /** Why, where the verdict does not say it; empty else. */
  readonly detail: string;
}

/** How a verdict counts and looks; `sgr` is the colour: ECMA-48 §8.3.117 "SGR". */
export const VERDICT_COLORS: Readonly<Record<Verdict, { readonly isFailure: boolean; readonly sgr: number }>> = {
  PASS: { isFailure: false, sgr: 32 },
  SKIP: { isFailure: false, sgr: 33 },
  FAIL: { isFailure: true, sgr: 31 },
  TIMEOUT: { isFailure: true, sgr: 31 },
  ERROR: { isFailure: true, sgr: 31 },
};

/** Exit codes of kvm-unit-tests: lib/report.c, report_summary. */
const CODE_PASS = 0;
/** The debug-exit port makes automake's "skipped" of it: 38 << 1 | 1 is 77. */
const CODE_SKIP = 77 >> 1;
/** abort() of lib/abort.c. */
const CODE_ABORT = 127;

export function verdictOf(reason: ExitReason): TestVerdict {
  if (reason.kind === 'timeout') return { verdict: 'TIMEOUT', detail: '' };
  if (reason.kind !== 'debug-exit') return { verdict: 'FAIL', detail: `ended by ${reason.kind}` };
  if (reason.value === CODE_PASS) return { verdict: 'PASS', detail: '' };
  if (reason.value === CODE_SKIP) return { verdict: 'SKIP', detail: '' };
  return { verdict: 'FAIL', detail: reason.value === CODE_ABORT ? 'aborted' : `exit code ${reason.value}` };
}

/** The image could not be run at all. */
export function errorVerdict(detail: string): TestVerdict {
  return { verdict: 'ERROR', detail };
}

/** How often each verdict occurred, without those that did not. */
export function countsOf(results: readonly TestVerdict[]): Readonly<Partial<Record<Verdict, number>>> {
  const counts: Partial<Record<Verdict, number>> = {};
  for (const { verdict } of results) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}
