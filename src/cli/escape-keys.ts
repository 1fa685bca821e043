/** Ctrl-A, as in QEMU's multiplexed console. */
const ESCAPE = 0x01;

export type KeyAction =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'quit' }
  | { readonly kind: 'monitor' }
  | { readonly kind: 'help' };

const COMMANDS: Readonly<Record<string, KeyAction>> = {
  a: { kind: 'data', bytes: Uint8Array.of(ESCAPE) },
  '\x01': { kind: 'data', bytes: Uint8Array.of(ESCAPE) },
  c: { kind: 'monitor' },
  h: { kind: 'help' },
  '?': { kind: 'help' },
  x: { kind: 'quit' },
};

export const ESCAPE_KEYS_HELP = 'Ctrl-A x quits, Ctrl-A c opens or leaves the monitor, Ctrl-A a sends Ctrl-A';

/** Finds the escape sequences in what is typed; one may come in two pieces. An unknown one is dropped, as in QEMU. */
export class EscapeKeys {
  #escaped = false;

  feed(bytes: Uint8Array): KeyAction[] {
    const actions: KeyAction[] = [];
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (this.#escaped) {
        this.#escaped = false;
        start = i + 1;
        const action = COMMANDS[String.fromCharCode(byte)];
        if (action !== undefined) actions.push(action);
      } else if (byte === ESCAPE) {
        if (i > start) actions.push({ kind: 'data', bytes: bytes.slice(start, i) });
        this.#escaped = true;
        start = i + 1;
      }
    }
    if (start < bytes.length && !this.#escaped) actions.push({ kind: 'data', bytes: bytes.slice(start) });
    return actions;
  }
}
