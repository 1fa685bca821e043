/** 32-bit halves of a bigint by way of memory: faster than bigint arithmetic. */
const whole = new BigInt64Array(1);
const parts = new Int32Array(whole.buffer);

/** Bits 31:0, signed. */
export function lowHalf(value: bigint): number {
  whole[0] = value;
  return parts[0] as number;
}

/** Bits 63:32, signed. */
export function highHalf(value: bigint): number {
  whole[0] = value;
  return parts[1] as number;
}
