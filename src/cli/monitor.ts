import { nearestName } from './nearest-name.ts';

/** What the monitor can do with a machine. */
export interface MonitorTarget {
  info(): Readonly<Record<string, string | number>>;
  powerButton(): void;
  reset(): void;
  quit(): void;
  /** Gives the keyboard back to the guest. */
  leave(): void;
}

interface MonitorCommand {
  readonly help: string;
  run(target: MonitorTarget): string;
}

/** What can be typed at the monitor's prompt. */
const COMMANDS: Readonly<Record<string, MonitorCommand>> = {
  help: { help: 'this list', run: helpText },
  info: { help: 'state and counters of the machine', run: (target) => table(target.info()) },
  powerdown: {
    help: 'press the power button',
    run: (target) => {
      target.powerButton();
      return '';
    },
  },
  reset: {
    help: 'press the reset button',
    run: (target) => {
      target.reset();
      return '';
    },
  },
  quit: {
    help: 'stop the machine and leave',
    run: (target) => {
      target.quit();
      return '';
    },
  },
  c: {
    help: 'back to the guest, like Ctrl-A c',
    run: (target) => {
      target.leave();
      return '';
    },
  },
};

const PROMPT = '(paravane) ';
const KEYS = { backspace: 0x08, lineFeed: 0x0a, carriageReturn: 0x0d, killLine: 0x15, delete: 0x7f } as const;
const MAX_LINE_CHARACTERS = 256;

/** A prompt on a raw terminal: a line editor that knows backspace, and a table of commands. */
export class Monitor {
  readonly #target: MonitorTarget;
  readonly #print: (text: string) => void;
  #line = '';
  #isOpen = false;

  constructor(target: MonitorTarget, print: (text: string) => void) {
    this.#print = print;
    this.#target = {
      info: () => target.info(),
      powerButton: () => target.powerButton(),
      reset: () => target.reset(),
      quit: () => target.quit(),
      leave: () => {
        this.#isOpen = false;
        target.leave();
      },
    };
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  toggle(): void {
    this.#isOpen = !this.#isOpen;
    this.#line = '';
    this.#print(this.#isOpen ? `\r\n${PROMPT}` : '\r\n');
  }

  feed(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (!this.#isOpen) return;
      this.#key(byte);
    }
  }

  #key(byte: number): void {
    if (byte === KEYS.carriageReturn || byte === KEYS.lineFeed) {
      this.#execute();
    } else if (byte === KEYS.backspace || byte === KEYS.delete) {
      if (this.#line !== '') this.#print('\b \b');
      this.#line = this.#line.slice(0, -1);
    } else if (byte === KEYS.killLine) {
      this.#print('\b \b'.repeat(this.#line.length));
      this.#line = '';
    } else if (byte >= 0x20 && byte < 0x7f && this.#line.length < MAX_LINE_CHARACTERS) {
      const character = String.fromCharCode(byte);
      this.#line += character;
      this.#print(character);
    }
  }

  #execute(): void {
    const name = this.#line.trim();
    this.#line = '';
    this.#print('\r\n');
    if (name !== '') this.#print(this.#answer(name).replaceAll('\n', '\r\n'));
    if (this.#isOpen) this.#print(PROMPT);
  }

  #answer(name: string): string {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command !== undefined) return command.run(this.#target);
    const nearest = nearestName(name, Object.keys(COMMANDS));
    return `Unknown command '${name}'; ${nearest === null ? "'help' lists them" : `did you mean '${nearest}'?`}\n`;
  }
}

function helpText(): string {
  return table(Object.fromEntries(Object.entries(COMMANDS).map(([name, command]) => [name, command.help])));
}

function table(rows: Readonly<Record<string, string | number>>): string {
  const width = Math.max(0, ...Object.keys(rows).map((name) => name.length));
  return Object.entries(rows)
    .map(([name, text]) => `${name.padEnd(width)}  ${text}\n`)
    .join('');
}
