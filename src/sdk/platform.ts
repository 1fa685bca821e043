import type { MachineHost, NamedBytes } from '../machine/config.ts';
import type { VirtualMachineOptions } from './options.ts';

/** What the SDK needs of the runtime it is in. */
export interface Platform extends MachineHost {
  /** Reads a whole file; one above `limitBytes` is the user's mistake. */
  readFile(location: string | URL, limits: { readonly what: string; readonly limitBytes: number }): Promise<NamedBytes>;
  /** The options of the guest that boots when no kernel is given; absent where there is none. */
  readonly defaultGuest?: (signal?: AbortSignal) => Promise<Required<Pick<VirtualMachineOptions, 'kernel' | 'initrd'>>>;
}
