/** The host's time and turns, for whoever runs a machine. */
export interface HostClock {
  /** Monotonic nanoseconds from an arbitrary start. */
  nowNs(): number;
  /** Milliseconds since 1970-01-01 UTC, for the guest's real-time clock. */
  unixTimeMs(): number;
  /** Calls back once, after at least `delayNs`; returns the function that cancels. */
  setTimer(delayNs: number, callback: () => void): () => void;
  /** Calls back after the host has served the input and output that is pending. */
  defer(callback: () => void): void;
}

/** Unpredictable bytes, for RDRAND and virtio-rng. */
export type EntropySource = (bytes: Uint8Array) => void;
