import { WINDOWS } from './layout.ts';

/** Where `bytes` bytes at a linear address are in a record, if one window has them all. */
export function offsetOf(linear: number, bytes: number): number | undefined {
  for (const window of Object.values(WINDOWS)) {
    const within = linear - window.linear;
    if (within >= 0 && within + bytes <= window.sizeBytes) return window.offset + within;
  }
  return undefined;
}
