import type { DecodedOperand } from '../instruction.ts';
import { SIZE } from './form.ts';
import type { InstructionBytes } from './instruction-bytes.ts';
import { BYTE_IMMEDIATES, SIGNED_BYTE_IMMEDIATES } from './operands.ts';

/** An immediate of SIZE `size`, extended to `width` (the operand size) where its letter says so. */
export function readImmediate(bytes: InstructionBytes, size: number, width: 16 | 32 | 64): DecodedOperand {
  if (size === SIZE.b) return BYTE_IMMEDIATES[bytes.u8()]!;
  if (size === SIZE.bs) return SIGNED_BYTE_IMMEDIATES[(width >> 5) * 256 + bytes.u8()]!;
  if (size === SIZE.w || (size !== SIZE.d && width === 16)) {
    return { kind: 'immediate', width: 16, value: BigInt(bytes.u16()) };
  }
  const low = bytes.i32();
  if (size === SIZE.d || width === 32) return { kind: 'immediate', width: 32, value: BigInt(low >>> 0) };
  // z is sign-extended to 64 bits; only v (MOV) has all of them.
  if (size === SIZE.z) return { kind: 'immediate', width, value: BigInt.asUintN(64, BigInt(low)) };
  const high = bytes.i32();
  return { kind: 'immediate', width, value: (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0) };
}

/** A branch displacement of 8, 16 or 32 bits, sign-extended. */
export function readRelative(bytes: InstructionBytes, bits: number): number {
  if (bits === 8) return bytes.i8();
  return bits === 16 ? bytes.i16() : bytes.i32();
}
