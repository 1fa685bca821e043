import type { ConsolePort } from '../backends/console.ts';
import type { EntropySource, HostClock } from '../backends/host-clock.ts';

export const MIB = 1024 * 1024;

/** Guest RAM that a machine can have. The upper bound leaves the last 512 MiB below 4 GiB to device windows. */
export const MEMORY_LIMITS = { minBytes: 16 * MIB, maxBytes: 3584 * MIB, defaultBytes: 512 * MIB } as const;

/** `real`: guest time is host time. `counted`: guest time is instructions retired, so that two runs are equal. */
export const CLOCK_MODES = ['real', 'counted'] as const;
export type ClockMode = (typeof CLOCK_MODES)[number];

export const MACHINE_TYPES = ['pc'] as const;
export type MachineType = (typeof MACHINE_TYPES)[number];

/** What the guest sees of its hypervisor. */
export const PERSONALITIES = ['kvm', 'none'] as const;
export type PersonalityName = (typeof PERSONALITIES)[number];

/** CPUID models; the 64-bit ones are the x86-64 psABI's micro-architecture levels. */
export const CPU_MODELS = ['x86-64-v1', 'x86-64-v2', 'max', 'i686'] as const;
export type CpuModel = (typeof CPU_MODELS)[number];

/** A file in host memory; `name` is for messages only. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An initrd, or a multiboot module with its command line. */
export interface BootModule extends NamedBytes {
  readonly commandLine: string;
}

/** A row of the device catalog by name, with its options as the user wrote them. */
export interface DeviceRequest {
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

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
  /** What a reset by the guest does; absent: the machine starts again. */
  readonly onReset?: 'reboot' | 'exit';
  readonly host: MachineHost;
}
