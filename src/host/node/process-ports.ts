import type { Readable, Writable } from 'node:stream';

export const FORWARDED_SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15, SIGTSTP: 20, SIGCONT: 18 } as const;
export type SignalName = keyof typeof FORWARDED_SIGNALS;

export interface InputStream extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** The process that a command runs in: what it reads, writes and is told. Commands reach it through this only. */
export interface ProcessPorts {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: NodeJS.ProcessEnv;
  /** Listens to a signal, which then no longer ends the process; returns the function that stops listening. */
  onSignal(name: SignalName, listener: () => void): () => void;
  /** Called synchronously when the process is about to exit, for whatever cause. */
  onExit(listener: () => void): () => void;
  /** Stops this process the way job control does. */
  suspend(): void;
}

export function nodeProcessPorts(): ProcessPorts {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    onSignal(name, listener) {
      process.on(name, listener);
      return () => process.off(name, listener);
    },
    onExit(listener) {
      process.on('exit', listener);
      return () => process.off('exit', listener);
    },
    suspend() {
      process.kill(process.pid, 'SIGSTOP');
    },
  };
}

/** Writes and waits until the bytes are with the operating system, so that a slow reader slows the writer down. */
export function writeAll(stream: Writable, data: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
