/** No instruction is longer (SDM Vol. 2A §2.3.11). */
export const MAX_INSTRUCTION_BYTES = 15;

/**
 * The bytes of one instruction, read forwards. Reads past the last one give 0 and set `overrun`: whoever decodes checks
 * it once, at the end.
 */
export class InstructionBytes {
  position = 0;
  overrun = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #limit = 0;
  #cut = false;

  /** From `offset` to `end` at most, which lies within `bytes`. */
  start(bytes: Uint8Array, offset: number, end: number): void {
    const longest = offset + MAX_INSTRUCTION_BYTES;
    this.#bytes = bytes;
    this.#start = offset;
    this.#cut = end < longest;
    this.#limit = this.#cut ? end : longest;
    this.position = offset;
    this.overrun = false;
  }

  get length(): number {
    return this.position - this.#start;
  }

  /** After an overrun: whether bytes at and after `end` could still complete the instruction. */
  get cut(): boolean {
    return this.#cut;
  }

  u8(): number {
    if (this.position >= this.#limit) {
      this.overrun = true;
      return 0;
    }
    return this.#bytes[this.position++]!;
  }

  /** The next byte, left there. */
  peek(): number {
    if (this.position >= this.#limit) {
      this.overrun = true;
      return 0;
    }
    return this.#bytes[this.position]!;
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  i16(): number {
    return (this.u16() << 16) >> 16;
  }

  i32(): number {
    return this.u16() | (this.u16() << 16);
  }
}
