import { type FloatContext, FloatException, raise, trapped } from './context.ts';
import type { FloatFormat } from './formats.ts';

/** Operand classes, in an order that lets `kind >= Kind.QuietNan` ask for "no number". SDM Vol. 1 §4.8.3, §8.2.2. */
export const Kind = { Zero: 0, Finite: 1, Infinite: 2, QuietNan: 3, SignalingNan: 4, Unsupported: 5 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** A decoded operand of any format: `(-1)^sign * significand * 2^exponent` when finite. */
export type Unpacked = {
  readonly kind: Kind;
  readonly sign: number;
  /** Weight of the significand's bit 0. */
  readonly exponent: number;
  /** Finite: an integer, not normalized. NaN: the payload as in f80, left-aligned in 64 bits with its integer bit. */
  readonly significand: bigint;
  /** Denormal or pseudo-denormal. */
  readonly denormal: boolean;
};

const QUIET = 1n << 62n;

export function unpack(format: FloatFormat, bits: bigint, ctx: FloatContext): Unpacked {
  const stored = BigInt.asUintN(format.storedBits, bits);
  const head = Number(bits >> BigInt(format.storedBits));
  const exponentMax = 2 ** format.exponentBits - 1;
  const sign = head >> format.exponentBits;
  const biased = head & exponentMax;
  if (biased === 0) {
    if (stored === 0n || ctx.denormalsAreZero) return zero(sign);
    return finite(sign, format.minExponent - format.precisionBits + 1, stored, true);
  }
  const integerBit = 1n << BigInt(format.precisionBits - 1);
  if (format.explicitInteger && (stored & integerBit) === 0n) {
    return { kind: Kind.Unsupported, sign, exponent: 0, significand: stored, denormal: false };
  }
  const significand = stored | integerBit;
  if (biased !== exponentMax) {
    return finite(sign, biased - format.bias - format.precisionBits + 1, significand, false);
  }
  if (significand === integerBit) return infinite(sign);
  const payload = significand << BigInt(64 - format.precisionBits);
  const kind = (payload & QUIET) === 0n ? Kind.SignalingNan : Kind.QuietNan;
  return { kind, sign, exponent: 0, significand: payload, denormal: false };
}

export function zero(sign: number): Unpacked {
  return { kind: Kind.Zero, sign, exponent: 0, significand: 0n, denormal: false };
}

export function infinite(sign: number): Unpacked {
  return { kind: Kind.Infinite, sign, exponent: 0, significand: 0n, denormal: false };
}

export function finite(sign: number, exponent: number, significand: bigint, denormal = false): Unpacked {
  return { kind: Kind.Finite, sign, exponent, significand, denormal };
}

export function packZero(format: FloatFormat, sign: number): bigint {
  return sign === 0 ? 0n : 1n << BigInt(format.widthBits - 1);
}

export function packInfinity(format: FloatFormat, sign: number): bigint {
  return packZero(format, sign) | format.positiveInfinity;
}

/** Invalid operation: the flag, and the QNaN floating-point indefinite. */
export function invalid(format: FloatFormat, ctx: FloatContext): bigint {
  raise(ctx, FloatException.Invalid);
  return format.indefinite;
}

/** Flags denormal operands; true when the exception is unmasked and the operation must not be done. */
export function denormalTraps(ctx: FloatContext, x: Unpacked, y?: Unpacked): boolean {
  if (!x.denormal && !y?.denormal) return false;
  raise(ctx, FloatException.Denormal);
  return trapped(ctx, FloatException.Denormal);
}
