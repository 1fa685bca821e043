import { assert } from '../base/errors.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { BOOT_LAYOUT } from './boot-layout.ts';
import { loadError } from './errors.ts';

/** Hands out low memory piece by piece for what a kernel reads at its entry. */
export class BootArea {
  readonly #memory: GuestMemory;
  readonly #endGpa: number;
  #nextGpa: number;

  private constructor(memory: GuestMemory, startGpa: number, endGpa: number) {
    this.#memory = memory;
    this.#nextGpa = startGpa;
    this.#endGpa = endGpa;
  }

  static info(memory: GuestMemory): BootArea {
    return new BootArea(memory, BOOT_LAYOUT.infoGpa, BOOT_LAYOUT.infoEndGpa);
  }

  static strings(memory: GuestMemory): BootArea {
    return new BootArea(memory, BOOT_LAYOUT.stringsGpa, BOOT_LAYOUT.stringsEndGpa);
  }

  /** Zeroed and 8-byte aligned. Callers bound their counts, so that it fits. */
  reserve(sizeBytes: number): number {
    const gpa = this.#nextGpa;
    this.#nextGpa += (sizeBytes + 7) & ~7;
    assert(this.#nextGpa <= this.#endGpa, 'boot information fits in its area');
    this.#memory.bytes.fill(0, gpa, this.#nextGpa);
    return gpa;
  }

  /** UTF-8 with a zero byte after it. */
  string(text: string, what: string): number {
    const bytes = encodeUtf8(text);
    const roomBytes = this.#endGpa - this.#nextGpa - 1;
    if (bytes.length > roomBytes) throw commandLineError(what, bytes.length, roomBytes);
    const gpa = this.#nextGpa;
    this.#memory.load(gpa, bytes, what);
    this.#memory.writeU8(gpa + bytes.length, 0);
    this.#nextGpa += bytes.length + 1;
    return gpa;
  }
}

export function commandLineError(what: string, lengthBytes: number, limitBytes: number): Error {
  return loadError(
    'VMM_COMMAND_LINE_LENGTH',
    `${what} has ${lengthBytes} bytes; this kernel takes at most ${limitBytes}`,
  );
}

export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x1_0000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
  }
  return Uint8Array.from(bytes);
}
