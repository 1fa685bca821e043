/** RC field of the x87 control word and of MXCSR. SDM Vol. 1 §4.8.4 "Rounding", Table 4-8. */
export const Rounding = { Nearest: 0, Down: 1, Up: 2, Zero: 3 } as const;
export type Rounding = (typeof Rounding)[keyof typeof Rounding];

/**
 * Exception flags; the same bit order in the x87 status word, the x87 control word's masks and MXCSR.
 * SDM Vol. 1 §8.1.3.3 "x87 Floating-Point Exception Flags", §10.2.3 "MXCSR Control and Status Register".
 */
export const FloatException = {
  Invalid: 0x01,
  Denormal: 0x02,
  ZeroDivide: 0x04,
  Overflow: 0x08,
  Underflow: 0x10,
  Precision: 0x20,
} as const;

/** Raised before the operation is done: unmasked, they suppress it. SDM Vol. 1 §11.5.1. */
export const PRE_COMPUTATION = FloatException.Invalid | FloatException.Denormal | FloatException.ZeroDivide;

/** What an operation reads of the control registers, and what it leaves of the status ones. */
export type FloatContext = {
  /** Decides NaN propagation and what an unmasked overflow or underflow yields. */
  family: 'sse' | 'x87';
  rounding: Rounding;
  /** Precision control of x87: significand bits of FADD, FSUB, FMUL, FDIV and FSQRT. SDM Vol. 1 §8.1.5.2. */
  precisionBits: number;
  denormalsAreZero: boolean;
  flushToZero: boolean;
  /** A set bit masks the exception. */
  masks: number;
  /** Accumulates; the caller clears it. */
  flags: number;
  /** The magnitude was rounded up: C1 of the x87 status word. The caller clears it. */
  roundedUp: boolean;
};

// PC field: 24, reserved, 53, 64 bits. The reserved encoding acts as full precision.
const PRECISION_BITS = [24, 64, 53, 64];

export function x87Context(controlWord: number): FloatContext {
  return loadControlWord(
    {
      family: 'x87',
      rounding: Rounding.Nearest,
      precisionBits: 64,
      denormalsAreZero: false,
      flushToZero: false,
      masks: 0x3f,
      flags: 0,
      roundedUp: false,
    },
    controlWord,
  );
}

export function sseContext(mxcsr: number): FloatContext {
  return loadMxcsr({ ...x87Context(0x37f), family: 'sse' }, mxcsr);
}

/** Readies `ctx` for one x87 instruction; flags start clear. Layout: SDM Vol. 1 Figure 8-6. */
export function loadControlWord(ctx: FloatContext, controlWord: number): FloatContext {
  // [11:10] RC  [9:8] PC  [5:0] masks
  ctx.masks = controlWord & 0x3f;
  ctx.precisionBits = PRECISION_BITS[(controlWord >> 8) & 3]!;
  ctx.rounding = roundingFromField(controlWord >> 10);
  ctx.flags = 0;
  ctx.roundedUp = false;
  return ctx;
}

/** Readies `ctx` for one SSE instruction; flags start clear. Layout: SDM Vol. 1 Figure 10-3. */
export function loadMxcsr(ctx: FloatContext, mxcsr: number): FloatContext {
  // [15] FTZ  [14:13] RC  [12:7] masks  [6] DAZ  [5:0] flags
  ctx.denormalsAreZero = (mxcsr & 0x40) !== 0;
  ctx.masks = (mxcsr >> 7) & 0x3f;
  ctx.rounding = roundingFromField(mxcsr >> 13);
  ctx.flushToZero = (mxcsr & 0x8000) !== 0;
  ctx.flags = 0;
  ctx.roundedUp = false;
  return ctx;
}

export function roundingFromField(field: number): Rounding {
  return (field & 3) as Rounding;
}

export function raise(ctx: FloatContext, exceptions: number): void {
  ctx.flags |= exceptions;
}

/** An unmasked exception among `candidates` has been raised. */
export function trapped(ctx: FloatContext, candidates: number): boolean {
  return (ctx.flags & ~ctx.masks & candidates) !== 0;
}

/**
 * Flags that a packed SSE instruction reports: when any element has an unmasked pre-computation exception, no element's
 * operation is done and post-computation exceptions do not appear. SDM Vol. 1 §11.5.3 "Handling SIMD Floating-Point
 * Exceptions in Hardware".
 */
export function reportedFlags(ctx: FloatContext): number {
  return trapped(ctx, PRE_COMPUTATION) ? ctx.flags & PRE_COMPUTATION : ctx.flags;
}
