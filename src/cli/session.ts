import { setTimeout as delay } from 'node:timers/promises';
import { errorCode, errorText } from '../host/node/files.ts';
import { FORWARDED_SIGNALS, type ProcessPorts, writeAll } from '../host/node/process-ports.ts';
import { RawTerminal } from '../host/node/raw-terminal.ts';
import type { ExitReason } from '../machine/events.ts';
import type { BuiltVirtualMachine } from '../sdk/virtual-machine.ts';
import { ESCAPE_KEYS_HELP, EscapeKeys } from './escape-keys.ts';
import { EXIT_STATUS, outcomeOf } from './exit-status.ts';
import { jsonEvent } from './json-events.ts';
import { Monitor } from './monitor.ts';

/** What a session needs of a machine. */
export type SessionMachine = Pick<
  BuiltVirtualMachine,
  'console' | 'start' | 'wait' | 'stop' | 'powerButton' | 'reset' | 'info'
>;

export interface SessionOptions {
  /** Events as JSON lines on stdout, console output among them. */
  readonly json: boolean;
  /** Carries the serial line when it is not on stdio. */
  readonly serial?: (serial: SessionMachine['console']) => Promise<void>;
}

/** The signals that end a session; 128 + n is the status that a shell shows for them. */
const ENDING_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
const SIGPIPE = 13;
/** How long a stopped machine's last output may take: whoever reads it may have stopped reading. */
const FLUSH_LIMIT_MS = 1_000;

/** Runs a machine between its start and its end on this process's streams; gives the exit status. */
export async function runSession(vm: SessionMachine, ports: ProcessPorts, options: SessionOptions): Promise<number> {
  const session = new Session(vm, ports, options);
  return session.run();
}

class Session {
  readonly #vm: SessionMachine;
  readonly #ports: ProcessPorts;
  readonly #options: SessionOptions;
  readonly #terminal: RawTerminal;
  readonly #monitor: Monitor;
  readonly #keys = new EscapeKeys();
  /** Why the host ended the session before the guest did: its exit status. */
  #hostStatus: number | null = null;
  #inputIsHeld = false;

  constructor(vm: SessionMachine, ports: ProcessPorts, options: SessionOptions) {
    this.#vm = vm;
    this.#ports = ports;
    this.#options = options;
    this.#terminal = new RawTerminal(ports);
    const target = {
      info: () => vm.info(),
      powerButton: () => vm.powerButton(),
      reset: () => vm.reset(),
      quit: () => this.#end(EXIT_STATUS.ok),
      leave: () => {},
    };
    this.#monitor = new Monitor(target, (text) => this.#print(text));
  }

  async run(): Promise<number> {
    const { stdin } = this.#ports;
    const releases = ENDING_SIGNALS.map((name) =>
      this.#ports.onSignal(name, () => this.#end(EXIT_STATUS.signal + FORWARDED_SIGNALS[name])),
    );
    try {
      return await this.#runMachine();
    } finally {
      this.#terminal.leave();
      for (const release of releases) release();
      if (this.#options.serial === undefined) stdin.destroy();
    }
  }

  async #runMachine(): Promise<number> {
    const onStdio = this.#options.serial === undefined;
    if (onStdio) {
      this.#terminal.enter();
      if (this.#terminal.isTerminal) this.#print(`${ESCAPE_KEYS_HELP}.\r\n`);
    }
    this.#vm.start();
    await this.#emit('started', this.#vm.info());
    const output = this.#options.serial?.(this.#vm.console) ?? this.#copyOutput();
    output.catch((error) => this.#outputFailed(error));
    if (onStdio) this.#copyInput().catch(() => {});
    const reason = await this.#vm.wait();
    await Promise.race([output.catch(() => {}), delay(FLUSH_LIMIT_MS)]);
    return this.#finish(reason);
  }

  async #finish(reason: ExitReason): Promise<number> {
    const outcome = outcomeOf(reason);
    const status = this.#hostStatus ?? outcome.status;
    // The guest was stopped in the middle of a line.
    if (this.#hostStatus !== null && this.#terminal.isTerminal) this.#print('\r\n');
    this.#terminal.leave();
    await this.#emit('exit', { reason: reason.kind, ...detailsOf(reason), status }).catch(() => {});
    if (outcome.message !== null) this.#ports.stderr.write(`paravane: ${outcome.message}\n`);
    return status;
  }

  async #copyOutput(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#vm.console) {
      if (this.#options.json) await this.#emit('console', { text: decoder.decode(bytes, { stream: true }) });
      else await writeAll(this.#ports.stdout, bytes);
    }
  }

  /** The end of the input is not the end of the guest. */
  async #copyInput(): Promise<void> {
    for await (const chunk of this.#ports.stdin) {
      for (const action of this.#keys.feed(Buffer.from(chunk))) {
        if (action.kind === 'quit') this.#end(EXIT_STATUS.ok);
        else if (action.kind === 'monitor') this.#monitor.toggle();
        else if (action.kind === 'help') this.#print(`\r\n${ESCAPE_KEYS_HELP}.\r\n`);
        else await this.#type(action.bytes);
      }
    }
  }

  /**
   * A pipe is read no faster than the guest takes it. A keyboard is always read, so that Ctrl-A x ends a guest that
   * takes nothing; what is typed beyond its buffer is lost, as on a real line.
   */
  async #type(bytes: Uint8Array): Promise<void> {
    if (this.#monitor.isOpen) return this.#monitor.feed(bytes);
    if (!this.#terminal.isTerminal) return this.#vm.console.write(bytes);
    if (this.#inputIsHeld) return;
    this.#inputIsHeld = true;
    void this.#vm.console.write(bytes).then(() => {
      this.#inputIsHeld = false;
    });
  }

  #outputFailed(error: unknown): void {
    const isClosedPipe = errorCode(error) === 'EPIPE';
    if (!isClosedPipe) this.#ports.stderr.write(`paravane: Console output failed: ${errorText(error)}\n`);
    this.#end(isClosedPipe ? EXIT_STATUS.signal + SIGPIPE : EXIT_STATUS.failure);
  }

  #end(status: number): void {
    this.#hostStatus ??= status;
    this.#vm.stop().catch(() => {});
  }

  async #emit(event: string, details: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#options.json) await writeAll(this.#ports.stdout, jsonEvent(event, details));
  }

  /** To people, beside the guest's output. */
  #print(text: string): void {
    this.#ports.stderr.write(text);
  }
}

function detailsOf({ kind: _, ...details }: ExitReason): Readonly<Record<string, unknown>> {
  return details;
}
