import type { GuestMemory } from '../../memory/guest-memory.ts';

// IBM PS/2 and PC BIOS Interface Technical Reference (1987), section 3 "BIOS Data Area".
const COM1_PORT_GPA = 0x400; // u16
const EBDA_SEGMENT_GPA = 0x40e; // u16
const MEMORY_KIB_GPA = 0x413; // u16
const COM1_PORT = 0x3f8;

/** What kernels read of a BIOS that never ran: where conventional memory ends, and the first serial port. */
export function writeBiosDataArea(memory: GuestMemory, ebdaGpa: number): void {
  memory.writeU16(COM1_PORT_GPA, COM1_PORT);
  memory.writeU16(EBDA_SEGMENT_GPA, ebdaGpa >>> 4);
  memory.writeU16(MEMORY_KIB_GPA, ebdaGpa >>> 10);
  memory.writeU8(ebdaGpa, 1); // the EBDA's own size in KiB
}
