import type { GuestMemory } from '../memory/guest-memory.ts';
import { BootArea, commandLineError, encodeUtf8 } from './boot-area.ts';
import { BOOT_LAYOUT, type MemoryRange } from './boot-layout.ts';
import type { InitrdRange } from './initrd.ts';

/** Offsets in the setup header, alike in a bzImage and in boot_params. Linux Documentation/arch/x86/boot.rst. */
export const SETUP_HEADER = {
  start: 0x1f1,
  setupSectors: 0x1f1, // u8
  bootFlag: 0x1fe, // u16: 0xAA55
  endOffset: 0x201, // u8, from 0x202
  magic: 0x202, // "HdrS"
  version: 0x206, // u16
  typeOfLoader: 0x210, // u8
  loadFlags: 0x211, // u8
  ramdiskImage: 0x218, // u32
  ramdiskSize: 0x21c, // u32
  commandLinePointer: 0x228, // u32
  initrdAddressMax: 0x22c, // u32, since 2.03
  extendedLoadFlags: 0x236, // u16, since 2.12
  commandLineSize: 0x238, // u32, since 2.06
  payloadOffset: 0x248, // u32, since 2.08
  payloadLength: 0x24c, // u32, since 2.08
  preferredAddress: 0x258, // u64, since 2.10
} as const;

export const LOADED_HIGH = 1 << 0;
const KASLR_FLAG = 1 << 1;
const KEEP_SEGMENTS = 1 << 6;
const LOADER_UNDEFINED = 0xff;
const BOOT_FLAG = 0xaa55;
export const HDRS_MAGIC = 0x5372_6448;

/** Offsets in boot_params. Linux Documentation/arch/x86/zero-page.rst. */
const BOOT_PARAMS = { acpiRsdp: 0x070, e820Count: 0x1e8, e820Table: 0x2d0 } as const;
const E820_ENTRY_BYTES = 20;

export interface BootParamsOptions {
  /** A bzImage's setup header from offset 0x1F1, or null for a kernel that comes without. */
  readonly setupHeader: Uint8Array | null;
  readonly commandLine: string;
  readonly commandLineLimitBytes: number;
  readonly initrd: InitrdRange;
  readonly memoryMap: readonly MemoryRange[];
  readonly rsdpGpa: number;
}

/** Writes boot_params and the command line; returns boot_params' gpa. */
export function writeBootParams(memory: GuestMemory, options: BootParamsOptions): number {
  const { setupHeader, commandLine, commandLineLimitBytes, initrd, memoryMap, rsdpGpa } = options;
  const lengthBytes = encodeUtf8(commandLine).length;
  if (lengthBytes > commandLineLimitBytes) {
    throw commandLineError('The kernel command line', lengthBytes, commandLineLimitBytes);
  }
  const commandLineGpa = BootArea.strings(memory).string(commandLine, 'The kernel command line');

  const base = BOOT_LAYOUT.bootParamsGpa;
  memory.bytes.fill(0, base, base + BOOT_LAYOUT.bootParamsBytes);
  if (setupHeader === null) {
    memory.writeU16(base + SETUP_HEADER.bootFlag, BOOT_FLAG);
    memory.writeU32(base + SETUP_HEADER.magic, HDRS_MAGIC);
    memory.writeU16(base + SETUP_HEADER.version, 0x020f);
    memory.writeU8(base + SETUP_HEADER.loadFlags, LOADED_HIGH);
  } else {
    memory.load(base + SETUP_HEADER.start, setupHeader, 'setup header');
  }
  const loadFlagsGpa = base + SETUP_HEADER.loadFlags;
  memory.writeU8(loadFlagsGpa, memory.readU8(loadFlagsGpa) & ~(KASLR_FLAG | KEEP_SEGMENTS));
  memory.writeU8(base + SETUP_HEADER.typeOfLoader, LOADER_UNDEFINED);
  memory.writeU32(base + SETUP_HEADER.ramdiskImage, initrd.gpa);
  memory.writeU32(base + SETUP_HEADER.ramdiskSize, initrd.sizeBytes);
  memory.writeU32(base + SETUP_HEADER.commandLinePointer, commandLineGpa);
  memory.writeU64(base + BOOT_PARAMS.acpiRsdp, BigInt(rsdpGpa));
  memory.writeU8(base + BOOT_PARAMS.e820Count, memoryMap.length);
  memoryMap.forEach((range, i) => {
    const entry = base + BOOT_PARAMS.e820Table + i * E820_ENTRY_BYTES;
    memory.writeU64(entry, BigInt(range.gpa));
    memory.writeU64(entry + 8, BigInt(range.sizeBytes));
    memory.writeU32(entry + 16, range.type);
  });
  return base;
}
