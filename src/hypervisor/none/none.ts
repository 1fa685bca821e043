import type { Personality } from '../personality.ts';

/** Bare hardware: no sign of a hypervisor. */
export const createNonePersonality = (): Personality => ({
  name: 'none',
  cpuidLeaf: undefined,
  readMsr: () => undefined,
  writeMsr: () => undefined,
  hypercall: () => undefined,
  refresh: () => {},
  reset: () => {},
});
