// The SDK for every runtime: files by URL or as bytes.
import { VmmError } from '../base/errors.ts';
import { webClock, webEntropy } from '../host/web/clock.ts';
import { buildParts } from './build-parts.ts';
import type { VirtualMachineOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { BuiltVirtualMachine } from './virtual-machine.ts';

export { VmmError } from '../base/errors.ts';
export type { ClockMode, CpuModel, DeviceRequest, MachineType, PersonalityName } from '../machine/config.ts';
export type { ExitReason } from '../machine/events.ts';
export type { MachineInfo } from '../machine/machine.ts';
export type { EngineName, FileSource, ModuleSource, VirtualMachineOptions } from './options.ts';
export type { VirtualConsole } from './virtual-console.ts';

const webPlatform: Platform = {
  clock: webClock,
  entropy: webEntropy,
  async readFile(location, { what, limitBytes }) {
    const response = await fetch(location);
    if (!response.ok) {
      throw new VmmError('VMM_FILE_FETCH', `${what} ${location}: the server answered ${response.status}`);
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length > limitBytes) {
      throw new VmmError('VMM_FILE_SIZE', `${what} ${location} is ${bytes.length} bytes; at most ${limitBytes} fit`, {
        kind: 'usage',
      });
    }
    return { name: String(location), bytes };
  },
};

/** A virtual machine in any runtime with the web's API. */
export class VirtualMachine extends BuiltVirtualMachine {
  /** Builds a machine; strings are URLs. Throws `VmmError` for what is wrong with the options or the files. */
  static async create(options: VirtualMachineOptions): Promise<VirtualMachine> {
    return new VirtualMachine(await buildParts(webPlatform, options));
  }
}
