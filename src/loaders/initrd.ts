import type { GuestMemory } from '../memory/guest-memory.ts';
import { BOOT_LAYOUT } from './boot-layout.ts';
import { loadError, mebibytes } from './errors.ts';
import type { GuestModule } from './load-request.ts';

const PAGE_BYTES = 0x1000;

export interface InitrdRange {
  readonly gpa: number;
  readonly sizeBytes: number;
}

/** Where an initrd may go. */
export interface InitrdWindow {
  /** First byte after the kernel. */
  readonly startGpa: number;
  /** One past the last byte that the kernel can take. */
  readonly endGpa: number;
}

/**
 * Puts the modules one after another at the top of the window: Linux takes concatenated archives for one, if each
 * starts at a multiple of 4 (Documentation/driver-api/early-userspace/buffer-format.rst). Zero bytes if there are none.
 */
export function placeInitrd(memory: GuestMemory, modules: readonly GuestModule[], window: InitrdWindow): InitrdRange {
  const sizeBytes = modules.reduce((sum, module) => sum + alignUp(module.bytes.length, 4), 0);
  if (sizeBytes === 0) return { gpa: 0, sizeBytes: 0 };
  const endGpa = Math.min(window.endGpa, memory.sizeBytes);
  const gpa = Math.floor((endGpa - sizeBytes) / PAGE_BYTES) * PAGE_BYTES;
  if (gpa < window.startGpa) throw initrdError(modules, Math.max(0, endGpa - window.startGpa), memory);
  let next = gpa;
  for (const { bytes, name } of modules) {
    memory.load(next, bytes, name);
    next += alignUp(bytes.length, 4);
    memory.bytes.fill(0, next - (alignUp(bytes.length, 4) - bytes.length), next);
  }
  return { gpa, sizeBytes };
}

/** Puts each module on pages of its own above the kernel and 1 MiB, as multiboot and PVH want it. */
export function placeModules(
  memory: GuestMemory,
  modules: readonly GuestModule[],
  kernelEndGpa: number,
): InitrdRange[] {
  const startGpa = Math.max(kernelEndGpa, BOOT_LAYOUT.extendedGpa);
  let next = alignUp(startGpa, PAGE_BYTES);
  return modules.map(({ bytes, name }) => {
    if (next + bytes.length > memory.sizeBytes) throw initrdError(modules, memory.sizeBytes - startGpa, memory);
    const range = { gpa: next, sizeBytes: bytes.length };
    memory.load(next, bytes, name);
    next = alignUp(next + bytes.length, PAGE_BYTES);
    return range;
  });
}

function initrdError(modules: readonly GuestModule[], roomBytes: number, memory: GuestMemory): Error {
  const sizeBytes = modules.reduce((sum, module) => sum + module.bytes.length, 0);
  return loadError(
    'VMM_INITRD_RANGE',
    `Initrd ${modules.map((module) => module.name).join(', ')} has ${mebibytes(sizeBytes)}; beside the kernel there is room ` +
      `for ${Math.floor(roomBytes / 0x10_0000)} MiB of the machine's ${mebibytes(memory.sizeBytes)}`,
  );
}

function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
