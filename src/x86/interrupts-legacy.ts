import type { InterruptEvent } from './interrupt-event.ts';
import type { Processor } from './processor.ts';
import { VECTOR } from './state.ts';

/** Delivery in real, virtual-8086 and protected mode. */
export function deliverLegacy(cpu: Processor, _event: InterruptEvent): void {
  cpu.raise(VECTOR.DF, 0);
}

/** INT n in virtual-8086 mode where VME or IOPL changes it; false: deliver it as usual. */
export function deliverVirtualInterrupt(_cpu: Processor, _vector: number, _next: bigint): boolean {
  return false;
}
