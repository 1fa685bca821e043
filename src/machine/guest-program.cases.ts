import { makeElf } from '../loaders/kernels.cases.ts';

/** Where the program lies; its data and its stack follow. */
const ORIGIN_GPA = 0x10_0000;
const IDT_GPA = 0x20_0000;
const STACK_GPA = 0x21_0000;
/** A counter that a reset of the machine does not clear. */
export const COUNTER_GPA = 0x30_0000;
const COM1 = 0x3f8;
const PM1A_CONTROL = 0x604;
/** SLP_EN with the DSDT's SLP_TYP for S5. */
const ENTER_S5 = (1 << 13) | (5 << 10);
const CODE_SELECTOR = 0x10;
const INTERRUPT_GATE = 0x8e00;
const TIMER_VECTOR = 0x20;

/** `at` is where the operand ends. */
interface LabelUse {
  readonly at: number;
  readonly label: string;
}

/** An assembler of the few instructions that test guests need: 32-bit protected mode, flat. */
export class GuestProgram {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #jumps: LabelUse[] = [];
  readonly #offsets: LabelUse[] = [];

  bytes(...bytes: number[]): this {
    this.#bytes.push(...bytes);
    return this;
  }

  #with32(opcode: readonly number[], ...values: number[]): this {
    this.#bytes.push(...opcode, ...values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)));
    return this;
  }

  label(name: string): this {
    this.#labels.set(name, this.#bytes.length);
    return this;
  }

  /** JMP, or Jcc by its opcode. */
  jump(label: string, opcode = 0xeb): this {
    this.#bytes.push(opcode, 0);
    this.#jumps.push({ at: this.#bytes.length, label });
    return this;
  }

  /** MOV AL, value; MOV EDX, port; OUT DX, AL. */
  out8(port: number, value: number): this {
    return this.bytes(0xb0, value).#with32([0xba], port).bytes(0xee);
  }

  out16(port: number, value: number): this {
    return this.#with32([0xb8], value).#with32([0xba], port).bytes(0x66, 0xef);
  }

  /** MOV EDX, port; IN AL, DX. */
  in8(port: number): this {
    return this.#with32([0xba], port).bytes(0xec);
  }

  print(text: string): this {
    for (const character of text) this.out8(COM1, character.charCodeAt(0));
    return this;
  }

  powerOff(): this {
    return this.out16(PM1A_CONTROL, ENTER_S5).wait();
  }

  /** CLI; HLT for ever. */
  wait(): this {
    return this.bytes(0xfa, 0xf4, 0xeb, 0xfc);
  }

  increment(gpa: number): this {
    return this.#with32([0xff, 0x05], gpa);
  }

  /** CMP DWORD [gpa], value. */
  compare(gpa: number, value: number): this {
    return this.#with32([0x83, 0x3d], gpa).bytes(value);
  }

  /** A stack, the IDT with one handler on the timer's vector, the 8259s at 0x20 and 0x28 with only IRQ 0 enabled. */
  enableTimer(handler: string, periodTicks: number): this {
    this.#with32([0xbc], STACK_GPA).#with32([0xb8], ORIGIN_GPA).#addLabel(handler);
    // The gate: MOV [low], AX; the selector; P, DPL 0, 32-bit interrupt gate; the high half of the address.
    const gate = IDT_GPA + 8 * TIMER_VECTOR;
    this.bytes(0x66).#with32([0xa3], gate);
    this.bytes(0xc1, 0xe8, 0x10, 0x66).#with32([0xa3], gate + 6);
    this.bytes(0x66, 0xb8, CODE_SELECTOR, 0, 0x66).#with32([0xa3], gate + 2);
    this.bytes(0x66, 0xb8, INTERRUPT_GATE & 0xff, INTERRUPT_GATE >> 8, 0x66).#with32([0xa3], gate + 4);
    this.#with32([0xb8], (IDT_GPA << 16) | 0x7ff).#with32([0xa3], STACK_GPA);
    this.#with32([0xb8], IDT_GPA >>> 16).#with32([0xa3], STACK_GPA + 4);
    this.#with32([0x0f, 0x01, 0x1d], STACK_GPA);
    for (const [port, value] of ICWS) this.out8(port, value);
    this.out8(0x43, 0x34).out8(0x40, periodTicks & 0xff);
    return this.out8(0x40, periodTicks >> 8);
  }

  endOfInterrupt(): this {
    return this.out8(0x20, 0x20);
  }

  /** ADD EAX, the label's offset: an immediate that `build` fills in. */
  #addLabel(label: string): this {
    this.#with32([0x05], 0);
    this.#offsets.push({ at: this.#bytes.length, label });
    return this;
  }

  /** A multiboot kernel: ELF with the header that loaders look for. */
  build(): Uint8Array {
    const code = Uint8Array.from(this.#bytes);
    const offsetOf = (label: string): number => {
      const offset = this.#labels.get(label);
      if (offset === undefined) throw new Error(`No label ${label}`);
      return offset;
    };
    for (const { at, label } of this.#jumps) code[at - 1] = offsetOf(label) - at;
    const view = new DataView(code.buffer);
    for (const { at, label } of this.#offsets) view.setUint32(at - 4, offsetOf(label), true);
    const data = new Uint8Array(code.length + 16);
    data.set(code);
    const header = (code.length + 3) & ~3;
    new DataView(data.buffer).setUint32(header, 0x1bad_b002, true);
    new DataView(data.buffer).setInt32(header + 8, -0x1bad_b002, true);
    return makeElf({ is64Bit: false, entry: BigInt(ORIGIN_GPA), segments: [{ gpa: ORIGIN_GPA, data }] });
  }
}

/** Initialization command words 1 to 4 of both 8259s, and their masks: all but IRQ 0 and the cascade. */
const ICWS: readonly (readonly [port: number, value: number])[] = [
  [0x20, 0x11],
  [0x21, 0x20],
  [0x21, 0x04],
  [0x21, 0x01],
  [0xa0, 0x11],
  [0xa1, 0x28],
  [0xa1, 0x02],
  [0xa1, 0x01],
  [0x21, 0xfa],
  [0xa1, 0xff],
];
