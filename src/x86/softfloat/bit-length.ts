const scratch = new DataView(new ArrayBuffer(8));

/** Bits needed for a non-negative `value`; 0 for 0. */
export function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const approximation = Number(value);
  if (approximation === Number.POSITIVE_INFINITY) return value.toString(2).length;
  scratch.setFloat64(0, approximation);
  // A double's exponent, or one more where the conversion rounded up to a power of two.
  const length = (scratch.getUint32(0) >>> 20) - 1022;
  return value >> BigInt(length - 1) === 0n ? length - 1 : length;
}

/** Largest integer whose square is not above `value`. */
export function integerSquareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  // From 52 good bits, Newton's iteration from above doubles them each turn and then stops falling.
  const shift = Math.max(0, bitLength(value) - 104) & ~1;
  const estimate = BigInt(Math.ceil(Math.sqrt(Number(value >> BigInt(shift)))) + 1);
  let root = (estimate + (1n << 2n)) << BigInt(shift / 2);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
