import { corruptUnless } from './codec.ts';
import { LzmaDecoder } from './lzma-decoder.ts';

// LZMA SDK, lzma-specification.txt "Lzma file format": properties, u32 dictionary bytes, u64 unpacked bytes (or all ones).
const HEADER_BYTES = 13;

export function decompressLzmaAlone(packed: Uint8Array, output: Uint8Array): void {
  corruptUnless(packed.length > HEADER_BYTES, 'lzma: the data end in the header');
  const decoder = new LzmaDecoder(output);
  decoder.setProperties(packed[0]);
  decoder.resetState();
  decoder.decode(packed.subarray(HEADER_BYTES), output.length);
  corruptUnless(decoder.written === output.length, 'lzma: fewer data than announced');
}
