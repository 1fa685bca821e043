import type { ProcessPorts } from './process-ports.ts';

/**
 * The terminal on stdin in raw mode, so that every key reaches the guest. It is put back on `leave`, when the
 * process exits for whatever cause (an uncaught exception too), and while the process is stopped by job control.
 * Does nothing where stdin is no terminal.
 */
export class RawTerminal {
  readonly #ports: ProcessPorts;
  #release: (() => void)[] = [];

  constructor(ports: ProcessPorts) {
    this.#ports = ports;
  }

  get isTerminal(): boolean {
    return this.#ports.stdin.isTTY === true && this.#ports.stdin.setRawMode !== undefined;
  }

  enter(): void {
    if (!this.isTerminal || this.#release.length > 0) return;
    this.#release = [
      this.#ports.onExit(() => this.#setRaw(false)),
      this.#ports.onSignal('SIGTSTP', () => {
        this.#setRaw(false);
        this.#ports.suspend();
      }),
      this.#ports.onSignal('SIGCONT', () => this.#setRaw(true)),
    ];
    this.#setRaw(true);
  }

  leave(): void {
    if (this.#release.length === 0) return;
    for (const release of this.#release) release();
    this.#release = [];
    this.#setRaw(false);
  }

  #setRaw(raw: boolean): void {
    try {
      this.#ports.stdin.setRawMode?.(raw);
    } catch {
      // The terminal is gone (SIGHUP): there is nothing to put back.
    }
  }
}
