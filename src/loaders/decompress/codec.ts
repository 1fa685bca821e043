/**
 * Turns `packed` into exactly `output.length` bytes. Throws `CorruptDataError` where it cannot;
 * whatever `packed` holds, it ends, and it neither reads nor writes outside the two arrays.
 */
export type Decompress = (packed: Uint8Array, output: Uint8Array) => void;

export class CorruptDataError extends Error {
  override readonly name = 'CorruptDataError';
}

export function corruptUnless(holds: boolean, complaint: string): asserts holds {
  if (!holds) throw new CorruptDataError(complaint);
}

export function dataViewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
