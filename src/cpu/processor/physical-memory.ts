import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { Mmio } from './mmio.ts';

/** Guest-physical accesses of up to 8 bytes within one page: RAM, device windows, or nothing. */
export class PhysicalMemory {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #ramBytes: number;
  readonly #mmio: Mmio;
  readonly #written: (gpa: number, bytes: number) => void;

  constructor(memory: GuestMemory, mmio: Mmio, written: (gpa: number, bytes: number) => void) {
    this.#view = memory.view;
    this.#bytes = memory.bytes;
    this.#ramBytes = memory.sizeBytes;
    this.#mmio = mmio;
    this.#written = written;
  }

  isRam(gpa: number, bytes: number): boolean {
    return gpa + bytes <= this.#ramBytes && !this.#mmio.isMmio(gpa);
  }

  /** Unsigned. */
  read32(gpa: number): number {
    if (this.isRam(gpa, 4)) return this.#view.getUint32(gpa, true);
    return this.#readDevice(gpa, 4);
  }

  write32(gpa: number, value: number): void {
    if (this.isRam(gpa, 4)) {
      this.#view.setUint32(gpa, value, true);
      this.#written(gpa, 4);
    } else this.#writeDevice(gpa, 4, value >>> 0);
  }

  /** Whole words of RAM; false, with nothing done, if they are not. */
  readWords(gpa: number, words: Int32Array, count: number): boolean {
    if (!this.isRam(gpa, count * 4)) return false;
    for (let i = 0; i < count; i++) words[i] = this.#view.getInt32(gpa + i * 4, true);
    return true;
  }

  writeWords(gpa: number, words: Int32Array, count: number): boolean {
    if (!this.isRam(gpa, count * 4)) return false;
    for (let i = 0; i < count; i++) this.#view.setInt32(gpa + i * 4, words[i] as number, true);
    this.#written(gpa, count * 4);
    return true;
  }

  read8(gpa: number): number {
    return this.isRam(gpa, 1) ? (this.#bytes[gpa] as number) : this.#mmio.read(gpa, 1) & 0xff;
  }

  write8(gpa: number, value: number): void {
    if (this.isRam(gpa, 1)) {
      this.#bytes[gpa] = value;
      this.#written(gpa, 1);
    } else this.#mmio.write(gpa, 1, value & 0xff);
  }

  /** Little-endian, 1-4 bytes. */
  read(gpa: number, bytes: number): number {
    if (bytes === 4) return this.read32(gpa);
    if (this.isRam(gpa, bytes)) {
      let value = 0;
      for (let i = bytes - 1; i >= 0; i--) value = (value << 8) | (this.#bytes[gpa + i] as number);
      return value;
    }
    return this.#readDevice(gpa, bytes);
  }

  write(gpa: number, bytes: number, value: number): void {
    if (bytes === 4) this.write32(gpa, value);
    else if (this.isRam(gpa, bytes)) {
      for (let i = 0; i < bytes; i++) this.#bytes[gpa + i] = value >>> (8 * i);
      this.#written(gpa, bytes);
    } else this.#writeDevice(gpa, bytes, value);
  }

  /** Devices see naturally aligned accesses; RAM's end may cut one in two. */
  #readDevice(gpa: number, bytes: number): number {
    if (bytes === 4 && gpa % 4 === 0) return this.#mmio.read(gpa, 4) >>> 0;
    if (bytes === 2 && gpa % 2 === 0) return this.#mmio.read(gpa, 2) & 0xffff;
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8) | this.read8(gpa + i);
    return value >>> 0;
  }

  #writeDevice(gpa: number, bytes: number, value: number): void {
    if (bytes === 4 && gpa % 4 === 0) this.#mmio.write(gpa, 4, value >>> 0);
    else if (bytes === 2 && gpa % 2 === 0) this.#mmio.write(gpa, 2, value & 0xffff);
    else for (let i = 0; i < bytes; i++) this.write8(gpa + i, value >>> (8 * i));
  }
}
