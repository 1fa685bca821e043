import type { ConsolePort } from '../backends/console.ts';
import type { EntropySource, HostClock } from '../backends/host-clock.ts';

import type { DeviceRequest } from '../devices/catalog.ts';
import { PERSONALITY_CATALOG, type PersonalityName } from '../hypervisor/catalog.ts';
import { CPU_MODEL_FEATURES, type CpuModelName } from '../x86/cpuid/models.ts';

export const MIB = 1024 * 1024;

/** Guest RAM that a machine can have. The upper bound leaves the last 512 MiB below 4 GiB to device windows. */
export const MEMORY_LIMITS = { minBytes: 16 * MIB, maxBytes: 3584 * MIB, defaultBytes: 512 * MIB } as const;

/** `real`: guest time is host time. `counted`: guest time is instructions retired, so that two runs are equal. */
export const CLOCK_MODES = ['real', 'counted'] as const;
export type ClockMode = (typeof CLOCK_MODES)[number];

export const MACHINE_TYPES = ['pc'] as const;
export type MachineType = (typeof MACHINE_TYPES)[number];

/** What the guest sees of its hypervisor. */
export const PERSONALITIES = Object.keys(PERSONALITY_CATALOG) as readonly PersonalityName[];
export type { PersonalityName };

/** CPUID models; the 64-bit ones are the x86-64 psABI's micro-architecture levels. */
export const CPU_MODELS = Object.keys(CPU_MODEL_FEATURES) as readonly CpuModelName[];
export type CpuModel = CpuModelName;

/** A file in host memory; `name` is for messages only. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An initrd, or a multiboot module with its command line. */
export interface BootModule extends NamedBytes {
  readonly commandLine: string;
}

export type { DeviceRequest };

/** What a machine needs of its host. */
export interface MachineHost {
  readonly clock: HostClock;
  readonly entropy: EntropySource;
}

/** Everything that decides what a machine is. Values are checked by whoever builds one from user input. */
export interface MachineConfig {
  readonly machine: MachineType;
  readonly memoryBytes: number;
  readonly cpuCount: number;
  readonly cpuModel: CpuModel;
  readonly personality: PersonalityName;
  readonly clock: ClockMode;
  readonly kernel: NamedBytes;
  readonly modules: readonly BootModule[];
  /** Kernel command line, without the kernel's name. */
  readonly commandLine: string;
  /** COM1. */
  readonly serial: ConsolePort;
  readonly devices: readonly DeviceRequest[];
  /** What a reset by the guest does, unless its kernel panicked; absent: the machine starts again. */
  readonly onReset?: 'reboot' | 'exit';
  readonly host: MachineHost;
}
