import type { EntropySource, HostClock } from '../../backends/host-clock.ts';

/** The clock of any runtime with the web's timers: browsers, workers, Node. */
export const webClock: HostClock = {
  nowNs: () => performance.now() * 1e6,
  unixTimeMs: () => Date.now(),
  setTimer(delayNs, callback) {
    const timer = setTimeout(callback, Math.ceil(delayNs / 1e6));
    return () => clearTimeout(timer);
  },
  defer(callback) {
    // A message comes at once; a timer of 0 ms is held back to 4 ms after a few of them. HTML §8.7 "Timers".
    const { port1, port2 } = new MessageChannel();
    const receiver: EventTarget = port1;
    receiver.addEventListener(
      'message',
      () => {
        port1.close();
        callback();
      },
      { once: true },
    );
    port1.start();
    port2.postMessage(null);
  },
};

/** getRandomValues gives at most this much in one call. W3C Web Cryptography §10.1.1. */
const RANDOM_CHUNK_BYTES = 65_536;

export const webEntropy: EntropySource = (bytes) => {
  for (let start = 0; start < bytes.length; start += RANDOM_CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.min(RANDOM_CHUNK_BYTES, bytes.length - start));
    bytes.set(crypto.getRandomValues(chunk), start);
  }
};
