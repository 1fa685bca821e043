import type { BusRange } from '../../bus/bus.ts';
import type { IrqLine } from '../../bus/irq-line.ts';
import { registerMap } from '../../bus/register-map.ts';
import type { Ps2Device } from './ps2-device.ts';

const STATUS = { OBF: 1 << 0, SYS: 1 << 2, COMMAND: 1 << 3, UNLOCKED: 1 << 4, AUX: 1 << 5, TIMEOUT: 1 << 6 } as const;
/** The controller's command byte. */
const CONFIG = {
  KBD_INT: 1 << 0,
  AUX_INT: 1 << 1,
  SYS: 1 << 2,
  KBD_DISABLE: 1 << 4,
  AUX_DISABLE: 1 << 5,
  TRANSLATE: 1 << 6,
} as const;
const OUTPUT = { RESET: 1 << 0, A20: 1 << 1, KBD_OBF: 1 << 4, AUX_OBF: 1 << 5, ONES: 0xcc } as const;
const SELF_TEST_PASSED = 0x55;
const KEYBOARD_LOCK_OFF = 0x80;
/** What the controller says for a device that does not answer, with the status bit TIMEOUT. */
const NO_DEVICE = 0xfe;
/** Clock line stuck: how the interface test says that there is no auxiliary port. */
const INTERFACE_TEST_FAILED = 0x02;
/** A real controller holds one byte; more wait in the device, of which some hold 16. */
const QUEUE_BYTES = 256;

type Source = 'keyboard' | 'aux';

interface QueuedByte {
  readonly value: number;
  readonly source: Source;
  readonly timeout: boolean;
}

export interface I8042State {
  config: number;
  outputPort: number;
  /** The command that waits for its data byte, or null. */
  command: number | null;
  lastWriteWasCommand: boolean;
  selfTested: boolean;
  queue: QueuedByte[];
  ram: number[];
}

export interface I8042Ports {
  readonly irqKeyboard: IrqLine;
  readonly irqAux: IrqLine;
  reset(): void;
  a20(enabled: boolean): void;
  readonly keyboard?: Ps2Device;
  readonly aux?: Ps2Device;
}

/** Offsets from port 0x60: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller". */
export const I8042_PORTS = registerMap<I8042>()({
  DATA: { offset: 0, volatile: true, reset: 0, read: (d) => d.readData(), write: (d, v) => d.writeData(v) },
  STATUS: { offset: 4, reset: STATUS.UNLOCKED, read: (d) => d.status() },
  COMMAND: { offset: 4, write: (d, v) => d.writeCommand(v) },
});

type CommandHandler = (controller: I8042) => void;

/** Commands without a data byte. */
const COMMANDS: ReadonlyMap<number, CommandHandler> = new Map<number, CommandHandler>([
  [0xa1, (d) => d.reply(0x00)], // firmware version
  [0xa7, (d) => d.configure(d.state.config | CONFIG.AUX_DISABLE)],
  [0xa8, (d) => d.configure(d.state.config & ~CONFIG.AUX_DISABLE)],
  [0xa9, (d) => d.reply(d.hasAux() ? 0x00 : INTERFACE_TEST_FAILED)],
  [0xaa, (d) => d.selfTest()],
  [0xab, (d) => d.reply(0x00)], // keyboard interface test
  [0xad, (d) => d.configure(d.state.config | CONFIG.KBD_DISABLE)],
  [0xae, (d) => d.configure(d.state.config & ~CONFIG.KBD_DISABLE)],
  [0xc0, (d) => d.reply(KEYBOARD_LOCK_OFF)],
  [0xd0, (d) => d.reply(d.outputPort())],
  [0xdd, (d) => d.writeOutputPort(d.state.outputPort & ~OUTPUT.A20)],
  [0xdf, (d) => d.writeOutputPort(d.state.outputPort | OUTPUT.A20)],
]);

/** Commands whose data byte comes by port 0x60. */
const DATA_COMMANDS: ReadonlyMap<number, (controller: I8042, value: number) => void> = new Map([
  [0xd1, (d, v) => d.writeOutputPort(v)],
  [0xd2, (d, v) => d.enqueue(v, 'keyboard')],
  [0xd3, (d, v) => d.enqueue(v, d.hasAux() ? 'aux' : 'keyboard')],
  [0xd4, (d, v) => d.forward('aux', v)],
] satisfies [number, (controller: I8042, value: number) => void][]);

/** The PC's keyboard controller: Intel 8042 with the PS/2 firmware. Without devices it says so at once, so that a probe is short. */
export class I8042 {
  state: I8042State = {
    config: CONFIG.KBD_INT | CONFIG.AUX_INT | CONFIG.SYS | CONFIG.TRANSLATE,
    outputPort: OUTPUT.RESET | OUTPUT.A20 | OUTPUT.ONES,
    command: null,
    lastWriteWasCommand: false,
    selfTested: false,
    queue: [],
    ram: new Array<number>(32).fill(0),
  };
  readonly #ports: I8042Ports;

  constructor(ports: I8042Ports) {
    this.#ports = ports;
  }

  portRanges(): BusRange[] {
    return [
      { name: 'i8042-data', start: 0x60, sizeBytes: 1, target: I8042_PORTS.target(this) },
      { name: 'i8042-command', start: 0x64, sizeBytes: 1, target: I8042_PORTS.target(this, 4) },
    ];
  }

  restore(state: I8042State): void {
    this.state = state;
    this.#ports.a20((state.outputPort & OUTPUT.A20) !== 0);
    this.#update();
  }

  /** Scan codes from the host, already in the set that the guest expects. */
  sendKeyboard(bytes: Iterable<number>): void {
    for (const byte of bytes) this.enqueue(byte, 'keyboard');
  }

  sendAux(bytes: Iterable<number>): void {
    for (const byte of bytes) this.enqueue(byte, 'aux');
  }

  status(): number {
    const head = this.state.queue[0];
    return (
      STATUS.UNLOCKED |
      (head === undefined ? 0 : STATUS.OBF) |
      (head?.source === 'aux' ? STATUS.AUX : 0) |
      (head?.timeout === true ? STATUS.TIMEOUT : 0) |
      (this.state.selfTested ? STATUS.SYS : 0) |
      (this.state.lastWriteWasCommand ? STATUS.COMMAND : 0)
    );
  }

  readData(): number {
    const head = this.state.queue.shift();
    if (head === undefined) return 0;
    // Each byte is an edge of its own.
    this.#ports.irqKeyboard.lower();
    this.#ports.irqAux.lower();
    this.#update();
    return head.value;
  }

  writeCommand(value: number): void {
    this.state.lastWriteWasCommand = true;
    this.state.command = null;
    if (value >= 0xf0) {
      // Pulses the low output lines that are 0 in the command; line 0 is the processor's reset.
      if ((value & OUTPUT.RESET) === 0) this.#ports.reset();
      return;
    }
    if (value >= 0x20 && value < 0x40)
      this.reply(value === 0x20 ? this.state.config : (this.state.ram[value & 0x1f] ?? 0));
    else if ((value >= 0x60 && value < 0x80) || DATA_COMMANDS.has(value)) this.state.command = value;
    else COMMANDS.get(value)?.(this);
  }

  writeData(value: number): void {
    const { command } = this.state;
    this.state.command = null;
    this.state.lastWriteWasCommand = false;
    if (command === null) {
      // Data for the keyboard also enables its interface.
      this.configure(this.state.config & ~CONFIG.KBD_DISABLE);
      this.forward('keyboard', value);
    } else if (command === 0x60) {
      this.configure(value);
    } else if (command < 0x80) {
      this.state.ram[command & 0x1f] = value;
    } else {
      DATA_COMMANDS.get(command)?.(this, value);
    }
  }

  hasAux(): boolean {
    return this.#ports.aux !== undefined;
  }

  reply(value: number): void {
    this.enqueue(value, 'keyboard');
  }

  enqueue(value: number, source: Source, timeout = false): void {
    if (this.state.queue.length >= QUEUE_BYTES) return;
    this.state.queue.push({ value, source, timeout });
    this.#update();
  }

  forward(source: Source, value: number): void {
    const device = source === 'keyboard' ? this.#ports.keyboard : this.#ports.aux;
    if (device === undefined) {
      this.enqueue(NO_DEVICE, source, true);
      return;
    }
    for (const byte of device.command(value)) this.enqueue(this.#translate(byte, source), source);
  }

  configure(config: number): void {
    this.state.config = config;
    this.#update();
  }

  selfTest(): void {
    this.state.selfTested = true;
    this.state.queue = [];
    this.reply(SELF_TEST_PASSED);
  }

  outputPort(): number {
    const head = this.state.queue[0];
    const full = head === undefined ? 0 : head.source === 'aux' ? OUTPUT.AUX_OBF : OUTPUT.KBD_OBF;
    return (this.state.outputPort & ~(OUTPUT.KBD_OBF | OUTPUT.AUX_OBF)) | full;
  }

  writeOutputPort(value: number): void {
    const changed = value ^ this.state.outputPort;
    this.state.outputPort = value;
    if ((changed & OUTPUT.A20) !== 0) this.#ports.a20((value & OUTPUT.A20) !== 0);
    if ((value & OUTPUT.RESET) !== 0) return;
    this.state.outputPort |= OUTPUT.RESET;
    this.#ports.reset();
  }

  /** Scan code set 2 to set 1; of the answers only the second ID byte is in the table's range. */
  #translate(byte: number, source: Source): number {
    return source === 'keyboard' && byte === 0x83 && (this.state.config & CONFIG.TRANSLATE) !== 0 ? 0x41 : byte;
  }

  #update(): void {
    const head = this.state.queue[0];
    const { config } = this.state;
    const keyboard = head?.source === 'keyboard' && (config & CONFIG.KBD_INT) !== 0;
    const aux = head?.source === 'aux' && (config & CONFIG.AUX_INT) !== 0;
    if (keyboard) this.#ports.irqKeyboard.raise();
    else this.#ports.irqKeyboard.lower();
    if (aux) this.#ports.irqAux.raise();
    else this.#ports.irqAux.lower();
  }
}
