import type { GuestMemory } from '../memory/guest-memory.ts';
import { BootArea } from './boot-area.ts';
import { BOOT_LAYOUT } from './boot-layout.ts';
import { type BootState, protected32BootState } from './boot-state.ts';
import { dataViewOf } from './decompress/codec.ts';
import { isElf } from './elf.ts';
import { checkCpu, physicalEntry } from './elf-entry.ts';
import { checkKernelRange, placeElf } from './elf-placement.ts';
import { hex, loadError } from './errors.ts';
import { type InitrdRange, placeModules } from './initrd.ts';
import type { GuestModule, KernelLoader, LoadRequest } from './load-request.ts';
import { checkModuleCount } from './multiboot-modules.ts';

// Multiboot Specification 0.6.96, https://www.gnu.org/software/grub/manual/multiboot/multiboot.html.
const HEADER_MAGIC = 0x1bad_b002;
const BOOTLOADER_MAGIC = 0x2bad_b002;
const HEADER_SEARCH_BYTES = 8192;

/** §3.1.2: bits that this loader serves: page-aligned modules, memory information; video mode is a wish. */
const UNDERSTOOD_REQUIREMENTS = 0x0007;
const REQUIREMENTS = 0xffff;
const HAS_ADDRESS_FIELDS = 1 << 16;

/** §3.3 Boot information format: bits of `flags`, and offsets. */
const INFO_FLAGS = {
  memory: 1 << 0,
  commandLine: 1 << 2,
  modules: 1 << 3,
  memoryMap: 1 << 6,
  loaderName: 1 << 9,
} as const;
const INFO = {
  flags: 0,
  memoryLower: 4,
  memoryUpper: 8,
  commandLine: 16,
  moduleCount: 20,
  modules: 24,
  memoryMapLength: 44,
  memoryMap: 48,
  loaderName: 64,
  sizeBytes: 120,
} as const;
const MODULE_ENTRY_BYTES = 16;
const MEMORY_MAP_ENTRY_BYTES = 24; // its `size` field does not count itself: 20

interface MultibootHeader {
  readonly offset: number;
  readonly flags: number;
}

interface PlacedKernel {
  readonly entryGpa: number;
  readonly endGpa: number;
}

/** A multiboot 1 kernel: ELF, or any file with the header's address fields. */
export const multiboot: KernelLoader = {
  format: 'multiboot',

  accepts(kernel) {
    return findHeader(kernel) !== null;
  },

  load(request: LoadRequest): BootState {
    const { memory, kernelName } = request;
    const header = findHeader(request.kernel);
    const unknown = (header?.flags ?? 0) & REQUIREMENTS & ~UNDERSTOOD_REQUIREMENTS;
    if (header === null || unknown !== 0) {
      throw loadError(
        'VMM_KERNEL_FORMAT',
        `Kernel ${kernelName} requires multiboot features ${hex(unknown)}; known are ${hex(UNDERSTOOD_REQUIREMENTS)}`,
      );
    }
    const kernel = (header.flags & HAS_ADDRESS_FIELDS) !== 0 ? placeFlat(request, header) : placeElfKernel(request);
    const rbx = writeInformation(request, kernel.endGpa);
    return protected32BootState(memory, { rip: kernel.entryGpa, gprs: { rax: BOOTLOADER_MAGIC, rbx } });
  },
};

/** §3.1: 4-byte aligned, wholly within the first 8192 bytes. */
function findHeader(kernel: Uint8Array): MultibootHeader | null {
  const view = dataViewOf(kernel);
  const end = Math.min(kernel.length, HEADER_SEARCH_BYTES) - 12;
  for (let offset = 0; offset <= end; offset += 4) {
    if (view.getUint32(offset, true) !== HEADER_MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    const checksum = view.getUint32(offset + 8, true);
    if (((HEADER_MAGIC + flags + checksum) & 0xffff_ffff) === 0) return { offset, flags };
  }
  return null;
}

function placeElfKernel(request: LoadRequest): PlacedKernel {
  const { memory, kernel, kernelName } = request;
  if (!isElf(kernel)) {
    throw loadError(
      'VMM_KERNEL_FORMAT',
      `Kernel ${kernelName} has a multiboot header without addresses and is no ELF file`,
    );
  }
  const { image, endGpa } = placeElf(memory, kernel, { name: kernelName, conventional: 'unpaged' });
  checkCpu(request, image.is64Bit);
  return { entryGpa: physicalEntry(image, kernelName), endGpa };
}

/** §3.1.3 The address fields of Multiboot header. */
function placeFlat({ memory, kernel, kernelName }: LoadRequest, header: MultibootHeader): PlacedKernel {
  const view = dataViewOf(kernel);
  if (header.offset + 32 > kernel.length) {
    throw loadError('VMM_KERNEL_TRUNCATED', `Kernel ${kernelName} is truncated: the multiboot header is not complete`);
  }
  const [headerGpa, loadGpa, loadEndGpa, bssEndGpa, entryGpa] = [12, 16, 20, 24, 28].map((field) =>
    view.getUint32(header.offset + field, true),
  );
  const fileOffset = header.offset - (headerGpa - loadGpa);
  const loadBytes = loadEndGpa === 0 ? kernel.length - fileOffset : loadEndGpa - loadGpa;
  if (fileOffset < 0 || loadBytes <= 0) {
    throw loadError('VMM_KERNEL_CORRUPT', `Kernel ${kernelName} has multiboot addresses that contradict each other`);
  }
  if (fileOffset + loadBytes > kernel.length) {
    throw loadError(
      'VMM_KERNEL_TRUNCATED',
      `Kernel ${kernelName} is truncated: ${hex(loadBytes)} bytes are to be loaded`,
    );
  }
  const endGpa = Math.max(loadGpa + loadBytes, bssEndGpa);
  checkKernelRange(memory, loadGpa, {
    sizeBytes: endGpa - loadGpa,
    name: kernelName,
    conventional: 'unpaged',
  });
  memory.bytes.set(kernel.subarray(fileOffset, fileOffset + loadBytes), loadGpa);
  memory.bytes.fill(0, loadGpa + loadBytes, endGpa);
  return { entryGpa, endGpa };
}

function writeInformation(request: LoadRequest, kernelEndGpa: number): number {
  const { memory, modules, memoryMap, commandLine, kernelName } = request;
  checkModuleCount(modules);
  const area = BootArea.info(memory);
  const strings = BootArea.strings(memory);
  const gpa = area.reserve(INFO.sizeBytes);
  const flags = Object.values(INFO_FLAGS).reduce((all, flag) => all | flag);
  memory.writeU32(gpa + INFO.flags, flags);
  memory.writeU32(gpa + INFO.memoryLower, BOOT_LAYOUT.conventionalEndGpa >>> 10);
  memory.writeU32(gpa + INFO.memoryUpper, (memory.sizeBytes - BOOT_LAYOUT.extendedGpa) >>> 10);
  const fullCommandLine = withArguments(kernelName, commandLine);
  memory.writeU32(gpa + INFO.commandLine, strings.string(fullCommandLine, 'The kernel command line'));
  memory.writeU32(gpa + INFO.loaderName, strings.string('paravane', 'The loader name'));
  memory.writeU32(gpa + INFO.moduleCount, modules.length);
  memory.writeU32(
    gpa + INFO.modules,
    writeModules(memory, modules, { area, strings, ranges: placeModules(memory, modules, kernelEndGpa) }),
  );

  const memoryMapGpa = area.reserve(memoryMap.length * MEMORY_MAP_ENTRY_BYTES);
  memory.writeU32(gpa + INFO.memoryMapLength, memoryMap.length * MEMORY_MAP_ENTRY_BYTES);
  memory.writeU32(gpa + INFO.memoryMap, memoryMapGpa);
  memoryMap.forEach((range, i) => {
    const entry = memoryMapGpa + i * MEMORY_MAP_ENTRY_BYTES;
    memory.writeU32(entry, MEMORY_MAP_ENTRY_BYTES - 4);
    memory.writeU64(entry + 4, BigInt(range.gpa));
    memory.writeU64(entry + 12, BigInt(range.sizeBytes));
    memory.writeU32(entry + 20, range.type);
  });
  return gpa;
}

interface ModulePlaces {
  readonly area: BootArea;
  readonly strings: BootArea;
  readonly ranges: readonly InitrdRange[];
}

function writeModules(memory: GuestMemory, modules: readonly GuestModule[], places: ModulePlaces): number {
  const listGpa = places.area.reserve(modules.length * MODULE_ENTRY_BYTES);
  modules.forEach(({ name, commandLine }, i) => {
    const entry = listGpa + i * MODULE_ENTRY_BYTES;
    const { gpa, sizeBytes } = places.ranges[i];
    memory.writeU32(entry, gpa);
    memory.writeU32(entry + 4, gpa + sizeBytes);
    const text = withArguments(name, commandLine);
    memory.writeU32(entry + 8, places.strings.string(text, `The command line of module ${name}`));
  });
  return listGpa;
}

/** Kernels and modules expect their own name before their arguments, as GRUB and QEMU give it. */
function withArguments(name: string, commandLine: string): string {
  return commandLine === '' ? name : `${name} ${commandLine}`;
}
