import type { GuestMemory } from '../memory/guest-memory.ts';
import { BootArea } from './boot-area.ts';
import { type BootState, protected32BootState } from './boot-state.ts';
import { dataViewOf } from './decompress/codec.ts';
import { elfNotes, isElf, parseElf } from './elf.ts';
import { checkCpu } from './elf-entry.ts';
import { placeElf } from './elf-placement.ts';
import { hex, loadError } from './errors.ts';
import { placeModules } from './initrd.ts';
import type { KernelLoader, LoadRequest } from './load-request.ts';
import { checkModuleCount } from './multiboot-modules.ts';

// Xen docs/misc/pvh.pandoc "x86/HVM direct boot ABI"; xen/include/public/arch-x86/hvm/start_info.h.
const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const START_INFO_MAGIC = 0x336e_c578; // "xEn3" with bit 7 of the E set
const START_INFO_VERSION = 1;
const START_INFO_BYTES = 56;
const MODULE_ENTRY_BYTES = 32;
const MEMORY_MAP_ENTRY_BYTES = 24;

/** An ELF kernel with a PVH note: entered in flat 32-bit protected mode with EBX at the start info. */
export const elfPvh: KernelLoader = {
  format: 'PVH',

  accepts(kernel) {
    return isElf(kernel) && pvhEntry(kernel, '') !== null;
  },

  load(request: LoadRequest): BootState {
    const { memory, kernel, kernelName } = request;
    const { image, endGpa } = placeElf(memory, kernel, { name: kernelName, conventional: 'paged' });
    checkCpu(request, image.is64Bit);
    const rip = pvhEntry(kernel, kernelName);
    if (rip === null || rip >= endGpa) {
      throw loadError(
        'VMM_KERNEL_CORRUPT',
        `Kernel ${kernelName} has its PVH entry at ${hex(rip ?? 0)}, behind its end`,
      );
    }
    return protected32BootState(memory, { rip, gprs: { rbx: writeStartInfo(memory, request, endGpa) } });
  },
};

/** The note's descriptor has 4 or 8 bytes, by the kernel's class. */
function pvhEntry(kernel: Uint8Array, name: string): number | null {
  const note = elfNotes(kernel, parseElf(kernel, name)).find(
    ({ owner, type, descriptor }) => owner === 'Xen' && type === XEN_ELFNOTE_PHYS32_ENTRY && descriptor.length >= 4,
  );
  return note === undefined ? null : dataViewOf(note.descriptor).getUint32(0, true);
}

function writeStartInfo(memory: GuestMemory, request: LoadRequest, kernelEndGpa: number): number {
  const { modules, memoryMap, commandLine, rsdpGpa } = request;
  checkModuleCount(modules);
  const area = BootArea.info(memory);
  const strings = BootArea.strings(memory);
  const gpa = area.reserve(START_INFO_BYTES);
  const moduleListGpa = area.reserve(modules.length * MODULE_ENTRY_BYTES);
  const memoryMapGpa = area.reserve(memoryMap.length * MEMORY_MAP_ENTRY_BYTES);
  memory.writeU32(gpa, START_INFO_MAGIC);
  memory.writeU32(gpa + 4, START_INFO_VERSION);
  memory.writeU32(gpa + 12, modules.length);
  memory.writeU64(gpa + 16, BigInt(modules.length === 0 ? 0 : moduleListGpa));
  memory.writeU64(gpa + 24, BigInt(strings.string(commandLine, 'The kernel command line')));
  memory.writeU64(gpa + 32, BigInt(rsdpGpa));
  memory.writeU64(gpa + 40, BigInt(memoryMapGpa));
  memory.writeU32(gpa + 48, memoryMap.length);

  placeModules(memory, modules, kernelEndGpa).forEach((range, i) => {
    const entry = moduleListGpa + i * MODULE_ENTRY_BYTES;
    memory.writeU64(entry, BigInt(range.gpa));
    memory.writeU64(entry + 8, BigInt(range.sizeBytes));
    const { commandLine: moduleCommandLine } = modules[i];
    if (moduleCommandLine === '') return;
    memory.writeU64(
      entry + 16,
      BigInt(strings.string(moduleCommandLine, `The command line of module ${modules[i].name}`)),
    );
  });
  memoryMap.forEach((range, i) => {
    const entry = memoryMapGpa + i * MEMORY_MAP_ENTRY_BYTES;
    memory.writeU64(entry, BigInt(range.gpa));
    memory.writeU64(entry + 8, BigInt(range.sizeBytes));
    memory.writeU32(entry + 16, range.type);
  });
  return gpa;
}
