/** Register numbers as ModR/M and REX encode them (SDM Vol. 2A §2.1.5, Table 2-2). */
export const R = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

/** Condition codes of Jcc (SDM Vol. 1 App. B). */
export const CC = { b: 2, ae: 3, z: 4, nz: 5, be: 6, a: 7, s: 8, ns: 9, l: 12, ge: 13, le: 14, g: 15 } as const;

/** Opcodes of the form `op r/m, r` for operands of 32 or 64 bits. */
export const ALU = { add: 0x01, or: 0x09, and: 0x21, sub: 0x29, xor: 0x31, cmp: 0x39, test: 0x85, mov: 0x89 } as const;
/** ModR/M.reg of `op r/m, imm` (opcode 0x81). */
export const ALU_IMMEDIATE = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;
/** ModR/M.reg of `op r/m, imm8` (opcode 0xC1). */
export const SHIFT = { rol: 0, ror: 1, shl: 4, shr: 5, sar: 7 } as const;

export interface Memory {
  readonly base: number;
  readonly index?: number;
  readonly displacement?: number;
}

type Width = 32 | 64;

interface Fixup {
  readonly at: number;
  readonly label: string;
  readonly kind: 'relative' | 'absolute';
}

const SIB_NO_INDEX = 4;

/** Writes the machine code of bench guests. `origin` is the address of its first byte. */
export class Assembler {
  readonly #origin: number;
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];
  #unique = 0;

  constructor(origin: number) {
    this.#origin = origin;
  }

  /** Address of the next byte. */
  get address(): number {
    return this.#origin + this.#length;
  }

  label(name: string): void {
    this.#labels.set(name, this.address);
  }

  /** A name nobody else uses. */
  newLabel(): string {
    return `.${this.#unique++}`;
  }

  addressOf(name: string): number {
    const address = this.#labels.get(name);
    if (address === undefined) throw new Error(`No label ${name}`);
    return address;
  }

  db(...bytes: readonly number[]): void {
    if (this.#length + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  dd(...values: readonly number[]): void {
    for (const value of values) this.db(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255);
  }

  dq(...values: readonly bigint[]): void {
    for (const value of values) this.dd(Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
  }

  text(text: string): void {
    this.db(...new TextEncoder().encode(text));
  }

  align(bytes: number): void {
    while (this.address % bytes !== 0) this.db(0);
  }

  /** The address of a label, as data. */
  dAddress(label: string): void {
    this.#fixups.push({ at: this.#length, label, kind: 'absolute' });
    this.dd(0);
  }

  #relative(label: string): void {
    this.#fixups.push({ at: this.#length, label, kind: 'relative' });
    this.dd(0);
  }

  #rex(width: Width, reg: number, index: number, base: number): void {
    const rex = 0x40 | (width === 64 ? 8 : 0) | (reg & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (base & 8 ? 1 : 0);
    if (rex !== 0x40) this.db(rex);
  }

  /** `opcode reg, rm` on registers, in either direction: what the opcode says. */
  registers(opcode: number | readonly number[], reg: number, rm: number, width: Width = 64): void {
    this.#rex(width, reg, 0, rm);
    this.db(...[opcode].flat(), 0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  /** `opcode reg, [memory]`; a mandatory prefix comes before REX. */
  memory(opcode: number | readonly number[], reg: number, memory: Memory, width: Width = 64, prefix?: number): void {
    const { base, index, displacement = 0 } = memory;
    if (prefix !== undefined) this.db(prefix);
    this.#rex(width, reg, index ?? 0, base);
    const hasSib = index !== undefined || (base & 7) === R.rsp;
    this.db(...[opcode].flat(), 0x80 | ((reg & 7) << 3) | (hasSib ? 4 : base & 7));
    if (hasSib) this.db((((index ?? SIB_NO_INDEX) & 7) << 3) | (base & 7));
    this.dd(displacement);
  }

  alu(name: keyof typeof ALU, to: number, from: number, width: Width = 64): void {
    this.registers(ALU[name], from, to, width);
  }

  aluImmediate(name: keyof typeof ALU_IMMEDIATE, to: number, value: number, width: Width = 64): void {
    this.registers(0x81, ALU_IMMEDIATE[name], to, width);
    this.dd(value);
  }

  shift(name: keyof typeof SHIFT, to: number, count: number, width: Width = 64): void {
    this.registers(0xc1, SHIFT[name], to, width);
    this.db(count);
  }

  load(to: number, memory: Memory, width: Width = 64): void {
    this.memory(0x8b, to, memory, width);
  }

  store(memory: Memory, from: number, width: Width = 64): void {
    this.memory(0x89, from, memory, width);
  }

  lea(to: number, memory: Memory): void {
    this.memory(0x8d, to, memory);
  }

  /** mov r32, imm32: zero-extended. */
  movImmediate(to: number, value: number): void {
    this.#rex(32, 0, 0, to);
    this.db(0xb8 | (to & 7));
    this.dd(value);
  }

  /** mov r64, the bits of a double. */
  movDouble(to: number, value: number): void {
    this.#rex(64, 0, 0, to);
    this.db(0xb8 | (to & 7), ...new Uint8Array(Float64Array.of(value).buffer));
  }

  /** mov r32, address of a label. */
  movAddress(to: number, label: string): void {
    this.#rex(32, 0, 0, to);
    this.db(0xb8 | (to & 7));
    this.dAddress(label);
  }

  dec(register: number, width: Width = 64): void {
    this.registers(0xff, 1, register, width);
  }

  push(register: number): void {
    this.#rex(32, 0, 0, register);
    this.db(0x50 | (register & 7));
  }

  pop(register: number): void {
    this.#rex(32, 0, 0, register);
    this.db(0x58 | (register & 7));
  }

  jcc(condition: number, label: string): void {
    this.db(0x0f, 0x80 | condition);
    this.#relative(label);
  }

  jmp(label: string): void {
    this.db(0xe9);
    this.#relative(label);
  }

  call(label: string): void {
    this.db(0xe8);
    this.#relative(label);
  }

  ret(): void {
    this.db(0xc3);
  }

  /** `count` times `body`, which leaves the counter alone. */
  loop(counter: number, count: number, body: () => void): void {
    const start = this.newLabel();
    this.movImmediate(counter, count);
    this.label(start);
    body();
    this.dec(counter, 32);
    this.jcc(CC.nz, start);
  }

  /** All bytes, with every label resolved. */
  assemble(): Uint8Array {
    const program = this.#bytes.slice(0, this.#length);
    const view = new DataView(program.buffer);
    for (const { at, label, kind } of this.#fixups) {
      const from = kind === 'relative' ? this.#origin + at + 4 : 0;
      view.setInt32(at, this.addressOf(label) - from, true);
    }
    return program;
  }
}
