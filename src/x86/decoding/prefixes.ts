import { SEG } from '../state.ts';
import type { InstructionBytes } from './instruction-bytes.ts';

const PREFIX = { NONE: 0, OPERAND_SIZE: 1, ADDRESS_SIZE: 2, LOCK: 3, REP: 4, REPNE: 5, SEGMENT: 6 } as const;

const PREFIX_BYTES: Readonly<Record<number, number>> = {
  102: PREFIX.OPERAND_SIZE,
  103: PREFIX.ADDRESS_SIZE,
  240: PREFIX.LOCK,
  243: PREFIX.REP,
  242: PREFIX.REPNE,
  38: PREFIX.SEGMENT + SEG.ES,
  46: PREFIX.SEGMENT + SEG.CS,
  54: PREFIX.SEGMENT + SEG.SS,
  62: PREFIX.SEGMENT + SEG.DS,
  100: PREFIX.SEGMENT + SEG.FS,
  101: PREFIX.SEGMENT + SEG.GS,
};

/** PREFIX by byte; segment overrides are SEGMENT + SEG number. */
const PREFIXES: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, byte) => PREFIX_BYTES[byte] ?? PREFIX.NONE);

/** Index of the mandatory prefix in a PREFIX branch. F2 and F3 go before 66, the last of them counts. */
export const MANDATORY = { NONE: 0, P66: 1, F3: 2, F2: 3 } as const;

/** Legacy prefixes and REX of one instruction (SDM Vol. 2A §2.1.1, §2.2.1). */
export class Prefixes {
  operandSize = false;
  addressSize = false;
  lock = false;
  /** MANDATORY.F3, F2 or NONE. */
  repeat: number = MANDATORY.NONE;
  /** SEG number or -1. */
  segment = -1;
  /** 0 if absent. */
  rex = 0;

  /** Reads prefixes in any order. REX counts only right before the opcode. Returns the byte after them. */
  read(bytes: InstructionBytes, mode64: boolean): number {
    this.operandSize = false;
    this.addressSize = false;
    this.lock = false;
    this.repeat = MANDATORY.NONE;
    this.segment = -1;
    this.rex = 0;
    for (;;) {
      const byte = bytes.u8();
      const prefix = PREFIXES[byte]!;
      if (prefix === PREFIX.NONE) {
        if ((byte & 0xf0) !== 0x40 || !mode64) return byte;
        this.rex = byte;
      } else {
        this.rex = 0;
        this.#legacy(prefix, mode64);
      }
    }
  }

  #legacy(prefix: number, mode64: boolean): void {
    if (prefix === PREFIX.OPERAND_SIZE) this.operandSize = true;
    else if (prefix === PREFIX.ADDRESS_SIZE) this.addressSize = true;
    else if (prefix === PREFIX.LOCK) this.lock = true;
    else if (prefix === PREFIX.REP) this.repeat = MANDATORY.F3;
    else if (prefix === PREFIX.REPNE) this.repeat = MANDATORY.F2;
    // In 64-bit mode the overrides of ES, CS, SS and DS are ignored (SDM Vol. 1 §3.3.7.1).
    else if (!mode64 || prefix >= PREFIX.SEGMENT + SEG.FS) this.segment = prefix - PREFIX.SEGMENT;
  }

  /** Whether one is present that must not go with VEX. */
  get excludeVex(): boolean {
    return this.operandSize || this.lock || this.repeat !== MANDATORY.NONE || this.rex !== 0;
  }
}
