import type { ConsoleChannel } from '../backends/console.ts';
import { VmmError } from '../base/errors.ts';
import type { ExitReason } from '../machine/events.ts';
import type { Machine, MachineInfo } from '../machine/machine.ts';
import type { VirtualMachineParts } from './build-parts.ts';
import type { Platform } from './platform.ts';
import { abortable, VirtualConsole } from './virtual-console.ts';

/**
 * A virtual machine, built and not yet started.
 *
 * ```ts
 * await using vm = await VirtualMachine.create({ kernel: 'vmlinuz', initrd: 'initrd.img', memory: '512M' });
 * vm.start();
 * await vm.console.waitFor('# ');
 * await vm.console.write('uname -a\n');
 * ```
 */
export class BuiltVirtualMachine implements AsyncDisposable {
  readonly console: VirtualConsole;
  readonly #channel: ConsoleChannel;
  readonly #machine: Machine;
  readonly #platform: Platform;
  readonly #timeoutMs: number | null;
  readonly #signal: AbortSignal | undefined;
  #exit: Promise<ExitReason> | undefined;

  /** Use `VirtualMachine.create`. */
  constructor(parts: VirtualMachineParts) {
    this.#machine = parts.machine;
    this.#channel = parts.channel;
    this.#platform = parts.platform;
    this.#timeoutMs = parts.timeoutMs;
    this.#signal = parts.signal;
    this.console = new VirtualConsole(parts.channel);
  }

  /** Starts the machine; `wait` says how it ends. May be called once. */
  start(): void {
    if (this.#exit !== undefined) throw new VmmError('VMM_STATE', 'The machine has been started already');
    this.#exit = this.#run();
    // Whoever does not wait must not be ended by an unhandled rejection; `wait` still rejects.
    this.#exit.catch(() => {});
  }

  /** How the machine stopped. Rejects with the signal's reason when it aborts first, and for failures of ours. */
  async wait(options: { readonly signal?: AbortSignal } = {}): Promise<ExitReason> {
    if (this.#exit === undefined) throw new VmmError('VMM_STATE', 'The machine has not been started');
    return abortable(this.#exit, options.signal);
  }

  /** `start` and `wait`. */
  run(options: { readonly signal?: AbortSignal } = {}): Promise<ExitReason> {
    this.start();
    return this.wait(options);
  }

  /** Stops the machine at once, as if its plug were pulled. Null when it was never started. */
  async stop(): Promise<ExitReason | null> {
    this.#machine.stop({ kind: 'stopped' });
    this.#channel.close();
    return (await this.#exit) ?? null;
  }

  /** Presses the ACPI power button: the guest decides what to do. */
  powerButton(): void {
    this.#machine.powerButton();
  }

  /** Presses the reset button. */
  reset(): void {
    this.#machine.reset();
  }

  /** State and counters by name, for people. */
  info(): MachineInfo {
    return this.#machine.info();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {});
  }

  async #run(): Promise<ExitReason> {
    const stopOnAbort = () => this.#machine.stop({ kind: 'stopped' });
    const { clock } = this.#platform;
    const cancelTimeout =
      this.#timeoutMs === null
        ? () => {}
        : clock.setTimer(this.#timeoutMs * 1e6, () => this.#machine.stop({ kind: 'timeout' }));
    this.#signal?.addEventListener('abort', stopOnAbort, { once: true });
    try {
      this.#signal?.throwIfAborted();
      const reason = await this.#machine.run();
      this.#signal?.throwIfAborted();
      return reason;
    } finally {
      cancelTimeout();
      this.#signal?.removeEventListener('abort', stopOnAbort);
      this.#channel.close();
    }
  }
}
