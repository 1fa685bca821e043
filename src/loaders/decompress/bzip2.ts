import { corruptUnless } from './codec.ts';

// bzip2 has no official specification; names follow Joe Tsai, "BZIP2: Format Specification" (2015).
const BLOCK_MAGIC_HIGH = 0x314159;
const BLOCK_MAGIC_LOW = 0x265359;
const GROUP_SYMBOLS = 50;
const MAX_CODE_BITS = 20;
const RUN_A = 0;
const RUN_B = 1;

class BitReader {
  readonly #bytes: Uint8Array;
  #position: number;
  #bits = 0;
  #bitCount = 0;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#position = position;
  }

  /** Up to 24 bits, most significant first. */
  read(count: number): number {
    const value = this.peek(count);
    this.skip(count);
    return value;
  }

  /** Like `read`, without moving; zeros follow the data. */
  peek(count: number): number {
    while (this.#bitCount < count) {
      this.#bits = (this.#bits << 8) | (this.#position < this.#bytes.length ? this.#bytes[this.#position] : 0);
      this.#position++;
      this.#bitCount += 8;
    }
    return (this.#bits >>> (this.#bitCount - count)) & ((1 << count) - 1);
  }

  skip(count: number): void {
    this.#bitCount -= count;
    corruptUnless(this.#position - (this.#bitCount >> 3) <= this.#bytes.length, 'bzip2: the data end too early');
  }
}

/** Canonical prefix code: codes of one length are consecutive, so a limit per length finds the symbol. */
class PrefixCode {
  readonly #limit = new Int32Array(MAX_CODE_BITS + 2).fill(-1); // largest code of a length
  readonly #offset = new Int32Array(MAX_CODE_BITS + 2); // code - offset indexes #symbols
  readonly #symbols: number[] = [];

  constructor(lengths: Uint8Array) {
    let code = 0;
    for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
      this.#offset[bits] = code - this.#symbols.length;
      const before = this.#symbols.length;
      lengths.forEach((length, symbol) => {
        if (length === bits) this.#symbols.push(symbol);
      });
      code += this.#symbols.length - before;
      this.#limit[bits] = this.#symbols.length > before ? code - 1 : -1;
      code <<= 1;
    }
  }

  read(bits: BitReader): number {
    const window = bits.peek(MAX_CODE_BITS);
    for (let length = 1; length <= MAX_CODE_BITS; length++) {
      const code = window >> (MAX_CODE_BITS - length);
      if (code > this.#limit[length]) continue;
      const symbol = this.#symbols[code - this.#offset[length]];
      corruptUnless(symbol !== undefined, 'bzip2: unused code');
      bits.skip(length);
      return symbol;
    }
    corruptUnless(false, 'bzip2: unused code');
  }
}

export function decompressBzip2(packed: Uint8Array, output: Uint8Array): void {
  const level = packed[3] - 0x30;
  corruptUnless(level >= 1 && level <= 9, 'bzip2: unknown block size');
  const bits = new BitReader(packed, 4);
  const block = new Uint32Array(level * 100_000);
  for (let written = 0; written < output.length; ) {
    const magicHigh = bits.read(24);
    const magicLow = bits.read(24);
    corruptUnless(magicHigh === BLOCK_MAGIC_HIGH && magicLow === BLOCK_MAGIC_LOW, 'bzip2: fewer data than announced');
    bits.read(24); // the block's CRC: 32 bits
    bits.read(8);
    corruptUnless(bits.read(1) === 0, 'bzip2: randomised block');
    const origin = bits.read(24);
    const count = readBlock(bits, block);
    corruptUnless(origin < count, 'bzip2: origin outside the block');
    const end = undoTransform(block, count, origin, output, written);
    corruptUnless(end > written, 'bzip2: empty block');
    written = end;
  }
}

/** Prefix codes, then move-to-front and zero runs. Fills `block` with byte values and returns how many. */
function readBlock(bits: BitReader, block: Uint32Array): number {
  const recent = readUsedBytes(bits);
  const symbolCount = recent.length + 2;
  const codeCount = bits.read(3);
  corruptUnless(codeCount >= 2 && codeCount <= 6, 'bzip2: number of codes out of range');
  const selectors = readSelectors(bits, codeCount);
  const codes = Array.from({ length: codeCount }, () => readCode(bits, symbolCount));

  let count = 0;
  let run = 0;
  let runWeight = 1;
  for (let read = 0; ; read++) {
    const selector = selectors[Math.floor(read / GROUP_SYMBOLS)];
    corruptUnless(selector !== undefined, 'bzip2: more symbols than selectors');
    const symbol = codes[selector].read(bits);
    if (symbol <= RUN_B) {
      run += symbol === RUN_A ? runWeight : 2 * runWeight;
      runWeight *= 2;
      corruptUnless(run <= block.length - count, 'bzip2: block overflow');
      continue;
    }
    block.fill(recent[0], count, count + run);
    count += run;
    run = 0;
    runWeight = 1;
    if (symbol === symbolCount - 1) return count;
    corruptUnless(count < block.length, 'bzip2: block overflow');
    const byte = recent[symbol - 1];
    recent.copyWithin(1, 0, symbol - 1);
    recent[0] = byte;
    block[count++] = byte;
  }
}

function readUsedBytes(bits: BitReader): Uint8Array {
  const used: number[] = [];
  const groups = bits.read(16);
  for (let group = 0; group < 16; group++) {
    if (((groups >> (15 - group)) & 1) === 0) continue;
    const members = bits.read(16);
    for (let i = 0; i < 16; i++) if ((members >> (15 - i)) & 1) used.push(group * 16 + i);
  }
  corruptUnless(used.length > 0, 'bzip2: no bytes in use');
  return Uint8Array.from(used);
}

function readSelectors(bits: BitReader, codeCount: number): number[] {
  const recent = Array.from({ length: codeCount }, (_, i) => i);
  const selectorCount = bits.read(15);
  const selectors: number[] = [];
  for (let i = 0; i < selectorCount; i++) {
    let index = 0;
    while (bits.read(1) === 1) corruptUnless(++index < codeCount, 'bzip2: selector out of range');
    const [selector] = recent.splice(index, 1);
    recent.unshift(selector);
    selectors.push(selector);
  }
  return selectors;
}

function readCode(bits: BitReader, symbolCount: number): PrefixCode {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    while (bits.read(1) === 1) length += bits.read(1) === 0 ? 1 : -1;
    corruptUnless(length >= 1 && length <= MAX_CODE_BITS, 'bzip2: code length out of range');
    lengths[symbol] = length;
  }
  return new PrefixCode(lengths);
}

/** Burrows-Wheeler and the first run-length coding (four equal bytes, then a count). Returns the output position. */
function undoTransform(block: Uint32Array, count: number, origin: number, output: Uint8Array, start: number): number {
  const next = new Uint32Array(256); // where the following row with this first byte goes
  for (let i = 0; i < count; i++) next[block[i] & 0xff]++;
  for (let byte = 0, sum = 0; byte < 256; byte++) {
    sum += next[byte];
    next[byte] = sum - next[byte];
  }
  // [31:8] successor row  [7:0] byte
  for (let i = 0; i < count; i++) block[next[block[i] & 0xff]++] |= i << 8;

  let written = start;
  let row = block[origin] >>> 8;
  let previous = -1;
  let equal = 0;
  for (let i = 0; i < count; i++) {
    const byte = block[row] & 0xff;
    row = block[row] >>> 8;
    if (equal === 4) {
      corruptUnless(byte <= output.length - written, 'bzip2: more data than announced');
      output.fill(previous, written, written + byte);
      written += byte;
      equal = 0;
      previous = -1;
      continue;
    }
    corruptUnless(written < output.length, 'bzip2: more data than announced');
    output[written++] = byte;
    equal = byte === previous ? equal + 1 : 1;
    previous = byte;
  }
  return written;
}
