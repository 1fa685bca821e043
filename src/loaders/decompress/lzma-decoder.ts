import { corruptUnless } from './codec.ts';

// LZMA as the LZMA SDK's lzma-specification.txt describes it. One u16 array holds every probability:
const STATES = 12;
const POS_STATES = 16;
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * POS_STATES;
const IS_REP_G0 = IS_REP + STATES;
const IS_REP_G1 = IS_REP_G0 + STATES;
const IS_REP_G2 = IS_REP_G1 + STATES;
const IS_REP0_LONG = IS_REP_G2 + STATES;
const POS_SLOT = IS_REP0_LONG + STATES * POS_STATES; // 4 trees of 6 bits
const POS_SPECIAL = POS_SLOT + 4 * 64; // 115 used, indexed by distance - slot
const POS_ALIGN = POS_SPECIAL + 128;
const LENGTH = POS_ALIGN + 16;
const LENGTH_LOW = 2; // after choice and choice2
const LENGTH_MIDDLE = LENGTH_LOW + POS_STATES * 8;
const LENGTH_HIGH = LENGTH_MIDDLE + POS_STATES * 8;
const REP_LENGTH = LENGTH + LENGTH_HIGH + 256;
const LITERAL = REP_LENGTH + LENGTH_HIGH + 256; // 0x300 a literal context

const PROBABILITY_BITS = 11;
const PROBABILITY_HALF = 1 << (PROBABILITY_BITS - 1);
const MOVE_BITS = 5;
const TOP = 0x100_0000;
const MIN_MATCH_BYTES = 2;
const END_MARKER_DISTANCE = 0xffff_ffff;

const RANGE = 0;
const CODE = 1;

/**
 * Decodes runs of LZMA symbols into one output array, which is the dictionary too. Hot: a kernel has some 10^8 bits,
 * so the range coder's state is held in locals for a whole part of a symbol, and the bit step is written out in each.
 */
export class LzmaDecoder {
  readonly #output: Uint8Array;
  #packed: Uint8Array = new Uint8Array();
  #position = 0;
  #written = 0;
  #dictionaryStart = 0;
  readonly #coder = new Uint32Array(2); // u32: range, code
  #probabilities = new Uint16Array(LITERAL);
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  #reps: [number, number, number, number] = [0, 0, 0, 0];

  constructor(output: Uint8Array) {
    this.#output = output;
  }

  get written(): number {
    return this.#written;
  }

  /** `(pb * 5 + lp) * 9 + lc`, in one byte. */
  setProperties(properties: number): void {
    corruptUnless(properties < 9 * 5 * 5, 'lzma: properties out of range');
    const literalContextBits = properties % 9;
    const literalPositionBits = Math.floor(properties / 9) % 5;
    const positionBits = Math.floor(properties / 45);
    this.#literalContextBits = literalContextBits;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#positionMask = (1 << positionBits) - 1;
    const probabilityCount = LITERAL + (0x300 << (literalContextBits + literalPositionBits));
    if (this.#probabilities.length !== probabilityCount) this.#probabilities = new Uint16Array(probabilityCount);
  }

  resetState(): void {
    this.#probabilities.fill(PROBABILITY_HALF);
    this.#state = 0;
    this.#reps = [0, 0, 0, 0];
  }

  resetDictionary(): void {
    this.#dictionaryStart = this.#written;
  }

  /** Bytes that LZMA2 stores as they are. */
  copyStored(stored: Uint8Array): void {
    corruptUnless(stored.length <= this.#output.length - this.#written, 'lzma: more data than announced');
    this.#output.set(stored, this.#written);
    this.#written += stored.length;
  }

  /** Decodes until the output has `outputEnd` bytes or an end marker comes; `packed` starts with the range coder's five bytes. */
  decode(packed: Uint8Array, outputEnd: number): void {
    corruptUnless(outputEnd <= this.#output.length, 'lzma: more data than announced');
    corruptUnless(packed.length >= 5 && packed[0] === 0, 'lzma: the range coder does not start with 0');
    this.#packed = packed;
    this.#position = 5;
    this.#coder[RANGE] = 0xffff_ffff;
    this.#coder[CODE] = (packed[1] << 24) | (packed[2] << 16) | (packed[3] << 8) | packed[4];
    while (this.#written < outputEnd) {
      const posState = this.#written & this.#positionMask;
      if (this.#bit(IS_MATCH + this.#state * POS_STATES + posState) === 0) this.#literal();
      else if (!this.#match(posState, outputEnd)) return;
      // A good stream never needs more bytes than it has; a bad one must not go on with zeros for long.
      corruptUnless(this.#position <= packed.length, 'lzma: the data end too early');
    }
  }

  #bit(index: number): number {
    const probabilities = this.#probabilities;
    const coder = this.#coder;
    const probability = probabilities[index];
    let range = coder[RANGE];
    let code = coder[CODE];
    const bound = Math.imul(range >>> PROBABILITY_BITS, probability) >>> 0;
    let bit = 0;
    if (code < bound) {
      range = bound;
      probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >>> MOVE_BITS);
    } else {
      range = (range - bound) >>> 0;
      code = (code - bound) >>> 0;
      probabilities[index] = probability - (probability >>> MOVE_BITS);
      bit = 1;
    }
    if (range < TOP) {
      range = (range << 8) >>> 0;
      code = ((code << 8) | this.#packed[this.#position++]) >>> 0;
    }
    coder[RANGE] = range;
    coder[CODE] = code;
    return bit;
  }

  /** A bit tree, most significant bit first. Returns the value without its leading one. */
  #tree(base: number, bitCount: number): number {
    const probabilities = this.#probabilities;
    const packed = this.#packed;
    let position = this.#position;
    let range = this.#coder[RANGE];
    let code = this.#coder[CODE];
    let symbol = 1;
    for (const limit = 1 << bitCount; symbol < limit; ) {
      const index = base + symbol;
      const probability = probabilities[index];
      const bound = Math.imul(range >>> PROBABILITY_BITS, probability) >>> 0;
      if (code < bound) {
        range = bound;
        probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >>> MOVE_BITS);
        symbol <<= 1;
      } else {
        range = (range - bound) >>> 0;
        code = (code - bound) >>> 0;
        probabilities[index] = probability - (probability >>> MOVE_BITS);
        symbol = (symbol << 1) | 1;
      }
      if (range < TOP) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | packed[position++]) >>> 0;
      }
    }
    this.#position = position;
    this.#coder[RANGE] = range;
    this.#coder[CODE] = code;
    return symbol - (1 << bitCount);
  }

  /** A literal; after a match, the byte at rep0 steers which probabilities are used until the first difference. */
  #literal(): void {
    const probabilities = this.#probabilities;
    const packed = this.#packed;
    const output = this.#output;
    const written = this.#written;
    const previous = written > this.#dictionaryStart ? output[written - 1] : 0;
    const context =
      ((written & this.#literalPositionMask) << this.#literalContextBits) |
      (previous >> (8 - this.#literalContextBits));
    const base = LITERAL + 0x300 * context;
    let position = this.#position;
    let range = this.#coder[RANGE];
    let code = this.#coder[CODE];
    let matchByte = this.#state >= 7 ? output[written - this.#reps[0] - 1] : 0;
    let steer = this.#state >= 7 ? 0x100 : 0; // 0x100 while the match byte agrees, then 0
    let symbol = 1;
    do {
      matchByte <<= 1;
      const matchBit = matchByte & steer;
      const index = base + steer + matchBit + symbol;
      const probability = probabilities[index];
      const bound = Math.imul(range >>> PROBABILITY_BITS, probability) >>> 0;
      if (code < bound) {
        range = bound;
        probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >>> MOVE_BITS);
        symbol <<= 1;
        steer &= ~matchBit;
      } else {
        range = (range - bound) >>> 0;
        code = (code - bound) >>> 0;
        probabilities[index] = probability - (probability >>> MOVE_BITS);
        symbol = (symbol << 1) | 1;
        steer &= matchBit;
      }
      if (range < TOP) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | packed[position++]) >>> 0;
      }
    } while (symbol < 0x100);
    this.#position = position;
    this.#coder[RANGE] = range;
    this.#coder[CODE] = code;
    output[written] = symbol;
    this.#written = written + 1;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** A match or a repeated one. False at the end marker. */
  #match(posState: number, outputEnd: number): boolean {
    const reps = this.#reps;
    const state = this.#state;
    let lengthBytes: number;
    if (this.#bit(IS_REP + state) === 0) {
      reps[3] = reps[2];
      reps[2] = reps[1];
      reps[1] = reps[0];
      lengthBytes = this.#length(LENGTH, posState);
      this.#state = state < 7 ? 7 : 10;
      reps[0] = this.#distance(lengthBytes);
      if (reps[0] === END_MARKER_DISTANCE) return false;
    } else {
      if (this.#bit(IS_REP_G0 + state) === 0) {
        if (this.#bit(IS_REP0_LONG + state * POS_STATES + posState) === 0) {
          this.#state = state < 7 ? 9 : 11;
          this.#copy(1, outputEnd);
          return true;
        }
      } else {
        this.#rotateReps(this.#bit(IS_REP_G1 + state) === 0 ? 1 : 2 + this.#bit(IS_REP_G2 + state));
      }
      lengthBytes = this.#length(REP_LENGTH, posState);
      this.#state = state < 7 ? 8 : 11;
    }
    this.#copy(lengthBytes + MIN_MATCH_BYTES, outputEnd);
    return true;
  }

  #rotateReps(chosen: number): void {
    const reps = this.#reps;
    const distance = reps[chosen];
    for (let i = chosen; i > 0; i--) reps[i] = reps[i - 1];
    reps[0] = distance;
  }

  #length(base: number, posState: number): number {
    if (this.#bit(base) === 0) return this.#tree(base + LENGTH_LOW + posState * 8, 3);
    if (this.#bit(base + 1) === 0) return 8 + this.#tree(base + LENGTH_MIDDLE + posState * 8, 3);
    return 16 + this.#tree(base + LENGTH_HIGH, 8);
  }

  #distance(lengthBytes: number): number {
    const slot = this.#tree(POS_SLOT + Math.min(lengthBytes, 3) * 64, 6);
    if (slot < 4) return slot;
    const footerBits = (slot >> 1) - 1;
    const high = (2 | (slot & 1)) << footerBits;
    if (slot < 14) return high + this.#reverseTree(POS_SPECIAL + high - slot, footerBits);
    const middle = this.#directBits(footerBits - 4) << 4;
    return (high + middle + this.#reverseTree(POS_ALIGN, 4)) >>> 0;
  }

  /** A bit tree, least significant bit first. */
  #reverseTree(base: number, bitCount: number): number {
    const probabilities = this.#probabilities;
    let range = this.#coder[RANGE];
    let code = this.#coder[CODE];
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bitCount; i++) {
      const index = base + symbol;
      const probability = probabilities[index];
      const bound = Math.imul(range >>> PROBABILITY_BITS, probability) >>> 0;
      if (code < bound) {
        range = bound;
        probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >>> MOVE_BITS);
        symbol <<= 1;
      } else {
        range = (range - bound) >>> 0;
        code = (code - bound) >>> 0;
        probabilities[index] = probability - (probability >>> MOVE_BITS);
        symbol = (symbol << 1) | 1;
        value |= 1 << i;
      }
      if (range < TOP) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | this.#packed[this.#position++]) >>> 0;
      }
    }
    this.#coder[RANGE] = range;
    this.#coder[CODE] = code;
    return value;
  }

  /** Bits that are as likely 0 as 1. */
  #directBits(bitCount: number): number {
    let range = this.#coder[RANGE];
    let code = this.#coder[CODE];
    let value = 0;
    for (let i = 0; i < bitCount; i++) {
      range >>>= 1;
      const bit = code >= range ? 1 : 0;
      if (bit === 1) code -= range;
      value = (value << 1) | bit;
      if (range < TOP) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | this.#packed[this.#position++]) >>> 0;
      }
    }
    this.#coder[RANGE] = range;
    this.#coder[CODE] = code;
    return value;
  }

  #copy(lengthBytes: number, outputEnd: number): void {
    const output = this.#output;
    const distance = this.#reps[0] + 1;
    let written = this.#written;
    const end = written + lengthBytes;
    corruptUnless(
      distance <= written - this.#dictionaryStart && end <= outputEnd,
      'lzma: a match reaches outside the output',
    );
    for (let from = written - distance; written < end; ) output[written++] = output[from++];
    this.#written = end;
  }
}
