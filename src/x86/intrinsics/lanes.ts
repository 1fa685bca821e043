/** Vectors as intrinsics get them: unsigned bigints whose lane 0 is the lowest. */

/** The `count` low lanes of `bits`, unsigned. */
export const toLanes = (vector: bigint, bits: number, count = 128 / bits): bigint[] =>
  Array.from({ length: count }, (_, n) => BigInt.asUintN(bits, vector >> BigInt(n * bits)));

export const fromLanes = (lanes: readonly bigint[], bits: number): bigint =>
  lanes.reduceRight((vector, lane) => (vector << BigInt(bits)) | BigInt.asUintN(bits, lane), 0n);

/** Lanes of up to 32 bits as numbers. */
export const toNumbers = (vector: bigint, bits: 8 | 16 | 32): number[] => toLanes(vector, bits).map(Number);

/** Numbers of any sign, each cut to `bits`. */
export const fromNumbers = (lanes: readonly number[], bits: 8 | 16 | 32): bigint => fromLanes(lanes.map(BigInt), bits);
