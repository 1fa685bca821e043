import type { IntrinsicTable } from './intrinsic.ts';

/** Polynomial product over GF(2) of 64-bit factors. */
function carrylessProduct(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let factor = a, rest = b; rest !== 0n; rest >>= 1n, factor <<= 1n) if (rest & 1n) product ^= factor;
  return product;
}

/** imm8[0] and imm8[4] choose the halves of destination and source: SDM Vol. 2B "PCLMULQDQ". */
export const pclmulqdqIntrinsics: IntrinsicTable = {
  PCLMULQDQ: {
    kind: 'pure',
    evaluate: ([a, b, imm8]) => {
      const half = (vector: bigint, chosen: bigint): bigint => BigInt.asUintN(64, vector >> ((chosen & 1n) * 64n));
      return carrylessProduct(half(a!, imm8!), half(b!, imm8! >> 4n));
    },
  },
};
