import type { ExitReason } from '../machine/events.ts';

/** Exit statuses that are not a guest's own. 124 and 125 as timeout(1) and docker-run(1) have them. */
export const EXIT_STATUS = { ok: 0, crashed: 1, usage: 2, timeout: 124, failure: 125, signal: 128 } as const;

/** How a run ended, for the process that started it and for people; `message` is null where there is nothing to say. */
export interface Outcome {
  readonly status: number;
  readonly message: string | null;
}

type Outcomes = { readonly [Kind in ExitReason['kind']]: (reason: Extract<ExitReason, { kind: Kind }>) => Outcome };

const OUTCOMES: Outcomes = {
  poweroff: () => ({ status: EXIT_STATUS.ok, message: null }),
  reset: () => ({ status: EXIT_STATUS.ok, message: null }),
  stopped: () => ({ status: EXIT_STATUS.ok, message: null }),
  panic: ({ message }) => ({
    status: EXIT_STATUS.crashed,
    message: `Guest crashed: kernel panic${message === undefined ? '' : `: ${message}`}`,
  }),
  'triple-fault': ({ rip }) => ({
    status: EXIT_STATUS.crashed,
    message: `Guest crashed: triple fault${rip === undefined ? '' : ` at 0x${rip.toString(16)}`}`,
  }),
  'debug-exit': ({ value }) => ({ status: debugExitStatus(value), message: null }),
  timeout: () => ({ status: EXIT_STATUS.timeout, message: 'Guest stopped: its time is over' }),
};

export function outcomeOf(reason: ExitReason): Outcome {
  // The key is the reason's own kind, which the type of a single access cannot express.
  const outcome = OUTCOMES[reason.kind] as (reason: ExitReason) => Outcome;
  return outcome(reason);
}

/** As QEMU maps it (hw/misc/debugexit.c): odd, so that it is never 0; the low 8 bits are what a process can say. */
export function debugExitStatus(value: number): number {
  return ((value << 1) | 1) & 0xff;
}
