import type { GuestMemory } from '../memory/guest-memory.ts';
import { BOOT_LAYOUT, KERNEL_MEMORY, type KernelMemory } from './boot-layout.ts';
import { type ElfImage, type ElfSegment, PT_LOAD, parseElf } from './elf.ts';
import { hex, loadError, mebibytes } from './errors.ts';

/** A segment's place: checked to be RAM that a kernel may have. */
interface Placement {
  readonly gpa: number;
  readonly fileOffset: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
}

export interface PlacedElf {
  readonly image: ElfImage;
  /** First byte after the kernel, .bss included. */
  readonly endGpa: number;
}

/** Copies the loadable segments of an ELF file to their physical addresses and clears their .bss. */
export function placeElf(
  memory: GuestMemory,
  file: Uint8Array,
  { name, conventional }: { readonly name: string; readonly conventional: KernelMemory },
): PlacedElf {
  const image = parseElf(file, name);
  const placements = checkedPlacements(memory, image, { name, conventional });
  copyIn(memory, file, placements);
  return { image, endGpa: endOf(placements) };
}

/**
 * Like `placeElf` for an ELF file that was unpacked to `fileGpa` in guest memory: segments slide to their places.
 * A kernel unpacked in the right spot hardly moves, which saves a copy of some 50 MiB in host memory.
 */
export function placeUnpackedElf(
  memory: GuestMemory,
  unpacked: { readonly gpa: number; readonly sizeBytes: number },
  name: string,
): PlacedElf {
  const fileEnd = unpacked.gpa + unpacked.sizeBytes;
  const file = memory.bytes.subarray(unpacked.gpa, fileEnd);
  const image = parseElf(file, name);
  const placements = checkedPlacements(memory, image, { name, conventional: 'paged' });
  const clearFrom = unpacked.gpa;
  if (onlySlidesDown(placements, unpacked.gpa)) {
    let cleared = clearFrom;
    for (const { gpa, fileOffset, fileBytes } of placements) {
      memory.bytes.copyWithin(gpa, unpacked.gpa + fileOffset, unpacked.gpa + fileOffset + fileBytes);
      if (gpa > cleared) memory.bytes.fill(0, cleared, gpa);
      cleared = gpa + fileBytes;
    }
    memory.bytes.fill(0, cleared, Math.max(fileEnd, endOf(placements)));
  } else {
    const copy = file.slice();
    file.fill(0);
    copyIn(memory, copy, placements);
  }
  return { image, endGpa: endOf(placements) };
}

/** Whether moving in address order never overwrites what is still to be moved. */
function onlySlidesDown(placements: readonly Placement[], fileGpa: number): boolean {
  return placements.every((placement, i) => {
    const next = placements[i + 1];
    return (
      placement.gpa <= fileGpa + placement.fileOffset &&
      (next === undefined ||
        (placement.gpa + placement.memoryBytes <= next.gpa && placement.fileOffset < next.fileOffset))
    );
  });
}

function copyIn(memory: GuestMemory, file: Uint8Array, placements: readonly Placement[]): void {
  for (const { gpa, fileOffset, fileBytes, memoryBytes } of placements) {
    memory.bytes.set(file.subarray(fileOffset, fileOffset + fileBytes), gpa);
    memory.bytes.fill(0, gpa + fileBytes, gpa + memoryBytes);
  }
}

function endOf(placements: readonly Placement[]): number {
  return placements.reduce((end, { gpa, memoryBytes }) => Math.max(end, gpa + memoryBytes), 0);
}

interface Kernel {
  readonly name: string;
  readonly conventional: KernelMemory;
}

function checkedPlacements(memory: GuestMemory, image: ElfImage, kernel: Kernel): Placement[] {
  const loadable = image.segments.filter((segment) => segment.type === PT_LOAD && segment.memoryBytes > 0);
  if (loadable.length === 0) throw loadError('VMM_KERNEL_CORRUPT', `Kernel ${kernel.name} has no ELF segment to load`);
  return loadable.map((segment) => checkedPlacement(memory, segment, kernel)).sort((a, b) => a.gpa - b.gpa);
}

function checkedPlacement(memory: GuestMemory, segment: ElfSegment, kernel: Kernel): Placement {
  const { fileOffset, fileBytes, memoryBytes, physicalAddress } = segment;
  const gpa = Number(physicalAddress);
  checkKernelRange(memory, gpa, { ...kernel, sizeBytes: memoryBytes });
  return { gpa, fileOffset, fileBytes, memoryBytes };
}

/** Throws unless the range is RAM that a kernel may be loaded to. */
export function checkKernelRange(
  memory: GuestMemory,
  gpa: number,
  { sizeBytes, name, conventional }: Kernel & { readonly sizeBytes: number },
): void {
  const { extendedGpa } = BOOT_LAYOUT;
  const end = gpa + sizeBytes;
  const ranges = KERNEL_MEMORY[conventional];
  const isFree =
    gpa >= extendedGpa ? end <= 0x1_0000_0000 : ranges.some((range) => gpa >= range.gpa && end <= range.endGpa);
  if (!isFree) {
    const low = ranges.map((range) => `${hex(range.gpa)} to ${hex(range.endGpa)}`).join(', ');
    throw loadError(
      'VMM_KERNEL_RANGE',
      `Kernel ${name} asks for memory from ${hex(gpa)} to ${hex(end)}; ` +
        `kernels may use ${low}, and RAM from ${hex(extendedGpa)}`,
    );
  }
  if (end > memory.sizeBytes) {
    throw loadError(
      'VMM_MEMORY_TOO_SMALL',
      `Kernel ${name} needs ${mebibytes(end)} of guest memory; the machine has ${mebibytes(memory.sizeBytes)}`,
    );
  }
}
