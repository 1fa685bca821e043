/** IRR, ISR and TMR: 256 bits in eight registers of 32, as the guest reads them. */
export type VectorSet = number[];

const WORDS = 8;

export const newVectorSet = (): VectorSet => new Array<number>(WORDS).fill(0);

export const hasVector = (set: VectorSet, vector: number) => (((set[vector >> 5] ?? 0) >>> (vector & 31)) & 1) !== 0;

export function addVector(set: VectorSet, vector: number): void {
  set[vector >> 5] = ((set[vector >> 5] ?? 0) | (1 << (vector & 31))) >>> 0;
}

export function removeVector(set: VectorSet, vector: number): void {
  set[vector >> 5] = ((set[vector >> 5] ?? 0) & ~(1 << (vector & 31))) >>> 0;
}

/** The highest vector, or -1. Hot: asked on every interrupt and EOI. */
export function highestVector(set: VectorSet): number {
  for (let word = WORDS - 1; word >= 0; word--) {
    const bits = set[word] ?? 0;
    if (bits !== 0) return 32 * word + 31 - Math.clz32(bits);
  }
  return -1;
}
