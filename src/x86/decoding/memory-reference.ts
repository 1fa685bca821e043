import { GPR, SEG } from '../state.ts';
import type { InstructionBytes } from './instruction-bytes.ts';

const { RBX, RSP, RBP, RSI, RDI } = GPR;

/** Registers of 16-bit addresses by ModR/M.rm (SDM Vol. 2A Table 2-1). */
const BASE_16 = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX] as const;
const INDEX_16 = [RSI, RDI, RSI, RDI, -1, -1, -1, -1] as const;

const REX_B = 1;
const REX_X = 2;

/** What ModR/M, SIB and displacement say about the memory operand; fields as in Instruction. */
export class MemoryReference {
  /** Default segment. */
  segment: number = SEG.DS;
  base = -1;
  index = -1;
  scale = 0;
  displacement = 0;
  displacementHigh = 0;
  ripRelative = false;

  clear(): void {
    this.segment = SEG.DS;
    this.base = -1;
    this.index = -1;
    this.scale = 0;
    this.displacement = 0;
    this.displacementHigh = 0;
    this.ripRelative = false;
  }

  /** SDM Vol. 2A Table 2-1 "16-Bit Addressing Forms with the ModR/M Byte". */
  read16(bytes: InstructionBytes, modrm: number): void {
    const mod = modrm >> 6;
    const rm = modrm & 7;
    if (mod === 0 && rm === 6) {
      this.#displace(bytes.i16());
      return;
    }
    this.base = BASE_16[rm]!;
    this.index = INDEX_16[rm]!;
    if (this.base === RBP) this.segment = SEG.SS;
    if (mod === 1) this.#displace(bytes.i8());
    else if (mod === 2) this.#displace(bytes.i16());
  }

  /** SDM Vol. 2A Tables 2-2 and 2-3, §2.2.1.6 "RIP-Relative Addressing". */
  read(bytes: InstructionBytes, modrm: number, options: { rex: number; mode64: boolean }): void {
    const mod = modrm >> 6;
    const rm = modrm & 7;
    let base = rm;
    if (rm === RSP) {
      const sib = bytes.u8();
      const index = ((sib >> 3) & 7) | ((options.rex & REX_X) << 2);
      if (index !== RSP) {
        this.index = index;
        this.scale = sib >> 6;
      }
      base = sib & 7;
    }
    if (base === RBP && mod === 0) {
      this.ripRelative = options.mode64 && rm === RBP;
      this.#displace(bytes.i32());
      return;
    }
    this.base = base | ((options.rex & REX_B) << 3);
    if (this.base === RSP || this.base === RBP) this.segment = SEG.SS;
    if (mod === 1) this.#displace(bytes.i8());
    else if (mod === 2) this.#displace(bytes.i32());
  }

  /** An absolute offset of the address size (MOV's moffs forms). */
  readOffset(bytes: InstructionBytes, addressSize: 16 | 32 | 64): void {
    this.#displace(addressSize === 16 ? bytes.u16() : bytes.i32());
    if (addressSize === 64) this.displacementHigh = bytes.i32();
  }

  #displace(displacement: number): void {
    this.displacement = displacement;
    this.displacementHigh = displacement >> 31;
  }
}
