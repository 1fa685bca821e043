// The SDK in Node: files by path, and a default guest.
import { nodeClock, nodeEntropy } from '../host/node/clock.ts';
import { readInputFile } from '../host/node/files.ts';
import { guestImage } from '../images/node/guest-image.ts';
import { buildParts } from './build-parts.ts';
import type { VirtualMachineOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { BuiltVirtualMachine } from './virtual-machine.ts';

export { VmmError } from '../base/errors.ts';
export { type GuestImage, type GuestImageOptions, type GuestName, guestImage } from '../images/node/guest-image.ts';
export type { ClockMode, CpuModel, DeviceRequest, MachineType, PersonalityName } from '../machine/config.ts';
export type { ExitReason } from '../machine/events.ts';
export type { MachineInfo } from '../machine/machine.ts';
export type { EngineName, FileSource, ModuleSource, VirtualMachineOptions } from './options.ts';
export type { VirtualConsole } from './virtual-console.ts';

const nodePlatform: Platform = {
  clock: nodeClock,
  entropy: nodeEntropy,
  readFile: readInputFile,
  async defaultGuest(signal) {
    const { kernel, initrd } = await guestImage('cloud-amd64', signal === undefined ? {} : { signal });
    return { kernel, initrd };
  },
};

/** A virtual machine in Node. */
export class VirtualMachine extends BuiltVirtualMachine {
  /** Builds a machine; strings are paths. Throws `VmmError` for what is wrong with the options or the files. */
  static async create(options: VirtualMachineOptions = {}): Promise<VirtualMachine> {
    return new VirtualMachine(await buildParts(nodePlatform, options));
  }
}
