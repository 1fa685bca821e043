import type { GuestMemory } from '../../memory/guest-memory.ts';

/** Bytes that the handlers take. */
export const INTERRUPT_HANDLERS_BYTES = 64;

/** The interrupts of the two 8259s in real mode: IBM PC/AT Technical Reference (1984), section 5 "System BIOS". */
const MASTER_VECTOR = 0x08;
const SLAVE_VECTOR = 0x70;
const VECTOR_COUNT = 256;

/** 16-bit code; AX and DS are kept. */
const HANDLERS = {
  /** iret */
  none: [0xcf],
  /** Counts ticks at 0040:006C. push ds; push ax; xor ax,ax; mov ds,ax; inc dword [46Ch]; mov al,20h; out 20h,al; pop ax; pop ds; iret */
  timer: [
    ...[0x1e, 0x50, 0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xff, 0x06, 0x6c, 0x04],
    ...[0xb0, 0x20, 0xe6, 0x20, 0x58, 0x1f, 0xcf],
  ],
  /** push ax; mov al,20h; out 20h,al; pop ax; iret */
  master: [0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf],
  /** push ax; mov al,20h; out A0h,al; out 20h,al; pop ax; iret */
  slave: [0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf],
} as const;

function handlerOf(vector: number): keyof typeof HANDLERS {
  if (vector === MASTER_VECTOR) return 'timer';
  if (vector > MASTER_VECTOR && vector < MASTER_VECTOR + 8) return 'master';
  return vector >= SLAVE_VECTOR && vector < SLAVE_VECTOR + 8 ? 'slave' : 'none';
}

/**
 * A real-mode interrupt vector table whose handlers, at `handlersGpa` below 1 MiB, end hardware interrupts and do nothing
 * else: there is no BIOS to call.
 */
export function writeInterruptVectors(memory: GuestMemory, handlersGpa: number): void {
  const offsets = new Map<string, number>();
  const segmentGpa = handlersGpa & 0xf_0000;
  let gpa = handlersGpa;
  for (const [name, code] of Object.entries(HANDLERS)) {
    memory.bytes.set(code, gpa);
    offsets.set(name, gpa - segmentGpa);
    gpa += code.length;
  }
  for (let vector = 0; vector < VECTOR_COUNT; vector++) {
    memory.writeU16(vector * 4, offsets.get(handlerOf(vector)) ?? 0);
    memory.writeU16(vector * 4 + 2, segmentGpa >>> 4);
  }
}
