/** Little-endian bytes, one field after the other. */
export class ByteWriter {
  readonly #bytes: number[] = [];

  get lengthBytes(): number {
    return this.#bytes.length;
  }

  u8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >>> 8);
  }

  u32(value: number): this {
    return this.u16(value).u16(value >>> 16);
  }

  u64(value: number): this {
    return this.u32(value >>> 0).u32(Math.floor(value / 0x1_0000_0000));
  }

  bytes(values: Iterable<number>): this {
    for (const value of values) this.u8(value);
    return this;
  }

  zeros(count: number): this {
    return this.bytes(new Uint8Array(count));
  }

  /** ASCII in a field of fixed width, padded. */
  ascii(text: string, widthBytes: number, padding = ' '): this {
    for (const character of text.padEnd(widthBytes, padding).slice(0, widthBytes)) this.u8(character.charCodeAt(0));
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
