import { Decoder } from '../../src/x86/decoder.ts';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import { MODE } from '../../src/x86/processor-mode.ts';
import type { Encoding } from '../differential/encodings.ts';
import { allFeatures } from '../differential/features.ts';
import { CaseGenerator } from '../differential/generate.ts';
import { CaseBatch, type CaseRecord } from '../differential/native/case.ts';
import type { Prng } from '../differential/prng.ts';

/** Random programs: instructions with registers set for their addresses, branches, loops, calls, and stores into code. */

const RCX = 1;
const RSP = 4;
const RSI = 6;
const RDI = 7;
const STRINGS = new Set(['MOVS', 'CMPS', 'STOS', 'LODS', 'SCAS']);
const STACK_USERS = new Set(['PUSH', 'POP', 'CALL', 'RET', 'PUSHF', 'POPF', 'ENTER', 'LEAVE', 'PUSHA', 'POPA']);

export interface ProgramOptions {
  readonly codeSize: 16 | 32 | 64;
  /** Offset of the program in its code area, and the bytes that it may have. */
  readonly sizeBytes: number;
  /** Linear (or segment) address of the program's first byte, for absolute stores into it. */
  readonly start: number;
  /** Where a counter for loops is. */
  readonly counter: number;
}

export class ProgramWriter {
  readonly #prng: Prng;
  readonly #generator: CaseGenerator;
  readonly #record: CaseRecord = CaseBatch.allocate(1).records[0]!;
  readonly #encodings: readonly Encoding[];
  readonly #decoder = new Decoder(opcodeMaps());
  readonly #features = allFeatures();
  #bytes: number[] = [];
  #options!: ProgramOptions;

  constructor(prng: Prng, encodings: readonly Encoding[]) {
    this.#prng = prng;
    this.#generator = new CaseGenerator(prng);
    this.#encodings = encodings;
  }

  write(options: ProgramOptions): Uint8Array {
    this.#options = options;
    this.#bytes = [];
    while (this.#bytes.length < options.sizeBytes - 160) this.#construct(0);
    while (this.#bytes.length < options.sizeBytes) this.#bytes.push(0x90);
    return Uint8Array.from(this.#bytes.slice(0, options.sizeBytes));
  }

  #construct(depth: number): void {
    const prng = this.#prng;
    switch (depth > 1 ? 0 : prng.below(20)) {
      case 1:
      case 2:
        return this.#loop(depth);
      case 3:
      case 4:
        return this.#skip(depth);
      case 5:
        return this.#call(depth);
      case 6:
        return this.#storeIntoCode();
      case 7:
      case 8:
        return this.#compareAndBranch();
      default:
        return this.#instruction();
    }
  }

  #body(depth: number): number[] {
    const before = this.#bytes;
    this.#bytes = [];
    for (let count = this.#prng.between(1, 5); count > 0; count--) this.#construct(depth + 1);
    const body = this.#bytes;
    this.#bytes = before;
    return body;
  }

  /** A counter in memory: registers of the body are anybody's. */
  #loop(depth: number): void {
    const body = this.#body(depth);
    if (body.length > 100) return void this.#bytes.push(...body);
    this.#storeImmediate(this.#options.counter, this.#prng.between(1, 6));
    const top = this.#bytes.length;
    this.#bytes.push(...body);
    // DEC dword [counter]; JNZ
    this.#bytes.push(...this.#absolute([0xff], 1, this.#options.counter));
    this.#bytes.push(0x75, (top - this.#bytes.length - 2) & 0xff);
  }

  #skip(depth: number): void {
    const body = this.#body(depth);
    if (body.length > 120) return void this.#bytes.push(...body);
    const condition = this.#prng.below(18);
    if (condition < 16) this.#bytes.push(0x70 | condition, body.length);
    else this.#bytes.push(0xeb, body.length);
    this.#bytes.push(...body);
  }

  /** CALL over the subroutine's jump, so that the code after it is reached too. */
  #call(depth: number): void {
    const body = this.#body(depth);
    if (body.length > 100) return;
    const word = this.#options.codeSize === 16 ? 2 : 4;
    this.#bytes.push(0xe8, 2, ...new Array<number>(word - 1).fill(0)); // CALL subroutine
    this.#bytes.push(0xeb, body.length + 1); // JMP after
    this.#bytes.push(...body, 0xc3);
  }

  #compareAndBranch(): void {
    const prng = this.#prng;
    const rex = this.#options.codeSize === 64 && prng.chance(0.5) ? [0x48 | prng.below(2) | (prng.below(2) << 2)] : [];
    const register = 0xc0 | prng.below(64);
    const compare = prng.pick([
      [...rex, 0x39, register],
      [...rex, 0x85, register],
      [0x38, register],
      [...rex, 0x83, 0xf8 | prng.below(8), prng.u32() & 255],
      [0x3c, prng.u32() & 255],
      [...rex, 0x29, register],
      [...rex, 0x83, 0xe0 | prng.below(8), prng.u32() & 255],
    ]);
    this.#bytes.push(...compare, 0x70 | prng.below(16), 3, 0x0f, 0x1f, 0xc0);
  }

  /** Into the bytes that come next, or anywhere in the program. */
  #storeIntoCode(): void {
    const prng = this.#prng;
    const { start, sizeBytes } = this.#options;
    const near = prng.chance(0.6);
    const at = near ? this.#bytes.length + prng.below(24) : prng.below(sizeBytes);
    const value = prng.pick([0x90, 0x90, 0x40, 0xc3, 0xf8, prng.u32() & 255]);
    if (prng.chance(0.7)) this.#bytes.push(...this.#absolute([0xc6], 0, start + at), value);
    else this.#storeImmediate(start + at, prng.chance(0.5) ? 0x90909090 : prng.u32());
  }

  #storeImmediate(offset: number, value: number): void {
    const immediate = [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
    const prefix = this.#options.codeSize === 16 ? [0x66] : [];
    this.#bytes.push(...prefix, ...this.#absolute([0xc7], 0, offset), ...immediate);
  }

  /** ModR/M of memory at an offset without registers. */
  #absolute(opcode: readonly number[], reg: number, offset: number): number[] {
    const bytes = [0, 8, 16, 24].map((shift) => (offset >>> shift) & 255);
    if (this.#options.codeSize === 64) return [...opcode, (reg << 3) | 4, 0x25, ...bytes];
    if (this.#options.codeSize === 32) return [...opcode, (reg << 3) | 5, ...bytes];
    return [...opcode, (reg << 3) | 6, ...bytes.slice(0, 2)];
  }

  #instruction(): void {
    const prng = this.#prng;
    const { codeSize } = this.#options;
    const mode = codeSize === 64 ? 64 : 32;
    const encoding = prng.pick(this.#encodings);
    this.#generator.generate({ ...encoding, modes: [mode] }, this.#record);
    const { code } = this.#record;
    if (prng.chance(0.9)) for (const register of this.#pointers(encoding, code)) this.#loadRegister(register);
    this.#bytes.push(...code);
  }

  /** Registers that the instruction forms addresses from. */
  #pointers(encoding: Encoding, code: Uint8Array): readonly number[] {
    const registers: number[] = [];
    if (STRINGS.has(encoding.mnemonic)) registers.push(RCX, RSI, RDI);
    if (STACK_USERS.has(encoding.mnemonic) && this.#prng.chance(0.3)) registers.push(RSP);
    if (encoding.mnemonic.startsWith('MASKMOV')) registers.push(RDI);
    const mode = (this.#options.codeSize === 64 ? MODE.CODE_64 : MODE.CODE_32) | MODE.FLAT | MODE.PROTECTED;
    const padded = new Uint8Array(32);
    padded.set(code);
    const decoded = this.#decoder.decode(padded, 0, 32, mode, this.#features);
    if (decoded.row !== undefined) {
      if (decoded.base >= 0) registers.push(decoded.base);
      if (decoded.index >= 0) registers.push(decoded.index);
    }
    return registers;
  }

  #loadRegister(register: number): void {
    const value = this.#record.gpr[register] ?? 0n;
    const { codeSize } = this.#options;
    const wide = codeSize === 64 && value > 0xffff_ffffn;
    if (codeSize === 16) this.#bytes.push(0x66);
    if (codeSize === 64 && (wide || register > 7)) this.#bytes.push(0x40 | (wide ? 8 : 0) | (register >> 3));
    this.#bytes.push(0xb8 | (register & 7));
    for (let i = 0n; i < (wide ? 8n : 4n); i++) this.#bytes.push(Number((value >> (8n * i)) & 255n));
  }
}
