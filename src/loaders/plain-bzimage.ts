import { checkedUnpackedSize, isBzImage, parseBzImage } from './bzimage.ts';
import { dataViewOf } from './decompress/codec.ts';
import { type ElfSegment, PT_LOAD, parseElf } from './elf.ts';
import { SETUP_HEADER } from './linux-boot-params.ts';
import { findCodec, unpack } from './unpack.ts';

/**
 * The same kernel with its vmlinux unpacked, for a cache: to load it takes a copy instead of a tenth of a second or
 * more. The setup header stays, the decompressor goes. Null for what is no bzImage, or packed in an unknown way.
 */
export function plainBzImage(kernel: Uint8Array, name: string): Uint8Array | null {
  if (!isBzImage(kernel)) return null;
  const image = parseBzImage(kernel, name);
  const codec = findCodec(image.payload);
  if (codec === undefined) return null;
  const vmlinux = new Uint8Array(checkedUnpackedSize(image, name));
  unpack(codec, image.payload, vmlinux);
  const elf = loadableElf(vmlinux, name);
  const setupBytes = kernel.length - image.protectedModeCode.length;
  const plain = new Uint8Array(setupBytes + elf.length);
  plain.set(kernel.subarray(0, setupBytes));
  plain.set(elf, setupBytes);
  const view = dataViewOf(plain);
  view.setUint32(SETUP_HEADER.payloadOffset, 0, true);
  view.setUint32(SETUP_HEADER.payloadLength, elf.length, true);
  return plain;
}

/** Offsets in the ELF header. */
const HEADERS = {
  32: { headerBytes: 52, entryBytes: 32, tableOffset: 28, sections: 32, entrySize: 42, count: 44, sectionCount: 48 },
  64: { headerBytes: 64, entryBytes: 56, tableOffset: 32, sections: 40, entrySize: 54, count: 56, sectionCount: 60 },
} as const;

/** An ELF file of the segments to load alone, one after the other, without the zeros at their ends. */
function loadableElf(file: Uint8Array, name: string): Uint8Array {
  const image = parseElf(file, name);
  const layout = HEADERS[image.is64Bit ? 64 : 32];
  const loadable = image.segments.filter(({ type }) => type === PT_LOAD);
  let fileOffset = layout.headerBytes + loadable.length * layout.entryBytes;
  const segments = loadable.map((segment) => {
    const data = withoutZeros(file.subarray(segment.fileOffset, segment.fileOffset + segment.fileBytes));
    const placed = { data, segment: { ...segment, fileOffset, fileBytes: data.length } };
    fileOffset += data.length;
    return placed;
  });
  const elf = new Uint8Array(fileOffset);
  elf.set(file.subarray(0, layout.headerBytes));
  const view = dataViewOf(elf);
  elf.fill(0, layout.tableOffset, layout.sections);
  view.setUint32(layout.tableOffset, layout.headerBytes, true);
  view.setUint16(layout.entrySize, layout.entryBytes, true);
  view.setUint16(layout.count, loadable.length, true);
  elf.fill(0, layout.sections, layout.sections + (image.is64Bit ? 8 : 4));
  view.setUint32(layout.sectionCount, 0, true); // and the index of their names
  segments.forEach(({ data, segment }, i) => {
    const offset = layout.headerBytes + i * layout.entryBytes;
    (image.is64Bit ? writeSegment64 : writeSegment32)(view, offset, segment);
    elf.set(data, segment.fileOffset);
  });
  return elf;
}

function withoutZeros(data: Uint8Array): Uint8Array {
  let length = data.length;
  while (length > 0 && data[length - 1] === 0) length--;
  return data.subarray(0, length);
}

function writeSegment64(view: DataView, offset: number, segment: ElfSegment): void {
  view.setUint32(offset, segment.type, true);
  view.setBigUint64(offset + 8, BigInt(segment.fileOffset), true);
  view.setBigUint64(offset + 16, segment.virtualAddress, true);
  view.setBigUint64(offset + 24, segment.physicalAddress, true);
  view.setBigUint64(offset + 32, BigInt(segment.fileBytes), true);
  view.setBigUint64(offset + 40, BigInt(segment.memoryBytes), true);
}

function writeSegment32(view: DataView, offset: number, segment: ElfSegment): void {
  view.setUint32(offset, segment.type, true);
  view.setUint32(offset + 4, segment.fileOffset, true);
  view.setUint32(offset + 8, Number(segment.virtualAddress), true);
  view.setUint32(offset + 12, Number(segment.physicalAddress), true);
  view.setUint32(offset + 16, segment.fileBytes, true);
  view.setUint32(offset + 20, segment.memoryBytes, true);
}
