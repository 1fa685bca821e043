/**
 * RCPPS and RSQRTPS: any result within 1.5 * 2^-12 of the true one will do, and processors differ (SDM Vol. 2B
 * "RCPPS", "RSQRTPS"). These are the true ones, rounded to 24 bits. No exceptions; MXCSR has no part in it.
 */

const SIGN = 0x8000_0000;
const INFINITY = 0x7f80_0000;
/** The least normal magnitude. */
const LEAST = 0x0080_0000;
const QUIET = 0x0040_0000;
const INDEFINITE = 0xffc0_0000;

const view = new DataView(new ArrayBuffer(4));

const toNumber = (bits: number): number => {
  view.setUint32(0, bits);
  return view.getFloat32(0);
};

const toBits = (value: number): number => {
  view.setFloat32(0, value);
  return view.getUint32(0);
};

const magnitude = (bits: number): number => bits & 0x7fff_ffff;
const isNan = (bits: number): boolean => magnitude(bits) > INFINITY;
/** Denormals count as zeros. */
const isZero = (bits: number): boolean => (bits & INFINITY) === 0;

/** On the bits of a single. */
export function approximateReciprocal(bits: number): number {
  if (isNan(bits)) return (bits | QUIET) >>> 0;
  const sign = (bits & SIGN) >>> 0;
  if (isZero(bits)) return (sign | INFINITY) >>> 0;
  const result = toBits(1 / toNumber(bits));
  // Tiny results are zeros; whether 2^-126 is one is open, and processors say yes.
  return magnitude(result) <= LEAST ? sign : result;
}

/** On the bits of a single. */
export function approximateReciprocalRoot(bits: number): number {
  if (isNan(bits)) return (bits | QUIET) >>> 0;
  if (isZero(bits)) return ((bits & SIGN) | INFINITY) >>> 0;
  if ((bits & SIGN) !== 0) return INDEFINITE;
  return toBits(1 / Math.sqrt(toNumber(bits)));
}
