import type { Processor } from './processor.ts';
import { VECTOR } from './state.ts';

export interface TaskSwitch {
  readonly by: 'call' | 'jump' | 'iret' | 'interrupt';
  readonly ext: 0 | 1;
  /** RIP that the old task resumes at. */
  readonly returnRip: bigint;
  /** To be pushed on the new task's stack. */
  readonly errorCode: number | undefined;
}

export const taskGateTarget = (low: number): number => low >>> 16;

export function switchTask(cpu: Processor, selector: number, _options: TaskSwitch): void {
  cpu.raise(VECTOR.TS, selector & 0xfffc);
}
