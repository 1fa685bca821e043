import { type BootState, long64BootState, protected32BootState } from './boot-state.ts';
import { dataViewOf } from './decompress/codec.ts';
import { checkCpu } from './elf-entry.ts';
import { type PlacedElf, placeUnpackedElf } from './elf-placement.ts';
import { hex, loadError, mebibytes } from './errors.ts';
import { placeInitrd } from './initrd.ts';
import { HDRS_MAGIC, LOADED_HIGH, SETUP_HEADER, writeBootParams } from './linux-boot-params.ts';
import type { KernelLoader, LoadRequest } from './load-request.ts';
import { findCodec, unpack, unpackedSizeBytes } from './unpack.ts';

const SECTOR_BYTES = 512;
const XLF_KERNEL_64 = 1 << 0;
/** The 64-bit entry of a bzImage's own protected-mode code. */
const ENTRY_64_OFFSET = 0x200;
const DEFAULT_LOAD_GPA = 0x10_0000;
/** Where a vmlinux file's first segment lies in the file: the linker's page size. */
const SEGMENT_OFFSET_BYTES = { elf64: 0x20_0000, elf32: 0x1000 } as const;
/** Kernels pack to a third or a fifth; a length far beyond that is damage, not a reason to ask for more memory. */
const PLAUSIBLE_UNPACK = { ratio: 64, slackBytes: 0x100_0000 } as const;

interface BzImage {
  readonly version: number;
  readonly is64Bit: boolean;
  readonly setupHeader: Uint8Array;
  /** The decompressor and its payload. */
  readonly protectedModeCode: Uint8Array;
  readonly payload: Uint8Array;
  readonly commandLineLimitBytes: number;
  readonly initrdEndGpa: number;
  readonly preferredGpa: number;
}

/**
 * A bzImage, whose vmlinux is unpacked here and entered at its own first instruction: without decompressor, thus
 * without KASLR. Where the payload is packed in an unknown way, the bzImage's decompressor runs in the guest.
 */
export const linuxBzImage: KernelLoader = {
  format: 'bzImage',

  accepts(kernel) {
    return kernel.length >= 0x206 && dataViewOf(kernel).getUint32(SETUP_HEADER.magic, true) === HDRS_MAGIC;
  },

  load(request) {
    const image = parseBzImage(request.kernel, request.kernelName);
    checkCpu(request, image.is64Bit);
    const codec = findCodec(image.payload);
    if (codec === undefined) return enterDecompressor(request, image);
    const kernel = unpackKernel(request, image);
    checkCpu(request, kernel.image.is64Bit);
    const entry = Number(kernel.image.entry);
    return bootState(request, image, { entry, endGpa: kernel.endGpa, is64Bit: kernel.image.is64Bit });
  },
};

function parseBzImage(kernel: Uint8Array, name: string): BzImage {
  const view = dataViewOf(kernel);
  const truncated = (what: string) =>
    loadError('VMM_KERNEL_TRUNCATED', `Kernel ${name} is truncated: ${what} is not complete`);
  const headerEnd = SETUP_HEADER.magic + kernel[SETUP_HEADER.endOffset];
  const setupBytes = ((kernel[SETUP_HEADER.setupSectors] || 4) + 1) * SECTOR_BYTES;
  if (kernel.length < Math.max(headerEnd, setupBytes)) throw truncated('the setup code');
  const version = view.getUint16(SETUP_HEADER.version, true);
  if (version < 0x0200 || (kernel[SETUP_HEADER.loadFlags] & LOADED_HIGH) === 0) {
    throw loadError(
      'VMM_KERNEL_FORMAT',
      `Kernel ${name} speaks boot protocol ${hex(version)} and loads low; a bzImage of 2.00 or later is needed`,
    );
  }
  // Fields that a shorter header does not have read as 0.
  const field = (offset: number): number => (offset + 4 <= headerEnd ? view.getUint32(offset, true) : 0);
  const protectedModeCode = kernel.subarray(setupBytes);
  const payloadOffset = field(SETUP_HEADER.payloadOffset);
  const payloadLength = field(SETUP_HEADER.payloadLength);
  if (payloadOffset + payloadLength > protectedModeCode.length) throw truncated('the payload');
  return {
    version,
    is64Bit: version >= 0x020c && (view.getUint16(SETUP_HEADER.extendedLoadFlags, true) & XLF_KERNEL_64) !== 0,
    setupHeader: kernel.subarray(SETUP_HEADER.start, headerEnd),
    protectedModeCode,
    payload: protectedModeCode.subarray(payloadOffset, payloadOffset + payloadLength),
    commandLineLimitBytes: field(SETUP_HEADER.commandLineSize) || 255,
    initrdEndGpa: (field(SETUP_HEADER.initrdAddressMax) || 0x37ff_ffff) + 1,
    preferredGpa: field(SETUP_HEADER.preferredAddress) || DEFAULT_LOAD_GPA,
  };
}

/** Unpacks to where the segments will hardly have to move. */
function unpackKernel({ memory, kernelName }: LoadRequest, { payload, is64Bit, preferredGpa }: BzImage): PlacedElf {
  const sizeBytes = unpackedSizeBytes(payload);
  const codec = findCodec(payload);
  if (codec === undefined || sizeBytes === 0 || sizeBytes > plausibleSizeBytes(payload)) {
    throw loadError(
      'VMM_KERNEL_CORRUPT',
      `Kernel ${kernelName} is damaged: ${mebibytes(payload.length)} of payload cannot hold ${mebibytes(sizeBytes)}`,
    );
  }
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

function plausibleSizeBytes(payload: Uint8Array): number {
  return payload.length * PLAUSIBLE_UNPACK.ratio + PLAUSIBLE_UNPACK.slackBytes;
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
