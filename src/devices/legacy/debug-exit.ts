import type { BusTarget } from '../../bus/bus.ts';

export const DEBUG_EXIT_PORT = 0xf4;
export const DEBUG_EXIT_BYTES = 4;

/** QEMU's isa-debug-exit: what the guest writes ends the machine; the exit status is `value << 1 | 1`. */
export const debugExit = (onExit: (value: number) => void): BusTarget => ({
  read: () => 0,
  write: (_offset, _sizeBytes, value) => onExit(value),
});
