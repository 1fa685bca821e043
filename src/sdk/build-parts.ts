import { ConsoleChannel } from '../backends/console.ts';
import { VmmError } from '../base/errors.ts';
import { type BootModule, MEMORY_LIMITS, type NamedBytes } from '../machine/config.ts';
import { createMachine, type Machine } from '../machine/machine.ts';
import { checkOptions, type FileSource, type ModuleSource, type VirtualMachineOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { abortable } from './virtual-console.ts';

/** A built machine with its host ends. */
export interface VirtualMachineParts {
  readonly machine: Machine;
  readonly channel: ConsoleChannel;
  readonly platform: Platform;
  readonly timeoutMs: number | null;
  readonly signal: AbortSignal | undefined;
}

/** Checks values before it reads files, and reads files before it takes memory. */
export async function buildParts(platform: Platform, options: VirtualMachineOptions): Promise<VirtualMachineParts> {
  const { timeoutMs, ...checked } = checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const guest = await guestFiles(platform, options);
  const read = (source: FileSource, what: string) =>
    abortable(readSource(platform, source, { what, limitBytes: checked.memoryBytes }), signal);
  const kernel = await read(guest.kernel, 'Kernel');
  const modules: BootModule[] = [];
  for (const module of guest.modules) {
    modules.push({ ...(await read(module.file, 'Initrd')), commandLine: module.args ?? '' });
  }
  const channel = new ConsoleChannel('drop-oldest');
  const host = { clock: platform.clock, entropy: platform.entropy };
  const machine = createMachine({ ...checked, kernel, modules, serial: channel, host });
  return { machine, channel, platform, timeoutMs, signal };
}

async function guestFiles(
  platform: Platform,
  options: VirtualMachineOptions,
): Promise<{ kernel: FileSource; modules: ModuleSource[] }> {
  if (options.kernel !== undefined) return { kernel: options.kernel, modules: moduleSources(options.initrd) };
  if (platform.defaultGuest === undefined) {
    throw new VmmError('VMM_CONFIG_KERNEL', 'No kernel given, and there is no default guest on this platform', {
      kind: 'usage',
    });
  }
  const guest = await platform.defaultGuest(options.signal);
  return { kernel: guest.kernel, modules: moduleSources(options.initrd ?? guest.initrd) };
}

function moduleSources(initrd: VirtualMachineOptions['initrd']): ModuleSource[] {
  if (initrd === undefined) return [];
  const sources = isFileSource(initrd) ? [initrd] : initrd;
  return sources.map((source) => (isFileSource(source) ? { file: source } : source));
}

function isFileSource(
  source: FileSource | ModuleSource | readonly (FileSource | ModuleSource)[],
): source is FileSource {
  return typeof source === 'string' || source instanceof URL || source instanceof Uint8Array;
}

async function readSource(
  platform: Platform,
  source: FileSource,
  limits: { readonly what: string; readonly limitBytes: number },
): Promise<NamedBytes> {
  if (source instanceof Uint8Array) return { name: limits.what.toLowerCase(), bytes: source };
  return platform.readFile(source, { ...limits, limitBytes: Math.min(limits.limitBytes, MEMORY_LIMITS.maxBytes) });
}
