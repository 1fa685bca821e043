/**
 * Where loaders put what a kernel finds at its entry. All of it lies in conventional memory, that kernels take for
 * their own once they have read it. src/machine/memory-layout.ts draws the whole map.
 */
export const BOOT_LAYOUT = {
  /** Boot GDT: null, null, code, data, TSS. */
  gdtGpa: 0x0500,
  /** PVH start info or multiboot information, with memory map and module list. */
  infoGpa: 0x1000,
  infoEndGpa: 0x7000,
  /** Linux boot_params, the "zero page". */
  bootParamsGpa: 0x7000,
  bootParamsBytes: 0x1000,
  /** The stack grows down from here; kernels switch to their own at once. */
  stackTopGpa: 0x9000,
  /** PML4, PDPT, four page directories: identity map of 4 GiB in 2 MiB pages. */
  pageTablesGpa: 0x9000,
  pageTablesEndGpa: 0xf000,
  /** Command line and module strings, each ended by a zero byte. */
  stringsGpa: 0x1_0000,
  stringsEndGpa: 0x2_0000,
  /** End of conventional memory: the extended BIOS data area, video memory and ROMs follow. */
  conventionalEndGpa: 0x9_fc00,
  extendedGpa: 0x10_0000,
} as const;

/** Conventional memory that the segments of kernels may use: what the loader writes for them lies elsewhere. */
export const KERNEL_MEMORY = {
  /** Of those that start in 64-bit mode: there are page tables. */
  paged: [{ gpa: 0x2_0000, endGpa: 0x9_fc00 }],
  /** Of those that start without paging and without boot_params. */
  unpaged: [
    { gpa: 0x7000, endGpa: 0x1_0000 },
    { gpa: 0x2_0000, endGpa: 0x9_fc00 },
  ],
} as const;
export type KernelMemory = keyof typeof KERNEL_MEMORY;

/** Address range types of ACPI 6.5 table 15.4 "Address Range Types". */
export const MEMORY_RANGE_TYPE = { ram: 1, reserved: 2, acpiReclaimable: 3, acpiNvs: 4 } as const;
export type MemoryRangeType = (typeof MEMORY_RANGE_TYPE)[keyof typeof MEMORY_RANGE_TYPE];

/** One range of the memory map that a kernel gets (e820, PVH memory map, multiboot mmap). */
export interface MemoryRange {
  readonly gpa: number;
  readonly sizeBytes: number;
  readonly type: MemoryRangeType;
}
