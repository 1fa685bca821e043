import type { Processor } from './processor.ts';
import { CR0, CR4, STATE, VECTOR } from './state.ts';

/** Raises what an instruction of the unit raises while the unit is off. SDM Vol. 3A Table 2-2, §13.1. */
export function checkUnit(cpu: Processor, unit: 'x87' | 'mmx' | 'sse'): void {
  const cr0 = cpu.u32(STATE.cr0);
  if (unit !== 'x87' && (cr0 & CR0.EM) !== 0) cpu.raise(VECTOR.UD);
  if (unit === 'sse' && (cpu.u32(STATE.cr4) & CR4.OSFXSR) === 0) cpu.raise(VECTOR.UD);
  if ((cr0 & (CR0.TS | (unit === 'x87' ? CR0.EM : 0))) !== 0) cpu.raise(VECTOR.NM);
}
