import { describe, expect, it } from 'vitest';
import { nodeClock, nodeEntropy } from '../node/clock.ts';
import { webClock, webEntropy } from './clock.ts';

describe.each([
  ['webClock', webClock],
  ['nodeClock', nodeClock],
])('%s', (_, clock) => {
  it('nowNs goes forward in nanoseconds', async () => {
    const startNs = clock.nowNs();
    await new Promise<void>((resolve) => clock.setTimer(20e6, resolve));
    const elapsedNs = clock.nowNs() - startNs;
    expect(elapsedNs).toBeGreaterThanOrEqual(19e6);
    expect(elapsedNs).toBeLessThan(5e9);
  });

  it('setTimer can be cancelled', async () => {
    let fired = false;
    clock.setTimer(1e6, () => {
      fired = true;
    })();
    await new Promise<void>((resolve) => clock.setTimer(20e6, resolve));
    expect(fired).toBe(false);
  });

  it('defer lets input and output go first, and comes back soon', async () => {
    let io = false;
    setImmediate(() => {
      io = true;
    });
    for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => clock.defer(resolve));
    expect(io).toBe(true);
  });
});

it.each([
  ['webEntropy', webEntropy],
  ['nodeEntropy', nodeEntropy],
])('%s fills more than one call of the platform gives', (_, entropy) => {
  const bytes = new Uint8Array(100_000);
  entropy(bytes);
  for (let start = 0; start < bytes.length; start += 1_000) {
    expect(bytes.subarray(start, start + 1_000).some((byte) => byte !== 0)).toBe(true);
  }
});
