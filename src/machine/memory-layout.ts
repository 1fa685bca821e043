import { BOOT_LAYOUT, MEMORY_RANGE_TYPE, type MemoryRange } from '../loaders/boot-layout.ts';

/*
 * Guest-physical memory. RAM is one run from 0; device windows in it are routed before RAM is asked.
 *
 *   0xFFFF_FFFF  +------------------------------+
 *                |  firmware ROM (if any)       |
 *   0xFEE0_0000  |  local APIC, MSI (1 MiB)     |
 *   0xFED0_0000  |  HPET (1 KiB, if any)        |
 *   0xFEC0_0000  |  I/O APIC (4 KiB)            |
 *   0xE000_0000  |  device window               |  PCI BARs, virtio-mmio, ECAM
 *                +------------------------------+
 *    end of RAM  |  initrd, modules (downwards) |
 *                |  RAM                         |
 *   0x0100_0000  |  Linux is linked for here    |
 *   0x0010_0000  +------------------------------+
 *   0x000F_0000  |  RSDP and ACPI tables        |  plain RAM, reported as reserved
 *   0x000C_0000  |  option ROMs                 |
 *   0x000A_0000  |  VGA memory                  |
 *   0x0009_FC00  |  extended BIOS data area     |
 *                +------------------------------+
 *   0x0002_0000  |  conventional memory, free   |
 *   0x0001_0000  |  command line, strings       |  \
 *   0x0000_9000  |  page tables (6 pages)       |   |
 *   0x0000_8000  |  boot stack                  |   |  src/loaders/boot-layout.ts:
 *   0x0000_7000  |  Linux boot_params           |   |  for the kernel's first instructions
 *   0x0000_1000  |  PVH or multiboot info       |   |
 *   0x0000_0500  |  GDT                         |  /
 *   0x0000_0400  |  BIOS data area              |
 *   0x0000_0000  |  real-mode interrupt vectors |
 *                +------------------------------+
 */
export const MEMORY_LAYOUT = {
  ebdaGpa: BOOT_LAYOUT.conventionalEndGpa,
  vgaGpa: 0xa_0000,
  optionRomGpa: 0xc_0000,
  /** RSDP first: operating systems search 0xE0000 to 0xFFFFF on 16-byte boundaries. ACPI 6.5 §5.2.5.1. */
  acpiGpa: 0xf_0000,
  acpiEndGpa: 0x10_0000,
  extendedGpa: BOOT_LAYOUT.extendedGpa,
  /** RAM never reaches into the device window. */
  ramLimitGpa: 0xe000_0000,
  deviceWindowGpa: 0xe000_0000,
  ioapicGpa: 0xfec0_0000,
  hpetGpa: 0xfed0_0000,
  lapicGpa: 0xfee0_0000,
} as const;

/** The memory map of a machine with so much RAM, as the BIOS function E820 would tell it, in address order. */
export function e820(ramBytes: number): MemoryRange[] {
  const { ram, reserved } = MEMORY_RANGE_TYPE;
  const { ebdaGpa, vgaGpa, acpiGpa, acpiEndGpa, extendedGpa } = MEMORY_LAYOUT;
  return [
    { gpa: 0, sizeBytes: ebdaGpa, type: ram },
    { gpa: ebdaGpa, sizeBytes: vgaGpa - ebdaGpa, type: reserved },
    { gpa: acpiGpa, sizeBytes: acpiEndGpa - acpiGpa, type: reserved },
    { gpa: extendedGpa, sizeBytes: ramBytes - extendedGpa, type: ram },
  ];
}
