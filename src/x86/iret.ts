import { returnLegacy } from './iret-legacy.ts';
import { returnInLongMode } from './iret-long.ts';
import { inLongMode } from './mode.ts';
import type { Processor } from './processor.ts';

/**
 * IRET, IRETD, IRETQ (SDM Vol. 2A). RIP is set; the caller tells the engine that it branched. `next` is where a task
 * that returns to another resumes.
 */
export function interruptReturn(cpu: Processor, operandBits: 16 | 32 | 64, next: bigint): void {
  if (inLongMode(cpu.words)) returnInLongMode(cpu, operandBits);
  else returnLegacy(cpu, operandBits === 16 ? 16 : 32, next);
}
