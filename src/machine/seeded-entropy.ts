import type { EntropySource } from '../backends/host-clock.ts';

/** The same bytes in every run: Marsaglia's xorshift32, "Xorshift RNGs" (2003). For counted time only. */
export function seededEntropy(seed: number): EntropySource {
  let state = seed | 0 || 1;
  return (bytes) => {
    for (let i = 0; i < bytes.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bytes[i] = state >>> 11;
    }
  };
}
