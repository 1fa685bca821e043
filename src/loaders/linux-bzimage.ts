import { type BootState, long64BootState, protected32BootState } from './boot-state.ts';
import { type BzImage, checkedUnpackedSize, DEFAULT_LOAD_GPA, isBzImage, parseBzImage } from './bzimage.ts';
import { isElf } from './elf.ts';
import { checkCpu } from './elf-entry.ts';
import { type PlacedElf, placeElf, placeUnpackedElf } from './elf-placement.ts';
import { loadError, mebibytes } from './errors.ts';
import { placeInitrd } from './initrd.ts';
import { writeBootParams } from './linux-boot-params.ts';
import type { KernelLoader, LoadRequest } from './load-request.ts';
import { findCodec, unpack } from './unpack.ts';

/** The 64-bit entry of a bzImage's own protected-mode code. */
const ENTRY_64_OFFSET = 0x200;
/** Where a vmlinux file's first segment lies in the file: the linker's page size. */
const SEGMENT_OFFSET_BYTES = { elf64: 0x20_0000, elf32: 0x1000 } as const;

/**
 * A bzImage, whose vmlinux is unpacked here and entered at its own first instruction: without decompressor, thus
 * without KASLR. Where the payload is packed in an unknown way, the bzImage's decompressor runs in the guest.
 */
export const linuxBzImage: KernelLoader = {
  format: 'bzImage',

  accepts(kernel) {
    return isBzImage(kernel);
  },

  load(request) {
    const image = parseBzImage(request.kernel, request.kernelName);
    checkCpu(request, image.is64Bit);
    const kernel = placePayload(request, image);
    if (kernel === null) return enterDecompressor(request, image);
    checkCpu(request, kernel.image.is64Bit);
    const entry = Number(kernel.image.entry);
    return bootState(request, image, { entry, endGpa: kernel.endGpa, is64Bit: kernel.image.is64Bit });
  },
};

/** Unpacks to where the segments will hardly have to move. Null for a payload packed in an unknown way. */
function placePayload({ memory, kernelName }: LoadRequest, image: BzImage): PlacedElf | null {
  const { payload, is64Bit, preferredGpa } = image;
  if (isElf(payload)) return placeElf(memory, payload, { name: kernelName, conventional: 'paged' });
  const codec = findCodec(payload);
  if (codec === undefined) return null;
  const sizeBytes = checkedUnpackedSize(image, kernelName);
  const offset = is64Bit ? SEGMENT_OFFSET_BYTES.elf64 : SEGMENT_OFFSET_BYTES.elf32;
  const gpa = Math.max(DEFAULT_LOAD_GPA, preferredGpa - offset);
  if (gpa + sizeBytes > memory.sizeBytes) {
    throw loadError(
      'VMM_MEMORY_TOO_SMALL',
      `Kernel ${kernelName} needs ${mebibytes(gpa + sizeBytes)} of guest memory; the machine has ${mebibytes(memory.sizeBytes)}`,
    );
  }
  unpack(codec, payload, memory.bytes.subarray(gpa, gpa + sizeBytes));
  return placeUnpackedElf(memory, { gpa, sizeBytes }, kernelName);
}

/** Boot protocol 2.02 to 2.15: the protected-mode code at 1 MiB finds a place for itself. */
function enterDecompressor(request: LoadRequest, image: BzImage): BootState {
  const { memory, kernelName } = request;
  const { is64Bit, protectedModeCode } = image;
  memory.load(DEFAULT_LOAD_GPA, protectedModeCode, `Kernel ${kernelName}`);
  const entry = DEFAULT_LOAD_GPA + (is64Bit ? ENTRY_64_OFFSET : 0);
  // It unpacks to the preferred address, and needs init_size there: leave it the lower half of memory.
  return bootState(request, image, { entry, endGpa: Math.floor(memory.sizeBytes / 2), is64Bit });
}

function bootState(
  request: LoadRequest,
  image: BzImage,
  kernel: { readonly entry: number; readonly endGpa: number; readonly is64Bit: boolean },
): BootState {
  const { memory, modules, commandLine, memoryMap, rsdpGpa } = request;
  const initrd = placeInitrd(memory, modules, { startGpa: kernel.endGpa, endGpa: image.initrdEndGpa });
  const { setupHeader, commandLineLimitBytes } = image;
  const options = { setupHeader, commandLine, commandLineLimitBytes, initrd, memoryMap, rsdpGpa };
  const rsi = writeBootParams(memory, options);
  const enter = kernel.is64Bit ? long64BootState : protected32BootState;
  return enter(memory, { rip: kernel.entry, gprs: { rsi } });
}
