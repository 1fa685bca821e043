import { randomFillSync } from 'node:crypto';
import type { EntropySource, HostClock } from '../../backends/host-clock.ts';

export const nodeClock: HostClock = {
  nowNs: () => performance.now() * 1e6,
  unixTimeMs: () => Date.now(),
  setTimer(delayNs, callback) {
    const timer = setTimeout(callback, Math.ceil(delayNs / 1e6));
    return () => clearTimeout(timer);
  },
  defer(callback) {
    setImmediate(callback);
  },
};

export const nodeEntropy: EntropySource = (bytes) => {
  randomFillSync(bytes);
};
