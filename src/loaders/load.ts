import type { BootState } from './boot-state.ts';
import { elfEntry } from './elf-entry.ts';
import { elfPvh } from './elf-pvh.ts';
import { loadError, mebibytes } from './errors.ts';
import { linuxBzImage } from './linux-bzimage.ts';
import type { KernelLoader, LoadRequest } from './load-request.ts';
import { multiboot } from './multiboot.ts';
import { findCodec, unpack, unpackedSizeBytes } from './unpack.ts';

/** In order of trial. A new format is a new row. */
export const KERNEL_LOADERS: readonly KernelLoader[] = [linuxBzImage, multiboot, elfPvh, elfEntry];

/** Boot information, a kernel and its initrd do not fit in less. */
const MIN_MEMORY_BYTES = 0x20_0000;

export interface LoadedGuest {
  readonly boot: BootState;
  /** `format` of the loader that took the kernel. */
  readonly format: string;
}

/** Puts kernel and initrd into guest memory and says how to enter. Throws `VmmError` for what cannot be loaded. */
export function loadGuest(request: LoadRequest): LoadedGuest {
  const { memory, kernelName, modules } = request;
  if (request.kernel.length === 0) throw loadError('VMM_KERNEL_EMPTY', `Kernel ${kernelName} is empty`);
  for (const { name, bytes } of modules) {
    if (bytes.length === 0) throw loadError('VMM_INITRD_EMPTY', `Initrd ${name} is empty`);
  }
  if (memory.sizeBytes < MIN_MEMORY_BYTES) {
    throw loadError(
      'VMM_MEMORY_TOO_SMALL',
      `The machine has ${mebibytes(memory.sizeBytes)} of memory; loading a kernel takes at least ${mebibytes(MIN_MEMORY_BYTES)}`,
    );
  }
  const kernel = gunzipped(request);
  const loader = KERNEL_LOADERS.find((candidate) => candidate.accepts(kernel));
  if (loader === undefined) {
    const formats = KERNEL_LOADERS.map((candidate) => candidate.format).join(', ');
    throw loadError('VMM_KERNEL_FORMAT', `Kernel ${kernelName} is in no format that can be loaded: ${formats}`);
  }
  return { boot: loader.load({ ...request, kernel }), format: loader.format };
}

/** A kernel file may come packed with gzip as a whole, as boot loaders accept it. */
function gunzipped({ kernel, kernelName, memory }: LoadRequest): Uint8Array {
  const codec = findCodec(kernel);
  if (codec === undefined || !codec.endsWithSize) return kernel;
  const sizeBytes = unpackedSizeBytes(kernel);
  if (sizeBytes > memory.sizeBytes) {
    throw loadError(
      'VMM_MEMORY_TOO_SMALL',
      `Kernel ${kernelName} unpacks to ${mebibytes(sizeBytes)}; the machine has ${mebibytes(memory.sizeBytes)}`,
    );
  }
  const unpacked = new Uint8Array(sizeBytes);
  unpack(codec, kernel, unpacked);
  return unpacked;
}
