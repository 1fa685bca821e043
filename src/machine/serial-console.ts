import { type ConsolePort, feedInput } from '../backends/console.ts';
import type { IrqLine } from '../bus/irq-line.ts';
import { Serial16550 } from '../devices/legacy/serial-16550.ts';

const BUFFER_BYTES = 1024;

export interface SerialConsoleEvents {
  /** Output as it passes by. */
  onOutput?(bytes: Uint8Array): void;
  /** The host reads slower than the guest writes: the guest has to stop soon. */
  onOverfull?(): void;
}

/** A UART on a console of the host. Its output is passed on between slices of guest code, not byte by byte. */
export class SerialConsole {
  readonly uart: Serial16550;
  readonly #port: ConsolePort;
  readonly #events: SerialConsoleEvents;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #lengthBytes = 0;

  constructor(port: ConsolePort, irq: IrqLine, events: SerialConsoleEvents = {}) {
    this.#port = port;
    this.#events = events;
    let offer = (): void => {};
    this.uart = new Serial16550({
      irq,
      tx: (byte) => this.#transmit(byte),
      onReceiveSpace: () => offer(),
      heedsRts: true,
    });
    offer = feedInput(port, (bytes) => this.uart.receive(bytes));
  }

  flush(): void {
    if (this.#lengthBytes === 0) return;
    const bytes = this.#buffer.subarray(0, this.#lengthBytes);
    this.#lengthBytes = 0;
    this.#events.onOutput?.(bytes);
    this.#port.write(bytes);
    if (this.#port.isOverfull) this.#events.onOverfull?.();
  }

  #transmit(byte: number): void {
    this.#buffer[this.#lengthBytes++] = byte;
    if (this.#lengthBytes === BUFFER_BYTES) this.flush();
  }
}
