import { gunzipSync } from 'fflate';
import { decompress as decompressZstd } from 'fzstd';
import { decompressBzip2 } from './decompress/bzip2.ts';
import { corruptUnless, type Decompress, dataViewOf } from './decompress/codec.ts';
import { decompressLz4Legacy } from './decompress/lz4.ts';
import { decompressLzmaAlone } from './decompress/lzma-alone.ts';
import { decompressLzop } from './decompress/lzo.ts';
import { decompressXz } from './decompress/xz.ts';
import { hex, loadError } from './errors.ts';

export interface Codec {
  readonly name: string;
  readonly magic: readonly number[];
  /** Linux appends the unpacked length (u32, little-endian) to every format that does not end with it anyway. */
  readonly endsWithSize: boolean;
  readonly decompress: Decompress;
}

/** Linux scripts/Makefile.lib "Compression": what a bzImage's payload may be packed with. */
export const CODECS: readonly Codec[] = [
  { name: 'gzip', magic: [0x1f, 0x8b, 0x08], endsWithSize: true, decompress: viaLibrary(gunzip) },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], endsWithSize: false, decompress: decompressXz },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], endsWithSize: false, decompress: viaLibrary(decompressZstd) },
  { name: 'lz4', magic: [0x02, 0x21, 0x4c, 0x18], endsWithSize: false, decompress: decompressLz4Legacy },
  { name: 'lzo', magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00], endsWithSize: false, decompress: decompressLzop },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], endsWithSize: false, decompress: decompressBzip2 },
  { name: 'lzma', magic: [0x5d, 0x00, 0x00], endsWithSize: false, decompress: decompressLzmaAlone },
];

function gunzip(packed: Uint8Array, output: Uint8Array): Uint8Array {
  return gunzipSync(packed, { out: output });
}

function viaLibrary(decompress: (packed: Uint8Array, output: Uint8Array) => Uint8Array): Decompress {
  return (packed, output) => {
    const unpacked = decompress(packed, output);
    corruptUnless(unpacked.length === output.length, 'fewer data than announced');
  };
}

export function findCodec(packed: Uint8Array): Codec | undefined {
  return CODECS.find((codec) => codec.magic.every((byte, i) => packed[i] === byte));
}

/** The unpacked length that the last four bytes of a kernel's payload say. */
export function unpackedSizeBytes(packed: Uint8Array): number {
  return packed.length < 4 ? 0 : dataViewOf(packed).getUint32(packed.length - 4, true);
}

/** Unpacks a kernel's payload into `output`, which has exactly `unpackedSizeBytes(packed)` bytes. */
export function unpack(codec: Codec, packed: Uint8Array, output: Uint8Array): void {
  try {
    codec.decompress(codec.endsWithSize ? packed : packed.subarray(0, -4), output);
  } catch (cause) {
    throw loadError(
      'VMM_KERNEL_CORRUPT',
      `The kernel's ${codec.name} payload (${hex(packed.length)} bytes, ${hex(output.length)} unpacked) is damaged: ${
        cause instanceof Error ? cause.message : String(cause)
      }`,
      cause,
    );
  }
}
