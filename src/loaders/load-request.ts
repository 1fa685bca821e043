import type { GuestMemory } from '../memory/guest-memory.ts';
import type { MemoryRange } from './boot-layout.ts';
import type { BootState } from './boot-state.ts';

/** An initrd, or a multiboot module with its command line. */
export interface GuestModule {
  /** For messages, and the first word of a multiboot module's string. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly commandLine: string;
}

export interface LoadRequest {
  readonly memory: GuestMemory;
  readonly kernel: Uint8Array;
  /** For messages, and the first word of a multiboot kernel's command line. */
  readonly kernelName: string;
  readonly modules: readonly GuestModule[];
  /** Without the kernel's name. */
  readonly commandLine: string;
  readonly memoryMap: readonly MemoryRange[];
  /** Where the ACPI RSDP is, or 0 if there is none. */
  readonly rsdpGpa: number;
  readonly cpuHas64Bit: boolean;
}

/** One way to start a kernel. */
export interface KernelLoader {
  readonly format: string;
  accepts(kernel: Uint8Array): boolean;
  load(request: LoadRequest): BootState;
}
