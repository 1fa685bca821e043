import type { BusRange, BusTarget } from '../../bus/bus.ts';

/** Bochs' debug console answers its own number, so that a guest can find it. */
const DEBUG_CONSOLE_PORT = 0xe9;
/** The POST code port; Linux writes it as a delay (`io_delay`). */
const POST_CODE_PORT = 0x80;

export function postCodePort(): BusRange {
  const state = { code: 0 };
  const target: BusTarget = {
    read: () => state.code,
    write: (_offset, _sizeBytes, value) => void (state.code = value & 0xff),
  };
  return { name: 'post-code', start: POST_CODE_PORT, sizeBytes: 1, target };
}

export function debugConsole(onByte: (byte: number) => void, port: number = DEBUG_CONSOLE_PORT): BusRange {
  const target: BusTarget = {
    read: () => DEBUG_CONSOLE_PORT,
    write: (_offset, _sizeBytes, value) => onByte(value & 0xff),
  };
  return { name: 'debug-console', start: port, sizeBytes: 1, target };
}
