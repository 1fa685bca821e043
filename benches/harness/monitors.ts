import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Guest {
  readonly kernel: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly memoryMib: number;
}

/** A monitor that benches start as a process; the guest's COM1 is its stdout. */
export interface Monitor {
  readonly name: string;
  command(guest: Guest): readonly string[];
}

const RUN_GUEST = fileURLToPath(import.meta.resolve('../run-guest.js'));
/** The command as it is installed: `npm run bench` builds it first. */
export const COMMAND = [process.execPath, join(process.cwd(), 'bin/paravane.js')];

export const PARAVANE: Monitor = {
  name: 'paravane',
  command: ({ kernel, initrd, append, memoryMib }) => [
    ...[...COMMAND, 'run', '-m', `${memoryMib}M`, '-k', kernel],
    ...(initrd === undefined ? [] : ['-i', initrd]),
    ...(append === undefined ? [] : ['-a', append]),
  ],
};

/** Ours with a count of instructions at each marker. */
export const PARAVANE_COUNTING: Monitor = {
  name: 'paravane',
  command: (guest) => [process.execPath, RUN_GUEST, JSON.stringify(guest)],
};

function qemu(model: string): Monitor {
  return {
    name: `QEMU TCG ${model}`,
    command: ({ kernel, initrd, append, memoryMib }) => [
      ...['qemu-system-x86_64', '-accel', 'tcg,thread=single', '-cpu', model, '-m', `${memoryMib}`],
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
      ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-kernel', kernel],
      ...(initrd === undefined ? [] : ['-initrd', initrd]),
      ...(append === undefined ? [] : ['-append', append]),
    ],
  };
}

/** QEMU with its fullest CPU and with its plainest: the faster one is the peer. */
export const PEERS: readonly Monitor[] = [qemu('max'), qemu('qemu64')];

/** The peers of this host: none if QEMU is not installed. */
export function availablePeers(): readonly Monitor[] {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const isThere = folders.some((folder) => {
    try {
      accessSync(join(folder, 'qemu-system-x86_64'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere ? PEERS : [];
}
