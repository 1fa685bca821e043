import { type BootState, long64BootState, protected32BootState } from './boot-state.ts';
import { type ElfImage, isElf, PT_LOAD } from './elf.ts';
import { placeElf } from './elf-placement.ts';
import { loadError } from './errors.ts';
import { placeInitrd } from './initrd.ts';
import { writeBootParams } from './linux-boot-params.ts';
import type { KernelLoader, LoadRequest } from './load-request.ts';

/** COMMAND_LINE_SIZE of every Linux for x86, with its zero byte. */
const COMMAND_LINE_LIMIT_BYTES = 2047;
const LOW_4_GIB = 0x1_0000_0000;

/** An ELF executable, entered like a vmlinux: boot_params in RSI, 64-bit mode or flat 32-bit segments by its class. */
export const elfEntry: KernelLoader = {
  format: 'ELF',

  accepts: isElf,

  load(request: LoadRequest): BootState {
    const { memory, kernel, kernelName, modules, commandLine, memoryMap, rsdpGpa } = request;
    const { image, endGpa } = placeElf(memory, kernel, { name: kernelName, conventional: 'paged' });
    checkCpu(request, image.is64Bit);
    const rsi = writeBootParams(memory, {
      setupHeader: null,
      commandLine,
      commandLineLimitBytes: COMMAND_LINE_LIMIT_BYTES,
      initrd: placeInitrd(memory, modules, { startGpa: endGpa, endGpa: LOW_4_GIB }),
      memoryMap,
      rsdpGpa,
    });
    const enter = image.is64Bit ? long64BootState : protected32BootState;
    return enter(memory, { rip: physicalEntry(image, kernelName), gprs: { rsi } });
  },
};

/** Where the entry point lies in guest-physical memory: some linkers write a virtual address. */
export function physicalEntry(image: ElfImage, name: string): number {
  const { entry } = image;
  const loadable = image.segments.filter((segment) => segment.type === PT_LOAD);
  for (const { physicalAddress, memoryBytes } of loadable) {
    if (entry >= physicalAddress && entry < physicalAddress + BigInt(memoryBytes)) return Number(entry);
  }
  for (const { physicalAddress, virtualAddress, memoryBytes } of loadable) {
    const offset = entry - virtualAddress;
    if (offset >= 0n && offset < BigInt(memoryBytes)) return Number(physicalAddress + offset);
  }
  throw loadError(
    'VMM_KERNEL_CORRUPT',
    `Kernel ${name} has its entry at 0x${entry.toString(16)}, outside its segments`,
  );
}

export function checkCpu(request: LoadRequest, is64Bit: boolean): void {
  if (!is64Bit || request.cpuHas64Bit) return;
  throw loadError(
    'VMM_KERNEL_CPU',
    `Kernel ${request.kernelName} is a 64-bit kernel and the machine's CPU model has no 64-bit mode; choose another CPU model or a 32-bit kernel`,
  );
}
