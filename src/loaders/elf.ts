import { dataViewOf } from './decompress/codec.ts';
import { hex, loadError } from './errors.ts';

// Tool Interface Standard, ELF Specification 1.2; System V ABI, AMD64 supplement. Little-endian executables for x86.
const CLASS_32 = 1;
const LITTLE_ENDIAN = 1;
const TYPES = [2, 3]; // ET_EXEC, ET_DYN
const MACHINES: readonly number[] = [3, 62]; // EM_386, EM_X86_64
export const PT_LOAD = 1;
const PT_NOTE = 4;

export interface ElfSegment {
  readonly type: number;
  readonly fileOffset: number;
  readonly fileBytes: number;
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  readonly memoryBytes: number;
}

export interface ElfImage {
  readonly is64Bit: boolean;
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
}

export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && dataViewOf(bytes).getUint32(0) === 0x7f45_4c46;
}

/** Reads ELF header and program headers; every segment's file part lies within `bytes`. */
export function parseElf(bytes: Uint8Array, name: string): ElfImage {
  const view = dataViewOf(bytes);
  if (bytes.length < 52) throw truncated(name, 'the ELF header');
  const is64Bit = bytes[4] !== CLASS_32;
  if (is64Bit && bytes.length < 64) throw truncated(name, 'the ELF header');
  const type = view.getUint16(16, true);
  const machine = view.getUint16(18, true);
  if (bytes[4] > 2 || bytes[5] !== LITTLE_ENDIAN || !TYPES.includes(type) || !MACHINES.includes(machine)) {
    throw loadError(
      'VMM_KERNEL_FORMAT',
      `Kernel ${name} is an ELF file of type ${type} for machine ${machine}; an executable (2 or 3) for x86 (3 or 62) is needed`,
    );
  }
  const entry = is64Bit ? view.getBigUint64(24, true) : BigInt(view.getUint32(24, true));
  const tableOffset = is64Bit ? Number(view.getBigUint64(32, true)) : view.getUint32(28, true);
  const entryBytes = view.getUint16(is64Bit ? 54 : 42, true);
  const count = view.getUint16(is64Bit ? 56 : 44, true);
  if (entryBytes < (is64Bit ? 56 : 32)) {
    throw loadError('VMM_KERNEL_CORRUPT', `Kernel ${name} has ELF program headers of ${entryBytes} bytes`);
  }
  if (tableOffset + count * entryBytes > bytes.length) throw truncated(name, 'the ELF program headers');
  const segments = Array.from({ length: count }, (_, i) =>
    (is64Bit ? parseSegment64 : parseSegment32)(view, tableOffset + i * entryBytes),
  );
  for (const segment of segments) {
    if (segment.type !== PT_LOAD && segment.type !== PT_NOTE) continue;
    if (segment.fileOffset + segment.fileBytes > bytes.length) {
      throw truncated(name, `the ELF segment at ${hex(segment.physicalAddress)}`);
    }
    if (segment.type === PT_LOAD && segment.fileBytes > segment.memoryBytes) {
      throw loadError(
        'VMM_KERNEL_CORRUPT',
        `Kernel ${name} has an ELF segment with more bytes in the file than in memory`,
      );
    }
  }
  return { is64Bit, entry, segments };
}

function truncated(name: string, what: string): Error {
  return loadError('VMM_KERNEL_TRUNCATED', `Kernel ${name} is truncated: ${what} is not complete`);
}

function parseSegment64(view: DataView, offset: number): ElfSegment {
  return {
    type: view.getUint32(offset, true),
    fileOffset: Number(view.getBigUint64(offset + 8, true)),
    virtualAddress: view.getBigUint64(offset + 16, true),
    physicalAddress: view.getBigUint64(offset + 24, true),
    fileBytes: Number(view.getBigUint64(offset + 32, true)),
    memoryBytes: Number(view.getBigUint64(offset + 40, true)),
  };
}

function parseSegment32(view: DataView, offset: number): ElfSegment {
  return {
    type: view.getUint32(offset, true),
    fileOffset: view.getUint32(offset + 4, true),
    virtualAddress: BigInt(view.getUint32(offset + 8, true)),
    physicalAddress: BigInt(view.getUint32(offset + 12, true)),
    fileBytes: view.getUint32(offset + 16, true),
    memoryBytes: view.getUint32(offset + 20, true),
  };
}

/** All notes of all PT_NOTE segments. A damaged note ends its segment. */
export function elfNotes(bytes: Uint8Array, image: ElfImage): ElfNote[] {
  const notes: ElfNote[] = [];
  for (const segment of image.segments) {
    if (segment.type !== PT_NOTE) continue;
    const data = bytes.subarray(segment.fileOffset, segment.fileOffset + segment.fileBytes);
    const view = dataViewOf(data);
    for (let offset = 0; offset + 12 <= data.length; ) {
      const ownerBytes = view.getUint32(offset, true);
      const descriptorBytes = view.getUint32(offset + 4, true);
      const descriptorOffset = offset + 12 + alignUp4(ownerBytes);
      const end = descriptorOffset + descriptorBytes;
      if (end > data.length) break;
      const owner = String.fromCharCode(...data.subarray(offset + 12, offset + 12 + Math.min(ownerBytes, 64)));
      notes.push({
        owner: owner.replace(/\0.*$/s, ''),
        type: view.getUint32(offset + 8, true),
        descriptor: data.subarray(descriptorOffset, end),
      });
      offset = descriptorOffset + alignUp4(descriptorBytes);
    }
  }
  return notes;
}

function alignUp4(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4;
}
