/** Bits 63:47 of an address are all the same (48-bit linear addresses): a matter of its upper half. */
export function isCanonicalHigh(linearHigh: number): boolean {
  return (linearHigh << 16) >> 16 === (linearHigh | 0);
}

export function isCanonicalAddress(linear: bigint): boolean {
  return isCanonicalHigh(Number(BigInt.asIntN(32, linear >> 32n)));
}
