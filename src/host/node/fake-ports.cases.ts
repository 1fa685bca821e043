import { PassThrough, Writable } from 'node:stream';
import type { ProcessPorts, SignalName } from './process-ports.ts';

/** A process for tests: streams in memory, and signals that are raised by hand. */
export class FakePorts implements ProcessPorts {
  readonly stdin: PassThrough & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout = new CollectingStream();
  readonly stderr = new CollectingStream();
  readonly environment: NodeJS.ProcessEnv = {};
  /** What the terminal was told, in order: `raw`, `cooked`, and `suspend` for the process. */
  readonly terminalLog: string[] = [];
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(options: { readonly isTerminal?: boolean } = {}) {
    this.stdin = new PassThrough();
    if (options.isTerminal !== true) return;
    Object.assign(this.stdin, {
      isTTY: true,
      setRawMode: (raw: boolean) => this.terminalLog.push(raw ? 'raw' : 'cooked'),
    });
    Object.assign(this.stdout, { isTTY: true, columns: 80, rows: 24 });
    Object.assign(this.stderr, { isTTY: true, columns: 80, rows: 24 });
  }

  onSignal(name: SignalName, listener: () => void): () => void {
    return this.#listen(name, listener);
  }

  onExit(listener: () => void): () => void {
    return this.#listen('exit', listener);
  }

  suspend(): void {
    this.terminalLog.push('suspend');
  }

  raise(name: SignalName | 'exit'): void {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }

  /** Listeners that are still there. */
  listenerCount(): number {
    return [...this.#listeners.values()].reduce((total, listeners) => total + listeners.size, 0);
  }

  #listen(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }
}

export class CollectingStream extends Writable {
  text = '';
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  /** Set to make writes fail the way a closed pipe does. */
  isBroken = false;

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.isBroken) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    this.text += chunk.toString('utf8');
    done();
  }
}
