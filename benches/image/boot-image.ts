import { ALU_IMMEDIATE, Assembler, CC, R } from './assembler.ts';

/** Where the image is loaded, and enough of what it uses. */
const LOAD_GPA = 0x10_0000;
const PAGE = 4096;
const STACK_TOP = 0x9_0000;
/** 64 KiB for programs to read and write. */
export const DATA_GPA = 0x200_0000;
/** A window of small pages, for programs that want TLB misses: 8,192 pages. */
export const SMALL_PAGES = { linear: 0x4000_0000, gpa: 0x300_0000, count: 8192 } as const;
/** One page whose page-table entry programs change. */
export const CHANGING_PAGE = { linear: 0x4800_0000, gpa: 0x2ff_0000 } as const;
export const LAPIC_GPA = 0xfee0_0000;

export const SELECTOR = { code: 0x08, data: 0x10, userData: 0x18 | 3, userCode: 0x20 | 3, tss: 0x28 } as const;
export const VECTOR_IPI = 0x40;
export const VECTOR_SOFTWARE = 0x80;

/** Page-table entry bits: present, writable, user; page size, cache disable. SDM Vol. 3A §4.5 Table 4-15. */
const ENTRY = { plain: 7n, large: 0x87n, device: 0x9fn } as const;
/** The last line of every image. */
export const DONE = 'DONE';
const SERIAL_PORT = 0x3f8;
const EXIT_PORT = 0xf4;

/** Programs of a bench image: code in 64-bit mode, all general registers free but RSP. */
export interface BenchProgram {
  readonly name: string;
  emit(assembler: Assembler): void;
  /** Code and data that the program refers to. */
  emitData?(assembler: Assembler): void;
  /** Ends with a hash of all registers printed, as proof that two machines did the same. */
  readonly hash?: true;
}

/**
 * A multiboot image that switches to 64-bit mode and runs programs one after the other. To COM1 it writes a line
 * `@name` before a program and `.` (or `.hash`) after it, and at the end `DONE`. Then it stops for good: it is up
 * to the host to end the monitor, whose CPU time can be read as long as it lives.
 */
export function buildImage(programs: readonly BenchProgram[]): Uint8Array {
  const a = new Assembler(LOAD_GPA);
  emitHeader(a);
  emitLongModeEntry(a);
  for (const program of programs) emitProgram(a, program);
  a.movAddress(R.rsi, 'done text');
  a.call('print');
  a.label('hang');
  a.db(0xfa, 0xf4); // cli; hlt
  a.jmp('hang');
  emitPrint(a);
  emitHandlers(a);
  for (const program of programs) program.emitData?.(a);
  for (const program of programs) {
    a.label(`name ${program.name}`);
    a.text(`@${program.name}\n\0`);
  }
  a.label('done text');
  a.text(`${DONE}\n\0`);
  emitTables(a);
  a.label('end');
  return a.assemble();
}

/** Multiboot Specification 0.6.96 §3.1, with the address fields: the image is no ELF file. */
function emitHeader(a: Assembler): void {
  const magic = 0x1bad_b002;
  const flags = 0x1_0000;
  a.dd(magic, flags, -(magic + flags), LOAD_GPA, LOAD_GPA);
  a.dAddress('end');
  a.dAddress('end');
  a.dAddress('entry');
}

/** SDM Vol. 3A §9.8.5 "Initializing IA-32e Mode". Code of 32 bits: MOV CR, RDMSR and the like have the same bytes. */
function emitLongModeEntry(a: Assembler): void {
  a.label('entry');
  a.db(0xfa); // cli
  a.movAddress(R.rax, 'pml4');
  a.db(0x0f, 0x22, 0xd8); // mov cr3, eax
  a.movImmediate(R.rax, 0x620); // PAE, OSFXSR, OSXMMEXCPT
  a.db(0x0f, 0x22, 0xe0); // mov cr4, eax
  a.movImmediate(R.rcx, 0xc000_0080); // IA32_EFER
  a.db(0x0f, 0x32); // rdmsr
  a.aluImmediate('or', R.rax, 0x101, 32); // SCE, LME
  a.db(0x0f, 0x30); // wrmsr
  a.movImmediate(R.rax, 0x8001_0033 | 0); // PG, WP, NE, ET, MP, PE
  a.db(0x0f, 0x22, 0xc0); // mov cr0, eax
  a.db(0x0f, 0x01, 0x15); // lgdt [gdtr]
  a.dAddress('gdtr');
  a.db(0xea); // jmp far
  a.dAddress('entry64');
  a.db(SELECTOR.code, 0);
  a.label('entry64');
  a.movImmediate(R.rax, SELECTOR.data);
  for (const segment of [0xd8, 0xc0, 0xd0]) a.db(0x8e, segment); // mov ds/es/ss, ax
  a.movImmediate(R.rsp, STACK_TOP);
  a.movAddress(R.rax, 'idtr');
  a.db(0x0f, 0x01, 0x18); // lidt [rax]
  a.movImmediate(R.rax, SELECTOR.tss);
  a.db(0x0f, 0x00, 0xd8); // ltr ax
}

function emitProgram(a: Assembler, program: BenchProgram): void {
  a.movAddress(R.rsi, `name ${program.name}`);
  a.call('print');
  for (let register = 0; register < 16; register++) {
    if (register !== R.rsp) a.movImmediate(register, 0x1234_5677 * (register + 1));
  }
  program.emit(a);
  if (program.hash) a.call('print hash');
  else a.call('print end');
}

/** Zero-terminated text at RSI to COM1; a character waits for LSR.THRE. */
function emitPrint(a: Assembler): void {
  a.label('print');
  a.db(0x0f, 0xb6, 0x3e); // movzx edi, byte [rsi]
  a.db(0x48, 0xff, 0xc6); // inc rsi
  a.alu('test', R.rdi, R.rdi);
  const more = a.newLabel();
  a.jcc(CC.nz, more);
  a.ret();
  a.label(more);
  a.call('print character');
  a.jmp('print');

  a.label('print character');
  a.movImmediate(R.rdx, SERIAL_PORT + 5);
  a.label('wait');
  a.db(0xec, 0xa8, 0x20); // in al, dx; test al, THRE
  a.jcc(CC.z, 'wait');
  a.movImmediate(R.rdx, SERIAL_PORT);
  a.alu('mov', R.rax, R.rdi);
  a.db(0xee); // out dx, al
  a.ret();

  a.label('end text');
  a.text('.\n\0');
  a.label('print end');
  a.movAddress(R.rsi, 'end text');
  a.jmp('print');
  emitPrintHash(a);
}

/** `.` and 16 digits of a hash of all registers but RSP. */
function emitPrintHash(a: Assembler): void {
  a.label('print hash');
  for (let register: number = R.rcx; register <= R.r15; register++) {
    if (register === R.rsp) continue;
    a.shift('rol', R.rax, 5);
    a.alu('xor', R.rax, register);
  }
  a.alu('mov', R.rbx, R.rax);
  a.movImmediate(R.rdi, '.'.charCodeAt(0));
  a.call('print character');
  a.loop(R.rcx, 16, () => {
    a.shift('rol', R.rbx, 4);
    a.alu('mov', R.rdi, R.rbx, 32);
    a.aluImmediate('and', R.rdi, 15, 32);
    a.aluImmediate('add', R.rdi, '0'.charCodeAt(0), 32);
    const digit = a.newLabel();
    a.aluImmediate('cmp', R.rdi, '9'.charCodeAt(0), 32);
    a.jcc(CC.be, digit);
    a.aluImmediate('add', R.rdi, 'a'.charCodeAt(0) - '9'.charCodeAt(0) - 1, 32);
    a.label(digit);
    a.call('print character');
  });
  a.movImmediate(R.rdi, '\n'.charCodeAt(0));
  a.jmp('print character');
}

/** Handlers keep every register. The one for page faults maps the changing page and lets the access happen again. */
function emitHandlers(a: Assembler): void {
  const interruptReturn = [0x48, 0xcf];
  a.label('handler software');
  a.db(...interruptReturn);

  a.label('handler ipi');
  a.push(R.rax);
  a.movImmediate(R.rax, LAPIC_GPA | 0);
  a.memory(0xc7, 0, { base: R.rax, displacement: 0xb0 }, 32); // EOI
  a.dd(0);
  a.pop(R.rax);
  a.db(...interruptReturn);

  a.label('handler page fault');
  a.push(R.rax);
  a.movAddress(R.rax, 'changing entry');
  a.memory(0x83, ALU_IMMEDIATE.or, { base: R.rax });
  a.db(1); // present
  a.pop(R.rax);
  a.aluImmediate('add', R.rsp, 8); // error code
  a.db(...interruptReturn);

  a.label('handler unexpected');
  a.movAddress(R.rsi, 'unexpected text');
  a.call('print');
  a.db(0xb0, 1, 0xe6, EXIT_PORT);
  a.jmp('hang');
  a.label('unexpected text');
  a.text('!unexpected exception\n\0');
}

function emitTables(a: Assembler): void {
  a.align(PAGE);
  emitDescriptorTables(a);
  a.align(PAGE);
  const page = (label: string, entry: (i: number) => bigint): void => {
    a.label(label);
    for (let i = 0; i < 512; i++) a.dq(entry(i));
  };
  const large = (gpa: number, bits: bigint): bigint => BigInt(gpa) | bits;
  page('device directory', (i) => large(0xc000_0000 + i * 0x20_0000, ENTRY.device));
  page('large directory', (i) => large(i * 0x20_0000, ENTRY.large));
  const tables = SMALL_PAGES.count / 512;
  for (let table = 0; table < tables; table++) {
    page(`small table ${table}`, (i) => BigInt(SMALL_PAGES.gpa + (table * 512 + i) * PAGE) | ENTRY.plain);
  }
  a.label('changing table');
  a.label('changing entry');
  a.dq(BigInt(CHANGING_PAGE.gpa) | ENTRY.plain);
  for (let i = 1; i < 512; i++) a.dq(0n);
  const at = (label: string): bigint => BigInt(a.addressOf(label)) | ENTRY.plain;
  const changing = (CHANGING_PAGE.linear - SMALL_PAGES.linear) / 0x20_0000;
  page('small directory', (i) => (i < tables ? at(`small table ${i}`) : i === changing ? at('changing table') : 0n));
  const pointers = ['large directory', 'small directory', undefined, 'device directory'];
  page('pointers', (i) => (pointers[i] === undefined ? 0n : at(pointers[i])));
  page('pml4', (i) => (i === 0 ? at('pointers') : 0n));
}

/** SDM Vol. 3A §3.4.5, §7.7 (64-bit TSS) and §6.14.1 (64-bit IDT). The TSS lies in the GDT's page. */
function emitDescriptorTables(a: Assembler): void {
  a.label('tss');
  a.dd(0);
  a.dq(BigInt(STACK_TOP - 0x1_0000)); // RSP0
  for (let i = 0; i < 23; i++) a.dd(0);
  a.align(16);
  const tss = BigInt(a.addressOf('tss'));
  a.label('gdt');
  a.dq(0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x00cf_f300_0000_ffffn, 0x00af_fb00_0000_ffffn);
  a.dq(0x0000_8900_0000_0067n | ((tss & 0xff_ffffn) << 16n) | ((tss >> 24n) << 56n), 0n);
  a.label('gdtr');
  a.db(a.address - a.addressOf('gdt') - 1, 0);
  a.dAddress('gdt');
  a.align(16);
  a.label('idt');
  const handlers: Readonly<Record<number, string>> = {
    14: 'handler page fault',
    [VECTOR_IPI]: 'handler ipi',
    [VECTOR_SOFTWARE]: 'handler software',
  };
  for (let vector = 0; vector < 256; vector++) {
    const handler = a.addressOf(handlers[vector] ?? 'handler unexpected');
    // Interrupt gate, DPL 3.
    a.dd((handler & 0xffff) | (SELECTOR.code << 16), (handler & 0xffff_0000) | 0xee00, 0, 0);
  }
  a.label('idtr');
  a.db(0xff, 0x0f);
  a.dAddress('idt');
  a.dd(0);
}
