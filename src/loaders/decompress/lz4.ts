import { corruptUnless, dataViewOf } from './codec.ts';

// The legacy frame that Linux uses: u32 magic, then { u32 packedBytes, block } until the data end.
// lz4 doc/lz4_Frame_format.md "Legacy frame"; doc/lz4_Block_format.md.
const LEGACY_MAGIC = 0x184c_2102;
const MIN_MATCH_BYTES = 4;
/** Shorter runs are copied 16 bytes at a time, the last 16 whole; from here on the engine's own copy is faster. */
const BULK_COPY_BYTES = 256;
const STEP_BYTES = 16;

export function decompressLz4Legacy(packed: Uint8Array, output: Uint8Array): void {
  const view = dataViewOf(packed);
  let position = 0;
  let written = 0;
  while (written < output.length) {
    corruptUnless(position + 4 <= packed.length, 'lz4: the data end before the last block');
    const blockBytes = view.getUint32(position, true);
    position += 4;
    if (blockBytes === LEGACY_MAGIC) continue; // frames may be concatenated
    corruptUnless(blockBytes <= packed.length - position, 'lz4: a block is longer than the data');
    written = decompressBlock(packed.subarray(position, position + blockBytes), output, written);
    position += blockBytes;
  }
}

/**
 * Returns the output position after the block. Matches reach back to the block's own start at most.
 * Hot: most runs are short, and copying too much beats asking how much.
 */
function decompressBlock(block: Uint8Array, output: Uint8Array, blockStart: number): number {
  const blockView = dataViewOf(block);
  const outputView = dataViewOf(output);
  const stepBlockEnd = block.length - BULK_COPY_BYTES;
  const stepOutputEnd = output.length - BULK_COPY_BYTES;
  let position = 0;
  let written = blockStart;
  while (position < block.length) {
    const token = block[position++];
    let literalBytes = token >> 4;
    if (literalBytes === 15) {
      let extra: number;
      do literalBytes += extra = block[position++];
      while (extra === 255);
    }
    const literalEnd = position + literalBytes;
    corruptUnless(literalEnd <= block.length && written + literalBytes <= output.length, 'lz4: literals run over');
    if (literalBytes <= BULK_COPY_BYTES && position <= stepBlockEnd && written <= stepOutputEnd) {
      copySteps(blockView, position, outputView, written, literalBytes);
    } else {
      output.set(block.subarray(position, literalEnd), written);
    }
    written += literalBytes;
    position = literalEnd;
    if (position === block.length) break; // the last sequence has no match

    const distance = block[position] | (block[position + 1] << 8);
    position += 2;
    let matchBytes = (token & 15) + MIN_MATCH_BYTES;
    if (matchBytes === 15 + MIN_MATCH_BYTES) {
      let extra: number;
      do matchBytes += extra = block[position++];
      while (extra === 255);
    }
    corruptUnless(
      distance !== 0 && distance <= written - blockStart && written + matchBytes <= output.length,
      'lz4: a match reaches outside the output',
    );
    if (matchBytes <= BULK_COPY_BYTES && distance >= STEP_BYTES && written <= stepOutputEnd) {
      copySteps(outputView, written - distance, outputView, written, matchBytes);
    } else {
      copyMatch(output, written, distance, matchBytes);
    }
    written += matchBytes;
  }
  return written;
}

function copySteps(from: DataView, fromPosition: number, to: DataView, toPosition: number, lengthBytes: number): void {
  for (let i = 0; i < lengthBytes; i += STEP_BYTES) {
    to.setInt32(toPosition + i, from.getInt32(fromPosition + i, true), true);
    to.setInt32(toPosition + i + 4, from.getInt32(fromPosition + i + 4, true), true);
    to.setInt32(toPosition + i + 8, from.getInt32(fromPosition + i + 8, true), true);
    to.setInt32(toPosition + i + 12, from.getInt32(fromPosition + i + 12, true), true);
  }
}

/** A match may overlap what it writes: then it repeats, and what is repeated so far doubles with every copy. */
function copyMatch(output: Uint8Array, written: number, distance: number, matchBytes: number): void {
  const end = written + matchBytes;
  const start = written - distance;
  if (matchBytes < BULK_COPY_BYTES) {
    for (let to = written, from = start; to < end; ) output[to++] = output[from++];
  } else if (distance === 1) {
    output.fill(output[start], written, end);
  } else {
    for (let to = written; to < end; to += to - start) {
      output.copyWithin(to, start, start + Math.min(to - start, end - to));
    }
  }
}
