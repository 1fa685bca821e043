/** What hangs on a port of the keyboard controller. */
export interface Ps2Device {
  /** A byte from the host; returns what the device answers. */
  command(byte: number): readonly number[];
}

const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
/** MF2 keyboard. */
const KEYBOARD_ID = [0xab, 0x83] as const;

interface Command {
  readonly reply: readonly number[];
  /** Bytes that follow the command, each acknowledged. */
  readonly parameters?: number;
}

/** IBM PS/2 Hardware Interface Technical Reference, "Keyboard", section "Commands from the System". */
const KEYBOARD_COMMANDS: ReadonlyMap<number, Command> = new Map([
  [0xed, { reply: [ACK], parameters: 1 }], // set LEDs
  [0xee, { reply: [0xee] }], // echo
  [0xf0, { reply: [ACK], parameters: 1 }], // select scan code set
  [0xf2, { reply: [ACK, ...KEYBOARD_ID] }], // read ID
  [0xf3, { reply: [ACK], parameters: 1 }], // set typematic rate
  [0xf4, { reply: [ACK] }], // enable
  [0xf5, { reply: [ACK] }], // default disable
  [0xf6, { reply: [ACK] }], // set default
  [0xf8, { reply: [ACK] }], // set all keys make/break
  [0xfa, { reply: [ACK] }], // set all keys typematic/make/break
  [0xfe, { reply: [ACK] }], // resend
  [0xff, { reply: [ACK, SELF_TEST_PASSED] }], // reset
]);

/** A keyboard that answers and keeps quiet: its keys come from whoever calls `I8042.sendKeyboard`. */
export class Ps2Keyboard implements Ps2Device {
  /** Snapshot: the command whose parameters are awaited, and how many. */
  state = { parametersLeft: 0 };

  command(byte: number): readonly number[] {
    if (this.state.parametersLeft > 0 && byte < 0xed) {
      this.state.parametersLeft--;
      return [ACK];
    }
    const command = KEYBOARD_COMMANDS.get(byte);
    this.state.parametersLeft = command?.parameters ?? 0;
    return command?.reply ?? [RESEND];
  }
}
