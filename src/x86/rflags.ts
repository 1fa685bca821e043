import { RFLAGS, STATE, STATUS_FLAGS } from './state.ts';

/** RFLAGS from the lazy status flags and the stored system flags of the state (state.ts). */

const RESULT_LOW = STATE.flagResult >> 2;
const RESULT_HIGH = RESULT_LOW + 1;
const AUX = STATE.flagAux >> 2;
const SYSTEM = STATE.rflagsSystem >> 2;

/** Bits of RFLAGS that do not exist: bit 1 reads as one, the others as zero. */
const SYSTEM_FLAGS =
  RFLAGS.TF |
  RFLAGS.IF |
  RFLAGS.DF |
  RFLAGS.IOPL |
  RFLAGS.NT |
  RFLAGS.RF |
  RFLAGS.VM |
  RFLAGS.AC |
  RFLAGS.VIF |
  RFLAGS.VIP |
  RFLAGS.ID;

export function readRflags(words: Int32Array): number {
  const low = words[RESULT_LOW] as number;
  const high = words[RESULT_HIGH] as number;
  const aux = words[AUX] as number;
  const carry = aux >>> 31;
  // PF is the parity of the result's low byte: set for an even number of ones.
  let parity = (low ^ (aux >>> 8)) & 0xff;
  parity ^= parity >> 4;
  parity = (0x6996 >> (parity & 15)) & 1;
  const sign = (high >>> 31) ^ (aux & 1);
  return (
    ((words[SYSTEM] as number) & SYSTEM_FLAGS) |
    RFLAGS.FIXED |
    carry |
    (parity === 0 ? RFLAGS.PF : 0) |
    ((aux & 8) << 1) |
    ((low | high) === 0 ? RFLAGS.ZF : 0) |
    (sign << 7) |
    ((carry ^ ((aux >>> 30) & 1)) << 11)
  );
}

export function writeRflags(words: Int32Array, value: number): void {
  // Result 0 has ZF and even parity; result 1 has neither. SF and PF are then corrected by their xor bits.
  const zero = (value & RFLAGS.ZF) !== 0;
  const result = zero ? 0 : 1;
  const parityFlag = (value & RFLAGS.PF) !== 0;
  const carry = value & RFLAGS.CF;
  const overflow = (value >>> 11) & 1;
  words[RESULT_LOW] = result;
  words[RESULT_HIGH] = 0;
  words[AUX] =
    (carry << 31) |
    ((carry ^ overflow) << 30) |
    (parityFlag === zero ? 0 : 1 << 8) |
    ((value & RFLAGS.AF) >> 1) |
    ((value >>> 7) & 1);
  words[SYSTEM] = (value & ~STATUS_FLAGS & SYSTEM_FLAGS) | RFLAGS.FIXED;
}
