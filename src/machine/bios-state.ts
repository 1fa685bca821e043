import type { Bus } from '../bus/bus.ts';
import { INTERRUPT_HANDLERS_BYTES, writeInterruptVectors } from '../loaders/tables/interrupt-vectors.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { MEMORY_LAYOUT } from './memory-layout.ts';

/**
 * Byte writes that a BIOS does at power-on: 8259s with vectors 08H and 70H, timer, keyboard and cascade unmasked; channel 0
 * of the 8254 as square wave of 18.2 Hz.
 */
const PORT_WRITES: readonly (readonly [port: number, value: number])[] = [
  [0x43, 0x36],
  [0x40, 0x00],
  [0x40, 0x00],
  [0x20, 0x11],
  [0x21, 0x08],
  [0x21, 0x04],
  [0x21, 0x01],
  [0x21, 0xf8],
  [0xa0, 0x11],
  [0xa1, 0x70],
  [0xa1, 0x02],
  [0xa1, 0x01],
  [0xa1, 0xff],
];

/** What kernels find that a boot loader starts on a BIOS machine, and that go back to real mode. */
export function leaveBiosState(ports: Bus, memory: GuestMemory): void {
  writeInterruptVectors(memory, MEMORY_LAYOUT.acpiEndGpa - INTERRUPT_HANDLERS_BYTES);
  for (const [port, value] of PORT_WRITES) ports.write(port, 1, value);
}
