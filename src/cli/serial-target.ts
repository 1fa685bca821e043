import { VmmError } from '../base/errors.ts';
import { openSerialFile } from '../host/node/serial-file.ts';
import { SerialSocket } from '../host/node/serial-socket.ts';
import type { VirtualConsole } from '../sdk/virtual-console.ts';

/** Where the guest's serial line goes. */
export type SerialTarget =
  | { readonly kind: 'stdio' }
  | { readonly kind: 'none' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'unix'; readonly path: string };

export const SERIAL_SYNTAX = 'stdio|none|file=FILE|unix=SOCKET';

export function parseSerialTarget(text: string): SerialTarget {
  if (text === 'stdio' || text === 'none') return { kind: text };
  const match = /^(file|unix)=(.+)$/s.exec(text);
  const kind = match?.[1];
  const path = match?.[2];
  if ((kind === 'file' || kind === 'unix') && path !== undefined) return { kind, path };
  throw new VmmError('VMM_CONFIG_SERIAL', `The serial line is '${text}'; expected ${SERIAL_SYNTAX}`, { kind: 'usage' });
}

/**
 * Opens what is not stdio, so that a path that cannot be used is said before the guest starts. The result carries
 * the serial line until the machine stops.
 */
export async function openSerialTarget(
  target: Exclude<SerialTarget, { kind: 'stdio' }>,
): Promise<(serial: VirtualConsole) => Promise<void>> {
  if (target.kind === 'file') return openSerialFile(target.path);
  if (target.kind === 'none') return async () => {};
  const socket = await SerialSocket.listen(target.path);
  return (serial) => socket.serve(serial);
}
