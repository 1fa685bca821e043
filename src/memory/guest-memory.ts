import { VmmError } from '../base/errors.ts';

export const PAGE_BYTES = 4096;

/**
 * Guest RAM: guest-physical addresses 0 to `sizeBytes`, one run without holes (device windows in it are
 * routed before RAM is asked). It is a window of a larger buffer, so that a software CPU can keep its own
 * tables in the same linear memory. Every access is bounds-checked; outside reads give zeros, writes are dropped.
 */
export class GuestMemory {
  readonly buffer: ArrayBuffer;
  /** Byte offset of gpa 0 in `buffer`. */
  readonly base: number;
  readonly sizeBytes: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /**
   * Whoever writes guest memory while the guest runs (a device by DMA, the host) calls this afterwards: processors may
   * have translated what was there. An engine sets it.
   */
  written: (gpa: number, lengthBytes: number) => void = () => {};

  constructor(buffer: ArrayBuffer, base: number, sizeBytes: number) {
    this.buffer = buffer;
    this.base = base;
    this.sizeBytes = sizeBytes;
    this.bytes = new Uint8Array(buffer, base, sizeBytes);
    this.view = new DataView(buffer, base, sizeBytes);
  }

  contains(gpa: number, lengthBytes: number): boolean {
    return gpa >= 0 && lengthBytes >= 0 && gpa + lengthBytes <= this.sizeBytes;
  }

  readU8(gpa: number): number {
    return this.contains(gpa, 1) ? this.view.getUint8(gpa) : 0;
  }

  readU16(gpa: number): number {
    return this.contains(gpa, 2) ? this.view.getUint16(gpa, true) : 0;
  }

  readU32(gpa: number): number {
    return this.contains(gpa, 4) ? this.view.getUint32(gpa, true) : 0;
  }

  readU64(gpa: number): bigint {
    return this.contains(gpa, 8) ? this.view.getBigUint64(gpa, true) : 0n;
  }

  writeU8(gpa: number, value: number): void {
    if (this.contains(gpa, 1)) this.view.setUint8(gpa, value);
  }

  writeU16(gpa: number, value: number): void {
    if (this.contains(gpa, 2)) this.view.setUint16(gpa, value, true);
  }

  writeU32(gpa: number, value: number): void {
    if (this.contains(gpa, 4)) this.view.setUint32(gpa, value, true);
  }

  writeU64(gpa: number, value: bigint): void {
    if (this.contains(gpa, 8)) this.view.setBigUint64(gpa, value, true);
  }

  /** A loader's write: what does not fit is the user's mistake, said with the place and the limit. */
  load(gpa: number, data: Uint8Array, what: string): void {
    if (!this.contains(gpa, data.length)) {
      throw new VmmError(
        'VMM_LOAD_RANGE',
        `${what} (${data.length} bytes at 0x${gpa.toString(16)}) does not fit in ${this.sizeBytes >>> 20} MiB of guest memory`,
        { kind: 'usage' },
      );
    }
    this.bytes.set(data, gpa);
  }
}
