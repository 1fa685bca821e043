/** Binary floating-point formats of x86. SDM Vol. 1 §4.2.2 "Floating-Point Data Types", Table 4-2. */
export type FloatFormat = {
  readonly name: 'f16' | 'f32' | 'f64' | 'f80';
  readonly widthBits: number;
  readonly exponentBits: number;
  /** Significand bits including the integer bit, stored or implied. */
  readonly precisionBits: number;
  /** The integer bit (J) is stored: double extended precision only. */
  readonly explicitInteger: boolean;
  /** Significand bits as stored. */
  readonly storedBits: number;
  readonly bias: number;
  /** Exponent of the integer bit of the least and the largest normal number. */
  readonly minExponent: number;
  readonly maxExponent: number;
  readonly positiveInfinity: bigint;
  /** QNaN floating-point indefinite. SDM Vol. 1 §4.8.3.7. */
  readonly indefinite: bigint;
};

function describe(
  name: FloatFormat['name'],
  layout: { exponentBits: number; precisionBits: number; explicitInteger: boolean },
): FloatFormat {
  const { exponentBits, precisionBits, explicitInteger } = layout;
  const storedBits = explicitInteger ? precisionBits : precisionBits - 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponentField = (1n << BigInt(exponentBits)) - 1n;
  const stored = BigInt(storedBits);
  const integerBit = explicitInteger ? 1n << (stored - 1n) : 0n;
  const positiveInfinity = (exponentField << stored) | integerBit;
  return {
    name,
    widthBits: 1 + exponentBits + storedBits,
    exponentBits,
    precisionBits,
    explicitInteger,
    storedBits,
    bias,
    minExponent: 1 - bias,
    maxExponent: bias,
    positiveInfinity,
    indefinite: (1n << BigInt(exponentBits + storedBits)) | positiveInfinity | (1n << BigInt(precisionBits - 2)),
  };
}

// [15] sign  [14:10] exponent  [9:0] fraction
export const F16 = describe('f16', { exponentBits: 5, precisionBits: 11, explicitInteger: false });
// [31] sign  [30:23] exponent  [22:0] fraction
export const F32 = describe('f32', { exponentBits: 8, precisionBits: 24, explicitInteger: false });
// [63] sign  [62:52] exponent  [51:0] fraction
export const F64 = describe('f64', { exponentBits: 11, precisionBits: 53, explicitInteger: false });
// [79] sign  [78:64] exponent  [63] integer bit  [62:0] fraction
export const F80 = describe('f80', { exponentBits: 15, precisionBits: 64, explicitInteger: true });
