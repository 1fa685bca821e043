/** Register numbers as ModR/M and REX encode them (SDM Vol. 2A §2.1.5, Table 2-2). */
export const REG = {
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

export type RegName = keyof typeof REG;

/** Condition codes of Jcc (SDM Vol. 1 App. B). */
export const CC = { b: 2, ae: 3, z: 4, nz: 5, be: 6, a: 7 } as const;

interface Memory {
  readonly base: RegName;
  readonly disp: number;
}

export const mem = (base: RegName, disp = 0): Memory => ({ base, disp });

interface Fixup {
  readonly at: number;
  readonly label: string;
}

/**
 * The few 64-bit instructions that the native runner is made of, one method a form. Every memory operand is
 * base + disp32, every jump rel32: the program is 1.5 KB, so plain beats short.
 */
export class Assembler {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];

  get offset(): number {
    return this.#bytes.length;
  }

  label(name: string): void {
    this.#labels.set(name, this.#bytes.length);
  }

  labelOffset(name: string): number {
    const offset = this.#labels.get(name);
    if (offset === undefined) throw new Error(`No label ${name}`);
    return offset;
  }

  bytes(...bytes: number[]): void {
    this.#bytes.push(...bytes);
  }

  #imm32(value: number): void {
    this.#bytes.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);
  }

  /** `prefix? REX.W? opcode /reg base+disp32`. */
  #memoryForm(opcode: readonly number[], options: { w: boolean; reg: number; memory: Memory; prefix?: number }): void {
    const { reg, memory, prefix } = options;
    const base = REG[memory.base];
    if (prefix !== undefined) this.bytes(prefix);
    const rex = 0x40 | (options.w ? 8 : 0) | (reg & 8 ? 4 : 0) | (base & 8 ? 1 : 0);
    if (rex !== 0x40) this.bytes(rex);
    this.bytes(...opcode, 0x80 | ((reg & 7) << 3) | (base & 7));
    if ((base & 7) === REG.rsp) this.bytes(0x24); // SIB without an index
    this.#imm32(memory.disp);
  }

  #registerForm(opcode: number, reg: number, rm: number): void {
    this.bytes(0x48 | (reg & 8 ? 4 : 0) | (rm & 8 ? 1 : 0), opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  /** mov r64, imm64 */
  movImm(reg: RegName, value: bigint): void {
    const number = REG[reg];
    this.bytes(0x48 | (number >> 3), 0xb8 | (number & 7));
    for (let i = 0n; i < 64n; i += 8n) this.bytes(Number((value >> i) & 255n));
  }

  /** mov r64, r64 */
  mov(to: RegName, from: RegName): void {
    this.#registerForm(0x89, REG[from], REG[to]);
  }

  /** mov r64, m64 */
  load64(to: RegName, memory: Memory): void {
    this.#memoryForm([0x8b], { w: true, reg: REG[to], memory });
  }

  /** mov r32, m32 */
  load32(to: RegName, memory: Memory): void {
    this.#memoryForm([0x8b], { w: false, reg: REG[to], memory });
  }

  /** movzx r32, m16 */
  load16(to: RegName, memory: Memory): void {
    this.#memoryForm([0x0f, 0xb7], { w: false, reg: REG[to], memory });
  }

  /** mov m64, r64 */
  store64(memory: Memory, from: RegName): void {
    this.#memoryForm([0x89], { w: true, reg: REG[from], memory });
  }

  /** mov m32, r32 */
  store32(memory: Memory, from: RegName): void {
    this.#memoryForm([0x89], { w: false, reg: REG[from], memory });
  }

  /** mov m16, r16 */
  store16(memory: Memory, from: RegName): void {
    this.#memoryForm([0x89], { w: false, reg: REG[from], memory, prefix: 0x66 });
  }

  /** lea r64, m */
  lea(to: RegName, memory: Memory): void {
    this.#memoryForm([0x8d], { w: true, reg: REG[to], memory });
  }

  /** lea r64, [rip + label] */
  leaLabel(to: RegName, label: string): void {
    this.bytes(0x48 | (REG[to] & 8 ? 4 : 0), 0x8d, ((REG[to] & 7) << 3) | 5);
    this.#reference(label);
  }

  add(to: RegName, from: RegName): void {
    this.#registerForm(0x01, REG[from], REG[to]);
  }

  sub(to: RegName, from: RegName): void {
    this.#registerForm(0x29, REG[from], REG[to]);
  }

  cmp(a: RegName, b: RegName): void {
    this.#registerForm(0x39, REG[b], REG[a]);
  }

  test(a: RegName, b: RegName): void {
    this.#registerForm(0x85, REG[b], REG[a]);
  }

  /** test m32, imm32 */
  testBits(memory: Memory, mask: number): void {
    this.#memoryForm([0xf7], { w: false, reg: 0, memory });
    this.#imm32(mask);
  }

  /** or m32, imm32 */
  orBits(memory: Memory, mask: number): void {
    this.#memoryForm([0x81], { w: false, reg: 1, memory });
    this.#imm32(mask);
  }

  #reference(label: string): void {
    this.#fixups.push({ at: this.#bytes.length, label });
    this.#imm32(0);
  }

  jcc(cc: number, label: string): void {
    this.bytes(0x0f, 0x80 | cc);
    this.#reference(label);
  }

  jmp(label: string): void {
    this.bytes(0xe9);
    this.#reference(label);
  }

  call(label: string): void {
    this.bytes(0xe8);
    this.#reference(label);
  }

  /** Sets RAX and does the system call; arguments are in RDI, RSI, RDX, R10, R8, R9 already. */
  syscall(number: bigint): void {
    this.movImm('rax', number);
    this.bytes(0x0f, 0x05);
  }

  /** The program, with every label resolved. */
  assemble(): Uint8Array {
    const program = Uint8Array.from(this.#bytes);
    const view = new DataView(program.buffer);
    for (const { at, label } of this.#fixups) view.setInt32(at, this.labelOffset(label) - (at + 4), true);
    return program;
  }
}
