import type { ConsoleChannel } from '../backends/console.ts';
import { VmmError } from '../base/errors.ts';

/**
 * A guest's console: bytes, not text. It has one reader; until somebody reads, only the newest output is kept,
 * and once somebody has begun to read, the guest waits for a slow reader rather than lose output.
 */
export class VirtualConsole implements AsyncIterable<Uint8Array> {
  readonly #channel: ConsoleChannel;
  #unread: Uint8Array = new Uint8Array(0);
  #taken: Promise<Uint8Array | null> | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(channel: ConsoleChannel) {
    this.#channel = channel;
  }

  /** Output as a Web Stream. */
  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = await this.read();
          if (bytes === null) controller.close();
          else controller.enqueue(bytes);
        },
      },
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  /** Input as a Web Stream. Closing it says nothing to the guest: a serial line has no end of file. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream<Uint8Array>({ write: (bytes) => this.#channel.send(bytes) });
    return this.#writable;
  }

  /** Types into the console; resolves when the guest has taken enough of it for more to be welcome. */
  write(data: string | Uint8Array): Promise<void> {
    return this.#channel.send(typeof data === 'string' ? new TextEncoder().encode(data) : data);
  }

  /** The next output; null when the machine has stopped and everything was read. */
  async read(): Promise<Uint8Array | null> {
    return this.#read(undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  /**
   * Reads until the output holds `pattern` and returns the text up to and with it; what follows stays to be read.
   * A regular expression sees each byte as one character (ISO 8859-1).
   */
  async waitFor(pattern: string | RegExp, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    let seen: Uint8Array = new Uint8Array(0);
    try {
      for (;;) {
        const bytes = await this.#read(options.signal);
        if (bytes === null) {
          throw new VmmError('VMM_CONSOLE_ENDED', `The console ended before it showed ${pattern}`);
        }
        seen = concat(seen, bytes);
        const endByte = matchEnd(seen, pattern);
        if (endByte === null) continue;
        const text = new TextDecoder().decode(seen.subarray(0, endByte));
        seen = seen.slice(endByte);
        return text;
      }
    } finally {
      this.#unread = concat(seen, this.#unread);
    }
  }

  /** A read that is aborted loses nothing: what it would have returned is the next read's. */
  async #read(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    this.#channel.overflow = 'wait';
    if (this.#unread.length > 0) {
      const bytes = this.#unread;
      this.#unread = new Uint8Array(0);
      return bytes;
    }
    this.#taken ??= this.#channel.take();
    const bytes = await abortable(this.#taken, signal);
    this.#taken = undefined;
    return bytes;
  }
}

function matchEnd(bytes: Uint8Array, pattern: string | RegExp): number | null {
  const haystack = byteString(bytes);
  if (typeof pattern === 'string') {
    const needle = byteString(new TextEncoder().encode(pattern));
    const start = haystack.indexOf(needle);
    return start < 0 ? null : start + needle.length;
  }
  const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(haystack);
  return match === null ? null : match.index + match[0].length;
}

/** One character per byte, so that positions in the string are positions in the bytes. */
function byteString(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

/** Rejects with the signal's reason when it aborts first. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
