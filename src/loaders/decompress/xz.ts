import { undoBcjX86 } from './bcj-x86.ts';
import { corruptUnless, dataViewOf } from './codec.ts';
import { crc32 } from './crc32.ts';
import { LzmaDecoder } from './lzma-decoder.ts';

// The .xz file format 1.2.1, https://tukaani.org/xz/xz-file-format.txt. Section numbers are its.
const STREAM_HEADER_BYTES = 12;
const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;
const CHECK_CRC32 = 1;
/** §2.1.1.2: bytes of a block's check, by the low four bits of the stream flags. */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

interface BlockHeader {
  readonly endPosition: number;
  readonly hasX86Filter: boolean;
}

export function decompressXz(packed: Uint8Array, output: Uint8Array): void {
  corruptUnless(packed.length > STREAM_HEADER_BYTES, 'xz: the data end in the stream header');
  const checkId = packed[7] & 15;
  let position = STREAM_HEADER_BYTES;
  const decoder = new LzmaDecoder(output);
  while (decoder.written < output.length) {
    corruptUnless(packed[position] > 0, 'xz: fewer data than announced'); // 0 starts the index
    const header = parseBlockHeader(packed, position);
    const blockStart = decoder.written;
    position = decodeLzma2(decoder, packed, header.endPosition);
    const block = output.subarray(blockStart, decoder.written);
    corruptUnless(block.length > 0, 'xz: empty block');
    if (header.hasX86Filter) undoBcjX86(block);
    position = (position + 3) & ~3; // §3.3 Block Padding
    if (checkId === CHECK_CRC32) {
      corruptUnless(position + 4 <= packed.length, 'xz: the data end before the check');
      corruptUnless(dataViewOf(packed).getUint32(position, true) === crc32(block), 'xz: CRC-32 differs');
    }
    position += CHECK_BYTES[checkId];
  }
}

/** §3.1 Block Header. Two chains are understood: LZMA2, and the x86 branch filter before LZMA2. */
function parseBlockHeader(packed: Uint8Array, start: number): BlockHeader {
  const sizeBytes = (packed[start] + 1) * 4;
  const endPosition = start + sizeBytes;
  corruptUnless(endPosition <= packed.length, 'xz: the data end in a block header');
  const storedCrc = dataViewOf(packed).getUint32(endPosition - 4, true);
  corruptUnless(storedCrc === crc32(packed.subarray(start, endPosition - 4)), 'xz: CRC-32 of a block header differs');
  const flags = packed[start + 1];
  let position = start + 2;
  /** Steps over an integer of §1.2; what matters here has one byte, so the first one is enough. */
  const nextInteger = (): number => {
    const first = packed[position];
    while (position < endPosition && packed[position] >= 0x80) position++;
    position++;
    return first;
  };
  if (flags & 0x40) nextInteger(); // compressed size
  if (flags & 0x80) nextInteger(); // uncompressed size
  const filters: number[] = [];
  for (let count = (flags & 3) + 1; count > 0; count--) {
    filters.push(nextInteger());
    const propertyBytes = nextInteger();
    // A start offset other than zero is possible for the x86 filter, but nothing writes one.
    corruptUnless(filters.at(-1) !== FILTER_X86 || propertyBytes === 0, 'xz: x86 filter with a start offset');
    position += propertyBytes;
  }
  const hasX86Filter = filters[0] === FILTER_X86;
  corruptUnless(
    filters.at(-1) === FILTER_LZMA2 && filters.length === (hasX86Filter ? 2 : 1),
    `xz: unknown filter chain ${filters}`,
  );
  return { endPosition, hasX86Filter };
}

/** §5.3.1 LZMA2: chunks that reset more or less of the decoder's state. Returns the position after the end marker. */
function decodeLzma2(decoder: LzmaDecoder, packed: Uint8Array, start: number): number {
  const view = dataViewOf(packed);
  let position = start;
  for (let isFirst = true; ; isFirst = false) {
    corruptUnless(position < packed.length, 'xz: the data end in a block');
    const control = packed[position];
    if (control === 0x00) return position + 1;
    corruptUnless(position + 6 <= packed.length, 'xz: the data end in a chunk header');
    const resetsDictionary = control === 0x01 || control >= 0xe0;
    corruptUnless(resetsDictionary || !isFirst, 'xz: the first chunk keeps the dictionary');
    if (resetsDictionary) decoder.resetDictionary();
    if (control < 0x80) {
      corruptUnless(control <= 0x02, 'xz: unknown chunk type');
      const end = position + 3 + view.getUint16(position + 1) + 1;
      corruptUnless(end <= packed.length, 'xz: the data end in a stored chunk');
      decoder.copyStored(packed.subarray(position + 3, end));
      position = end;
      continue;
    }
    const unpackedBytes = (((control & 0x1f) << 16) | view.getUint16(position + 1)) + 1;
    const packedBytes = view.getUint16(position + 3) + 1;
    position += 5;
    if (control >= 0xc0) decoder.setProperties(packed[position++]);
    if (control >= 0xa0) decoder.resetState();
    corruptUnless(position + packedBytes <= packed.length, 'xz: the data end in a chunk');
    const wanted = decoder.written + unpackedBytes;
    decoder.decode(packed.subarray(position, position + packedBytes), wanted);
    corruptUnless(decoder.written === wanted, 'xz: a chunk is shorter than announced');
    position += packedBytes;
  }
}
