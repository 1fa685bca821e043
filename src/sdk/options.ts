import { VmmError } from '../base/errors.ts';
import {
  CLOCK_MODES,
  type ClockMode,
  CPU_MODELS,
  type CpuModel,
  type DeviceRequest,
  MACHINE_TYPES,
  type MachineConfig,
  type MachineType,
  MEMORY_LIMITS,
  PERSONALITIES,
  type PersonalityName,
} from '../machine/config.ts';
import { requireByteSize } from './byte-size.ts';

/** A file by path (Node) or URL, or its bytes. */
export type FileSource = string | URL | Uint8Array;

/** An initrd, or a multiboot module with a command line of its own. */
export interface ModuleSource {
  readonly file: FileSource;
  readonly args?: string;
}

export const ENGINES = ['auto', 'soft', 'kvm'] as const;
export type EngineName = (typeof ENGINES)[number];

export interface VirtualMachineOptions {
  /** bzImage, vmlinux, ELF or multiboot kernel. In Node, without one the default guest boots. */
  readonly kernel?: FileSource;
  /** Initrd, or several files: multiboot modules. */
  readonly initrd?: FileSource | readonly (FileSource | ModuleSource)[];
  /** Kernel command line. Default: `console=ttyS0`. */
  readonly append?: string;
  /** Guest memory, `16M` to `3584M`, or bytes. Default: `512M`. */
  readonly memory?: string | number;
  /** Virtual CPUs. One, for now. */
  readonly cpus?: number;
  readonly cpu?: CpuModel;
  readonly engine?: EngineName;
  readonly machine?: MachineType;
  readonly personality?: PersonalityName;
  readonly clock?: ClockMode;
  /** Extra devices: `'isa-debug-exit'`, or with options `{ name, options }`. */
  readonly devices?: readonly (string | DeviceRequest)[];
  /** Stops the machine when it has run this long. */
  readonly timeoutMs?: number;
  /** Aborting it stops the machine, and `run` rejects with its reason. */
  readonly signal?: AbortSignal;
}

export const DEFAULT_COMMAND_LINE = 'console=ttyS0';

/** The longest time a host timer can be set to: 2^31 - 1 ms. */
export const MAX_TIMEOUT_MS = 2_147_483_647;

/** The options that are values, checked; files are read by the caller. */
export type CheckedOptions = Pick<
  MachineConfig,
  'machine' | 'memoryBytes' | 'cpuCount' | 'cpuModel' | 'personality' | 'clock' | 'commandLine' | 'devices'
> & { readonly timeoutMs: number | null };

export function checkOptions(options: VirtualMachineOptions): CheckedOptions {
  requireEngine(options.engine ?? 'auto');
  return {
    machine: requireOneOf({ what: 'machine', code: 'VMM_CONFIG_MACHINE' }, options.machine ?? 'pc', MACHINE_TYPES),
    memoryBytes: requireMemory(options.memory ?? MEMORY_LIMITS.defaultBytes),
    cpuCount: requireCpuCount(options.cpus ?? 1),
    cpuModel: requireOneOf({ what: 'cpu', code: 'VMM_CONFIG_CPU' }, options.cpu ?? 'max', CPU_MODELS),
    personality: requireOneOf(
      { what: 'personality', code: 'VMM_CONFIG_PERSONALITY' },
      options.personality ?? 'kvm',
      PERSONALITIES,
    ),
    clock: requireOneOf({ what: 'clock', code: 'VMM_CONFIG_CLOCK' }, options.clock ?? 'real', CLOCK_MODES),
    commandLine: requireCommandLine(options.append ?? DEFAULT_COMMAND_LINE),
    devices: (options.devices ?? []).map((device) => (typeof device === 'string' ? parseDevice(device) : device)),
    timeoutMs: options.timeoutMs === undefined ? null : requireTimeoutMs(options.timeoutMs),
  };
}

export function requireMemory(value: string | number): number {
  return requireByteSize(value, { what: 'Memory', code: 'VMM_CONFIG_MEMORY', ...MEMORY_LIMITS });
}

export function requireCpuCount(value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new VmmError('VMM_CONFIG_CPUS', `The number of CPUs is '${value}'; expected 1`, { kind: 'usage' });
  }
  if (value > 1) {
    throw new VmmError('VMM_CONFIG_CPUS', `${value} CPUs asked for; more than 1 is not offered yet`, { kind: 'usage' });
  }
  return value;
}

export function requireEngine(value: string): EngineName {
  const engine = requireOneOf({ what: 'engine', code: 'VMM_CONFIG_ENGINE' }, value, ENGINES);
  if (engine === 'kvm') {
    throw new VmmError('VMM_CONFIG_ENGINE', "Engine 'kvm' is not offered yet; use 'soft' or 'auto'", { kind: 'usage' });
  }
  return engine;
}

export function requireTimeoutMs(value: number): number {
  if (!(value > 0 && value <= MAX_TIMEOUT_MS)) {
    throw new VmmError(
      'VMM_CONFIG_TIMEOUT',
      `The timeout is ${value} ms; the range is above 0 to ${MAX_TIMEOUT_MS} ms`,
      { kind: 'usage' },
    );
  }
  return value;
}

/** How long it may be is up to the kernel, and said by its loader. */
function requireCommandLine(text: string): string {
  if (!text.includes('\0')) return text;
  throw new VmmError('VMM_CONFIG_APPEND', 'The kernel command line holds a NUL character', { kind: 'usage' });
}

/** One of a closed list of names: `The cpu is 'z80'; expected x86-64-v1, …`. */
export function requireOneOf<T extends string>(
  subject: { readonly what: string; readonly code: string },
  value: string,
  names: readonly T[],
): T {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new VmmError(
    subject.code,
    `The ${subject.what} is '${value}'; expected ${names.length > 1 ? 'one of ' : ''}${names.join(', ')}`,
    { kind: 'usage' },
  );
}

/** `NAME[,key=value…]`; a key alone is `key=on`. */
export function parseDevice(text: string): DeviceRequest {
  const [name = '', ...pairs] = text.split(',');
  const options: Record<string, string> = Object.create(null);
  for (const pair of pairs) {
    const [key = '', ...value] = pair.split('=');
    if (key === '') throwBadDevice(text);
    options[key] = value.length === 0 ? 'on' : value.join('=');
  }
  if (name === '' || name.includes('=')) throwBadDevice(text);
  return { name, options };
}

function throwBadDevice(text: string): never {
  throw new VmmError('VMM_CONFIG_DEVICE', `The device is '${text}'; expected NAME or NAME,key=value,…`, {
    kind: 'usage',
  });
}
