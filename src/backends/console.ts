/**
 * The host end of a guest's character device, as the device sees it. Input is pulled, so that a device takes
 * only what it has room for; output is pushed, and whoever runs the vCPU waits while `isOverfull`.
 */
export interface ConsolePort {
  /** Bytes from the guest, in order; copied. Never blocks and never refuses. */
  write(bytes: Uint8Array): void;
  /** The host reads slower than the guest writes: stop running guest code until `drained()`. */
  readonly isOverfull: boolean;
  drained(): Promise<void>;
  /** Input waiting for the guest. */
  readonly readableBytes: number;
  /** A view of the input waiting, valid until the next call. */
  peek(): Uint8Array;
  /** Takes the first `lengthBytes` of what `peek` shows. */
  consume(lengthBytes: number): void;
  /** Sets the one callback that is told when input arrives. A device with room pulls at once; one without pulls later. */
  onReadable(notify: () => void): void;
}

/** Output held for a slow reader before the guest has to wait. A 115200 baud line needs 6 s to fill it. */
const OUTPUT_HIGH_WATER_BYTES = 64 * 1024;
/** Input accepted ahead of the guest. */
const INPUT_HIGH_WATER_BYTES = 4 * 1024;

/** What happens to output that nobody takes: hold the guest, or keep only the newest bytes. */
export type OverflowPolicy = 'wait' | 'drop-oldest';

/** A console with two ends: the device's (`ConsolePort`) and the host's (`send`, `take`, `close`). */
export class ConsoleChannel implements ConsolePort {
  overflow: OverflowPolicy;
  /** Output bytes dropped under `drop-oldest`. */
  droppedBytes = 0;
  readonly #output = new ByteQueue();
  readonly #input = new ByteQueue();
  readonly #outputDrained = new Signal();
  readonly #outputReady = new Signal();
  readonly #inputDrained = new Signal();
  #notifyReadable: () => void = () => {};
  #closed = false;

  constructor(overflow: OverflowPolicy = 'wait') {
    this.overflow = overflow;
  }

  write(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#output.push(bytes);
    if (this.overflow === 'drop-oldest') {
      const excessBytes = this.#output.lengthBytes - OUTPUT_HIGH_WATER_BYTES;
      if (excessBytes > 0) this.droppedBytes += this.#output.skip(excessBytes);
    }
    this.#outputReady.raise();
  }

  get isOverfull(): boolean {
    return this.#output.lengthBytes >= OUTPUT_HIGH_WATER_BYTES && this.overflow === 'wait' && !this.#closed;
  }

  async drained(): Promise<void> {
    while (this.isOverfull) await this.#outputDrained.wait();
  }

  get readableBytes(): number {
    return this.#input.lengthBytes;
  }

  peek(): Uint8Array {
    return this.#input.peek();
  }

  consume(lengthBytes: number): void {
    this.#input.skip(lengthBytes);
    if (this.#input.lengthBytes < INPUT_HIGH_WATER_BYTES) this.#inputDrained.raise();
  }

  onReadable(notify: () => void): void {
    this.#notifyReadable = notify;
    if (this.readableBytes > 0) notify();
  }

  /** Host end: all output so far, as soon as there is some; null when the console is closed and empty. */
  async take(): Promise<Uint8Array | null> {
    while (this.#output.lengthBytes === 0) {
      if (this.#closed) return null;
      await this.#outputReady.wait();
    }
    const bytes = this.#output.peek().slice();
    this.#output.skip(bytes.length);
    this.#outputDrained.raise();
    return bytes;
  }

  /** Host end: input for the guest. Resolves when the guest has taken enough of it for more to be welcome. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.#closed || bytes.length === 0) return;
    this.#input.push(bytes);
    this.#notifyReadable();
    while (this.#input.lengthBytes >= INPUT_HIGH_WATER_BYTES && !this.#closed) await this.#inputDrained.wait();
  }

  /** Ends both directions: what is buffered for the host can still be taken, everybody who waits is let go. */
  close(): void {
    this.#closed = true;
    this.#outputReady.raise();
    this.#outputDrained.raise();
    this.#inputDrained.raise();
  }
}

/**
 * Gives a receiver the input of a console; `receive` answers how many of the bytes it took. Returns the function
 * to call when the receiver has room again.
 */
export function feedInput(port: ConsolePort, receive: (bytes: Uint8Array) => number): () => void {
  const offer = () => {
    while (port.readableBytes > 0) {
      const takenBytes = receive(port.peek());
      port.consume(takenBytes);
      if (takenBytes === 0) return;
    }
  };
  port.onReadable(offer);
  return offer;
}

/** A console nobody is connected to. */
export class NullConsole implements ConsolePort {
  readonly isOverfull = false;
  readonly readableBytes = 0;

  write(): void {}

  async drained(): Promise<void> {}

  peek(): Uint8Array {
    return new Uint8Array(0);
  }

  consume(): void {}

  onReadable(): void {}
}

/** Bytes first in, first out; grows to what is held. A serial port writes it a byte at a time. */
class ByteQueue {
  #bytes = new Uint8Array(256);
  #start = 0;
  #end = 0;

  get lengthBytes(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  peek(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  skip(lengthBytes: number): number {
    const skippedBytes = Math.min(this.lengthBytes, Math.max(0, lengthBytes));
    this.#start += skippedBytes;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    return skippedBytes;
  }

  #makeRoom(extraBytes: number): void {
    const neededBytes = this.lengthBytes + extraBytes;
    const target = neededBytes * 2 > this.#bytes.length ? new Uint8Array(neededBytes * 2) : this.#bytes;
    target.set(this.#bytes.subarray(this.#start, this.#end));
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = target;
  }
}

/** Wakes everybody who waits; a raise that nobody waits for is forgotten, so waiters loop on their condition. */
class Signal {
  #waiters: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  raise(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
