import type { Processor } from './processor.ts';
import { VECTOR } from './state.ts';

/** IRET in real, virtual-8086 and protected mode. */
export function returnLegacy(cpu: Processor, _operandBits: 16 | 32): void {
  cpu.raise(VECTOR.GP, 0);
}
