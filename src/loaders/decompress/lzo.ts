import { corruptUnless, dataViewOf } from './codec.ts';

// The lzop container as Linux's lib/decompress_unlzo.c reads it, around LZO1X blocks
// (Documentation/staging/lzo.rst "LZO stream format as understood by Linux's LZO decompressor").
const MAGIC_BYTES = 9;
const VERSION_WITH_FILTER_AND_LEVEL = 0x0940;
const HEADER_HAS_FILTER = 0x800;

export function decompressLzop(packed: Uint8Array, output: Uint8Array): void {
  const view = dataViewOf(packed);
  let position = skipHeader(packed, view);
  for (let written = 0; written < output.length; ) {
    corruptUnless(position + 12 <= packed.length, 'lzo: the data end before the last block');
    const unpackedBytes = view.getUint32(position);
    const packedBytes = view.getUint32(position + 4);
    position += 12; // and past the block's Adler-32
    corruptUnless(unpackedBytes > 0 && unpackedBytes <= output.length - written, 'lzo: more data than announced');
    corruptUnless(packedBytes <= packed.length - position, 'lzo: a block is longer than the data');
    const block = packed.subarray(position, position + packedBytes);
    const target = output.subarray(written, written + unpackedBytes);
    if (packedBytes === unpackedBytes) target.set(block);
    else decompressLzo1x(block, target);
    position += packedBytes;
    written += unpackedBytes;
  }
}

function skipHeader(packed: Uint8Array, view: DataView): number {
  corruptUnless(packed.length >= MAGIC_BYTES + 32, 'lzo: the data end in the header');
  let position = MAGIC_BYTES;
  const version = view.getUint16(position);
  position += version >= VERSION_WITH_FILTER_AND_LEVEL ? 8 : 7; // version, library version, needed version, method, level
  if (view.getUint32(position) & HEADER_HAS_FILTER) position += 4;
  position += 4; // flags
  position += version >= VERSION_WITH_FILTER_AND_LEVEL ? 12 : 8; // mode, modification time (64-bit since 0x0940)
  corruptUnless(position < packed.length, 'lzo: the data end in the header');
  position += 1 + packed[position]; // file name
  return position + 4; // header checksum
}

/** What an instruction means depends on how many literals the one before it copied: 0, 1 to 3, or a run of 4 and more. */
type LiteralState = 0 | 1 | 2 | 3 | 4;

class Lzo1xDecoder {
  readonly packed: Uint8Array;
  readonly output: Uint8Array;
  position = 0;
  written = 0;

  constructor(packed: Uint8Array, output: Uint8Array) {
    this.packed = packed;
    this.output = output;
  }

  nextByte(): number {
    corruptUnless(this.position < this.packed.length, 'lzo: the data end in a block');
    return this.packed[this.position++];
  }

  nextU16(): number {
    return this.nextByte() | (this.nextByte() << 8);
  }

  /** A length of which the instruction held `bits`; when those are zero, bytes follow: each zero is 255. */
  length(bits: number, mask: number): number {
    if (bits !== 0) return bits;
    let lengthBytes = mask;
    for (;;) {
      const byte = this.nextByte();
      if (byte !== 0) return lengthBytes + byte;
      lengthBytes += 255;
    }
  }

  literals(lengthBytes: number): void {
    const end = this.position + lengthBytes;
    corruptUnless(
      end <= this.packed.length && lengthBytes <= this.output.length - this.written,
      'lzo: literals run over',
    );
    while (this.position < end) this.output[this.written++] = this.packed[this.position++];
  }

  match(distance: number, lengthBytes: number): void {
    corruptUnless(
      distance <= this.written && lengthBytes <= this.output.length - this.written,
      'lzo: a match reaches outside the output',
    );
    for (let i = 0; i < lengthBytes; i++, this.written++)
      this.output[this.written] = this.output[this.written - distance];
  }
}

function decompressLzo1x(packed: Uint8Array, output: Uint8Array): void {
  const decoder = new Lzo1xDecoder(packed, output);
  let state: LiteralState = 0;
  if (packed[0] > 17) {
    const count = decoder.nextByte() - 17;
    decoder.literals(count);
    state = count < 4 ? asLiteralState(count) : 4;
  }
  for (;;) {
    const instruction = decoder.nextByte();
    if (instruction < 16 && state === 0) {
      decoder.literals(decoder.length(instruction, 15) + 3);
      state = 4;
      continue;
    }
    const trailing = instruction < 16 ? shortMatch(decoder, instruction, state) : longMatch(decoder, instruction);
    if (trailing === null) break;
    decoder.literals(trailing);
    state = asLiteralState(trailing);
  }
  corruptUnless(decoder.written === output.length, 'lzo: a block is shorter than announced');
}

function asLiteralState(count: number): LiteralState {
  return (count & 3) as LiteralState;
}

/** 0 0 0 0 D D S S: two bytes near by after few literals, three bytes 2 KiB back after many. Returns S. */
function shortMatch(decoder: Lzo1xDecoder, instruction: number, state: LiteralState): number {
  const high = decoder.nextByte() << 2;
  if (state === 4) decoder.match(high + (instruction >> 2) + 2049, 3);
  else decoder.match(high + (instruction >> 2) + 1, 2);
  return instruction & 3;
}

/** Returns how many literals follow, or null at the end of the block. */
function longMatch(decoder: Lzo1xDecoder, instruction: number): number | null {
  if (instruction >= 64) {
    // L L L D D D S S, H H H H H H H H: 3 to 8 bytes within 2 KiB
    const distance = (decoder.nextByte() << 3) + ((instruction >> 2) & 7) + 1;
    decoder.match(distance, (instruction >> 5) + 1);
    return instruction & 3;
  }
  if (instruction >= 32) {
    // 0 0 1 L L L L L, D D D D D D D D D D D D D D S S: within 16 KiB
    const lengthBytes = decoder.length(instruction & 31, 31) + 2;
    const low = decoder.nextU16();
    decoder.match((low >> 2) + 1, lengthBytes);
    return low & 3;
  }
  // 0 0 0 1 H L L L, D D D D D D D D D D D D D D S S: 16 to 48 KiB back
  const lengthBytes = decoder.length(instruction & 7, 7) + 2;
  const low = decoder.nextU16();
  const distance = ((instruction & 8) << 11) + (low >> 2);
  if (distance === 0) return null;
  decoder.match(distance + 16384, lengthBytes);
  return low & 3;
}
