import { Assembler, CC, mem, REG, type RegName } from './assembler.ts';
import { writeElf } from './elf.ts';
import {
  CODE_LINEAR,
  DATA_LINEAR,
  DATA_PAGE_COUNT,
  FXSAVE_USED_BYTES,
  PAGE_BYTES,
  READ_ONLY_LINEAR,
  RECORD,
  RECORD_BYTES,
  STACK_LINEAR,
  WINDOWS,
} from './layout.ts';

// The runner's own memory is far above the sandbox, so that no 32-bit address and hardly a random one hits it.
const IMAGE_LINEAR = 0x5500_0000_0000n;
const BATCH_LINEAR = 0x5600_0000_0000n;
const SIGNAL_STACK_LINEAR = 0x5700_0000_0000n;
const SIGNAL_STACK_BYTES = 0x2_0000n;
/** The code page again, writable. */
const CODE_ALIAS_LINEAR = 0x5800_0000_0000n;
const VARIABLES_LINEAR = 0x5900_0000_0000n;

export const BATCH_MAX_BYTES = 64 << 20;

/** Precedes the records on stdin, u64: what the host has. */
export const HEADER_BYTES = 8;
export const HEADER_FSGSBASE = 1;

/** u64s in the variables page; the kernel gives it zeroed. */
const VARIABLES = { record: 0, end: 8, codeAt: 16, codeLength: 24, scratch: 32 } as const;

// arch/x86/entry/syscalls/syscall_64.tbl
const SYS = {
  read: 0n,
  write: 1n,
  mmap: 9n,
  rt_sigaction: 13n,
  rt_sigreturn: 15n,
  setitimer: 38n,
  exit: 60n,
  sigaltstack: 131n,
  ftruncate: 77n,
  memfd_create: 319n,
} as const;

export const SIGALRM = 14;
const SIGNALS = [4 /* SIGILL */, 5 /* SIGTRAP */, 7 /* SIGBUS */, 8 /* SIGFPE */, 11 /* SIGSEGV */, SIGALRM];

// mmap: PROT_* and MAP_*
const READ = 1n;
const WRITE = 2n;
const EXEC = 4n;
const SHARED = 0x01n;
const PRIVATE = 0x02n;
const FIXED = 0x10n;
const ANONYMOUS = 0x20n;
const NORESERVE = 0x4000n;
const POPULATE = 0x8000n;

// SA_SIGINFO | SA_RESTORER | SA_ONSTACK
const SA_FLAGS = 0x0c00_0004n;

/** Every so many seconds the case that runs just then is ended with SIGALRM: it hangs, or is run again by the caller. */
const TICK_SECONDS = 1n;

/** Offsets in the kernel's struct ucontext: 40 bytes, then sigcontext_64 (arch/x86/include/uapi/asm/sigcontext.h). */
const UC = {
  gpr: {
    r8: 40,
    r9: 48,
    r10: 56,
    r11: 64,
    r12: 72,
    r13: 80,
    r14: 88,
    r15: 96,
    rdi: 104,
    rsi: 112,
    rbp: 120,
    rbx: 128,
    rdx: 136,
    rax: 144,
    rcx: 152,
    rsp: 160,
  } satisfies Record<RegName, number>,
  rip: 168,
  rflags: 176,
  cs: 184,
  ss: 190,
  errorCode: 192,
  vector: 200,
  cr2: 216,
  fpstate: 224,
} as const;

/** In the frame's XSAVE image: struct _fpx_sw_bytes' xfeatures, then the XSAVE header and YMM_Hi128 (SDM Vol. 1 §13.4). */
const FPSTATE = { xfeatures: 472, xstateBv: 512, ymmHigh: 576 } as const;
const XFEATURE_X87_SSE = 3;
const XFEATURE_AVX = 4;

/** Linux' flat data segment, for DS, ES and SS. */
const USER_DS = 0x2b;

/**
 * The native runner: reads a header and a batch of records from stdin, runs each case on the host CPU, overwrites
 * each record with its result and writes all of them to stdout.
 *
 * Its loop lives in the signal handler. A case ends by an exception: its own, or the INT3 that fills the rest of the
 * code page. The kernel has then put the complete user-visible state into the signal frame; the handler copies it to
 * the record, puts the next case's state into the frame, and returns to it by rt_sigreturn.
 */
export function nativeRunnerElf(): Uint8Array {
  const a = new Assembler();
  emitHandler(a);
  a.label('restorer');
  a.syscall(SYS.rt_sigreturn);
  a.label('start');
  emitMappings(a);
  emitSignalSetup(a);
  emitReadBatch(a);
  emitTimer(a);
  a.bytes(0xcc); // into the handler, for good
  const program = a.assemble();
  return writeElf(program, { base: IMAGE_LINEAR, entry: a.labelOffset('start') });
}

function emitHandler(a: Assembler): void {
  a.label('handler');
  // In: EDI = signal, RDX = ucontext. AC, NT and DF are still the case's.
  a.bytes(0x6a, 0x02, 0x9d); // push 2; popfq
  a.movImm('rbx', VARIABLES_LINEAR);
  a.mov('rbp', 'rdx');
  a.load64('r15', mem('rbp', UC.fpstate));
  a.load64('r12', mem('rbx', VARIABLES.record));
  a.test('r12', 'r12');
  a.jcc(CC.z, 'first');
  emitSaveRegisters(a);
  emitSaveFpu(a);
  emitSaveMemory(a);
  a.lea('r12', mem('r12', RECORD_BYTES));
  a.jmp('next');
  a.label('first');
  a.movImm('r12', BATCH_LINEAR + BigInt(HEADER_BYTES));
  a.label('next');
  a.store64(mem('rbx', VARIABLES.record), 'r12');
  a.load64('rax', mem('rbx', VARIABLES.end));
  a.cmp('r12', 'rax');
  a.jcc(CC.ae, 'finish');
  emitLoadRegisters(a);
  emitLoadFpu(a);
  emitLoadMemory(a);
  a.bytes(0xc3); // ret, to the restorer
  a.label('finish');
  emitWriteBatch(a);
}

const GPRS = Object.keys(REG) as RegName[];

// RBX = variables, RBP = ucontext, R12 = record, R15 = fpstate; in saving, EDI = signal.
function emitSaveRegisters(a: Assembler): void {
  a.store16(mem('r12', RECORD.signal), 'rdi');
  for (const name of GPRS) {
    a.load64('rax', mem('rbp', UC.gpr[name]));
    a.store64(mem('r12', RECORD.gpr + 8 * REG[name]), 'rax');
  }
  a.load64('rax', mem('rbp', UC.rip));
  a.store64(mem('r12', RECORD.rip), 'rax');
  a.load64('rax', mem('rbp', UC.rflags));
  a.store64(mem('r12', RECORD.rflags), 'rax');
  a.load16('rax', mem('rbp', UC.cs));
  a.store16(mem('r12', RECORD.cs), 'rax');
  a.load16('rax', mem('rbp', UC.ss));
  a.store16(mem('r12', RECORD.ss), 'rax');
  a.bytes(0x8c, 0xd8); // mov eax, ds
  a.store16(mem('r12', RECORD.ds), 'rax');
  a.bytes(0x8c, 0xc0); // mov eax, es
  a.store16(mem('r12', RECORD.es), 'rax');
  a.bytes(0x8c, 0xe0); // mov eax, fs
  a.store16(mem('r12', RECORD.fs), 'rax');
  a.bytes(0x8c, 0xe8); // mov eax, gs
  a.store16(mem('r12', RECORD.gs), 'rax');
  a.load32('rax', mem('rbp', UC.vector));
  a.store32(mem('r12', RECORD.vector), 'rax');
  a.load32('rax', mem('rbp', UC.errorCode));
  a.store32(mem('r12', RECORD.errorCode), 'rax');
  a.load64('rax', mem('rbp', UC.cr2));
  a.store64(mem('r12', RECORD.cr2), 'rax');
  a.movImm('r11', BATCH_LINEAR);
  a.testBits(mem('r11'), HEADER_FSGSBASE);
  a.jcc(CC.z, 'bases saved');
  a.bytes(0xf3, 0x48, 0x0f, 0xae, 0xc0); // rdfsbase rax
  a.store64(mem('r12', RECORD.fsBase), 'rax');
  a.bytes(0xf3, 0x48, 0x0f, 0xae, 0xc8); // rdgsbase rax
  a.store64(mem('r12', RECORD.gsBase), 'rax');
  a.label('bases saved');
}

function emitLoadRegisters(a: Assembler): void {
  for (const name of GPRS) {
    a.load64('rax', mem('r12', RECORD.gpr + 8 * REG[name]));
    a.store64(mem('rbp', UC.gpr[name]), 'rax');
  }
  a.load64('rax', mem('r12', RECORD.rip));
  a.store64(mem('rbp', UC.rip), 'rax');
  a.load64('rax', mem('r12', RECORD.rflags));
  a.store64(mem('rbp', UC.rflags), 'rax');
  a.load16('rax', mem('r12', RECORD.cs));
  a.store16(mem('rbp', UC.cs), 'rax');
  a.movImm('rax', BigInt(USER_DS));
  a.store16(mem('rbp', UC.ss), 'rax');
  a.bytes(0x8e, 0xd8); // mov ds, eax
  a.bytes(0x8e, 0xc0); // mov es, eax
  a.movImm('rax', 0n);
  a.bytes(0x8e, 0xe0); // mov fs, eax
  a.bytes(0x8e, 0xe8); // mov gs, eax
  a.movImm('r11', BATCH_LINEAR);
  a.testBits(mem('r11'), HEADER_FSGSBASE);
  a.jcc(CC.z, 'bases loaded');
  a.load64('rax', mem('r12', RECORD.fsBase));
  a.bytes(0xf3, 0x48, 0x0f, 0xae, 0xd0); // wrfsbase rax
  a.load64('rax', mem('r12', RECORD.gsBase));
  a.bytes(0xf3, 0x48, 0x0f, 0xae, 0xd8); // wrgsbase rax
  a.label('bases loaded');
}

/** rep movsb; RSI and RDI are set. */
function emitCopy(a: Assembler, sizeBytes: number): void {
  a.movImm('rcx', BigInt(sizeBytes));
  a.bytes(0xf3, 0xa4);
}

/** rep stosb of zeros; RDI is set. */
function emitZero(a: Assembler, sizeBytes: number): void {
  a.movImm('rax', 0n);
  a.movImm('rcx', BigInt(sizeBytes));
  a.bytes(0xf3, 0xaa);
}

function emitSaveFpu(a: Assembler): void {
  a.mov('rsi', 'r15');
  a.lea('rdi', mem('r12', RECORD.fxsave));
  emitCopy(a, FXSAVE_USED_BYTES);
  a.lea('rdi', mem('r12', RECORD.ymmHigh));
  a.testBits(mem('r15', FPSTATE.xfeatures), XFEATURE_AVX);
  a.jcc(CC.z, 'no ymm');
  a.testBits(mem('r15', FPSTATE.xstateBv), XFEATURE_AVX); // clear: in its initial state, all zeros
  a.jcc(CC.z, 'no ymm');
  a.lea('rsi', mem('r15', FPSTATE.ymmHigh));
  emitCopy(a, 256);
  a.jmp('ymm saved');
  a.label('no ymm');
  emitZero(a, 256);
  a.label('ymm saved');
}

function emitLoadFpu(a: Assembler): void {
  a.lea('rsi', mem('r12', RECORD.fxsave));
  a.mov('rdi', 'r15');
  emitCopy(a, FXSAVE_USED_BYTES);
  a.testBits(mem('r15', FPSTATE.xfeatures), XFEATURE_AVX);
  a.jcc(CC.z, 'fpu loaded');
  a.lea('rsi', mem('r12', RECORD.ymmHigh));
  a.lea('rdi', mem('r15', FPSTATE.ymmHigh));
  emitCopy(a, 256);
  a.orBits(mem('r15', FPSTATE.xstateBv), XFEATURE_X87_SSE | XFEATURE_AVX);
  a.label('fpu loaded');
}

const STRAY_REGIONS = [
  { linear: DATA_LINEAR, sizeBytes: DATA_PAGE_COUNT * PAGE_BYTES },
  { linear: STACK_LINEAR, sizeBytes: PAGE_BYTES },
];

function emitSaveMemory(a: Assembler): void {
  for (const window of Object.values(WINDOWS)) {
    a.movImm('rsi', BigInt(window.linear));
    a.lea('rdi', mem('r12', window.offset));
    emitCopy(a, window.sizeBytes);
    a.movImm('rdi', BigInt(window.linear));
    emitZero(a, window.sizeBytes);
  }
  // All must be zero now; XMM0 gathers the bits that are not.
  a.bytes(0x66, 0x0f, 0xef, 0xc0); // pxor xmm0, xmm0
  for (const [index, region] of STRAY_REGIONS.entries()) {
    a.movImm('rsi', BigInt(region.linear));
    a.movImm('rcx', BigInt(region.linear + region.sizeBytes));
    a.label(`scan ${index}`);
    a.bytes(0x66, 0x0f, 0xeb, 0x06); // por xmm0, [rsi]
    a.bytes(0x66, 0x0f, 0xeb, 0x46, 0x10); // por xmm0, [rsi+16]
    a.bytes(0x66, 0x0f, 0xeb, 0x46, 0x20); // por xmm0, [rsi+32]
    a.bytes(0x66, 0x0f, 0xeb, 0x46, 0x30); // por xmm0, [rsi+48]
    a.lea('rsi', mem('rsi', 64));
    a.cmp('rsi', 'rcx');
    a.jcc(CC.b, `scan ${index}`);
  }
  a.bytes(0x66, 0x0f, 0xef, 0xc9); // pxor xmm1, xmm1
  a.bytes(0x66, 0x0f, 0x74, 0xc1); // pcmpeqb xmm0, xmm1
  a.bytes(0x66, 0x0f, 0xd7, 0xc0); // pmovmskb eax, xmm0
  a.bytes(0x35, 0xff, 0xff, 0x00, 0x00); // xor eax, 0xffff
  a.store16(mem('r12', RECORD.stray), 'rax');
  a.jcc(CC.z, 'no stray');
  for (const region of STRAY_REGIONS) {
    a.movImm('rdi', BigInt(region.linear));
    emitZero(a, region.sizeBytes);
  }
  a.label('no stray');
  a.load64('rdi', mem('rbx', VARIABLES.codeAt));
  a.load64('rcx', mem('rbx', VARIABLES.codeLength));
  a.bytes(0xb0, 0xcc, 0xf3, 0xaa); // mov al, 0xcc; rep stosb
}

function emitLoadMemory(a: Assembler): void {
  for (const window of Object.values(WINDOWS)) {
    a.lea('rsi', mem('r12', window.offset));
    a.movImm('rdi', BigInt(window.linear));
    emitCopy(a, window.sizeBytes);
  }
  // The code goes where RIP points, through the alias: an IRET, so a serializing instruction, comes before it runs.
  a.load64('rdi', mem('r12', RECORD.rip));
  a.movImm('rax', CODE_ALIAS_LINEAR - BigInt(CODE_LINEAR));
  a.add('rdi', 'rax');
  a.store64(mem('rbx', VARIABLES.codeAt), 'rdi');
  a.load16('rcx', mem('r12', RECORD.codeLength));
  a.store64(mem('rbx', VARIABLES.codeLength), 'rcx');
  a.lea('rsi', mem('r12', RECORD.code));
  a.bytes(0xf3, 0xa4); // rep movsb
}

/** Exits with status 1 when RAX holds a negative errno. */
function emitCheck(a: Assembler): void {
  a.movImm('r11', -4096n & 0xffff_ffff_ffff_ffffn);
  a.cmp('rax', 'r11');
  a.jcc(CC.a, 'fail');
}

function emitMappings(a: Assembler): void {
  a.leaLabel('rdi', 'name');
  a.movImm('rsi', 0n);
  a.syscall(SYS.memfd_create);
  emitCheck(a);
  a.mov('r13', 'rax');
  a.mov('rdi', 'rax');
  a.movImm('rsi', BigInt(PAGE_BYTES));
  a.syscall(SYS.ftruncate);
  emitCheck(a);
  const own = PRIVATE | ANONYMOUS | FIXED;
  const mappings: readonly (readonly [linear: bigint, sizeBytes: number, protection: bigint, flags: bigint])[] = [
    [BigInt(DATA_LINEAR), DATA_PAGE_COUNT * PAGE_BYTES, READ | WRITE, own],
    [BigInt(STACK_LINEAR), PAGE_BYTES, READ | WRITE, own],
    [BigInt(READ_ONLY_LINEAR), PAGE_BYTES, READ, own | POPULATE], // present, so that a store's error code has P=1
    [BigInt(CODE_LINEAR), PAGE_BYTES, READ | EXEC, SHARED | FIXED],
    [CODE_ALIAS_LINEAR, PAGE_BYTES, READ | WRITE, SHARED | FIXED],
    [VARIABLES_LINEAR, PAGE_BYTES, READ | WRITE, own],
    [SIGNAL_STACK_LINEAR, Number(SIGNAL_STACK_BYTES), READ | WRITE, own],
    [BATCH_LINEAR, BATCH_MAX_BYTES, READ | WRITE, own | NORESERVE],
  ];
  for (const [linear, sizeBytes, protection, flags] of mappings) {
    a.movImm('rdi', linear);
    a.movImm('rsi', BigInt(sizeBytes));
    a.movImm('rdx', protection);
    a.movImm('r10', flags);
    a.mov('r8', 'r13'); // ignored where anonymous
    a.movImm('r9', 0n);
    a.syscall(SYS.mmap);
    emitCheck(a);
  }
  a.movImm('rdi', CODE_ALIAS_LINEAR);
  a.movImm('rcx', BigInt(PAGE_BYTES));
  a.bytes(0xb0, 0xcc, 0xf3, 0xaa); // mov al, 0xcc; rep stosb
  a.jmp('mapped');
  a.label('name');
  a.bytes(0x63, 0x6f, 0x64, 0x65, 0); // "code"
  a.label('fail');
  a.movImm('rdi', 1n);
  a.syscall(SYS.exit);
  a.label('mapped');
}

function emitSignalSetup(a: Assembler): void {
  a.movImm('rbx', VARIABLES_LINEAR + BigInt(VARIABLES.scratch));
  // stack_t: ss_sp, ss_flags, ss_size
  a.movImm('rax', SIGNAL_STACK_LINEAR);
  a.store64(mem('rbx', 0), 'rax');
  a.movImm('rax', SIGNAL_STACK_BYTES);
  a.store64(mem('rbx', 16), 'rax');
  a.mov('rdi', 'rbx');
  a.movImm('rsi', 0n);
  a.syscall(SYS.sigaltstack);
  emitCheck(a);
  // struct kernel_sigaction: handler, flags, restorer, mask: the handler is never interrupted
  a.leaLabel('rax', 'handler');
  a.store64(mem('rbx', 0), 'rax');
  a.movImm('rax', SA_FLAGS);
  a.store64(mem('rbx', 8), 'rax');
  a.leaLabel('rax', 'restorer');
  a.store64(mem('rbx', 16), 'rax');
  a.movImm('rax', 0xffff_ffff_ffff_ffffn);
  a.store64(mem('rbx', 24), 'rax');
  for (const signal of SIGNALS) {
    a.movImm('rdi', BigInt(signal));
    a.mov('rsi', 'rbx');
    a.movImm('rdx', 0n);
    a.movImm('r10', 8n); // sizeof(sigset_t)
    a.syscall(SYS.rt_sigaction);
    emitCheck(a);
  }
}

function emitTimer(a: Assembler): void {
  a.movImm('rsi', VARIABLES_LINEAR + BigInt(VARIABLES.scratch));
  // struct itimerval: interval and value, seconds and microseconds each
  a.movImm('rax', TICK_SECONDS);
  a.store64(mem('rsi', 0), 'rax');
  a.store64(mem('rsi', 16), 'rax');
  a.movImm('rax', 0n);
  a.store64(mem('rsi', 8), 'rax');
  a.store64(mem('rsi', 24), 'rax');
  a.movImm('rdi', 0n); // ITIMER_REAL
  a.movImm('rdx', 0n);
  a.syscall(SYS.setitimer);
  emitCheck(a);
}

/** Reads stdin to its end; sets `end`. */
function emitReadBatch(a: Assembler): void {
  a.movImm('r12', BATCH_LINEAR);
  a.label('read');
  a.movImm('rdi', 0n);
  a.mov('rsi', 'r12');
  a.movImm('rdx', BATCH_LINEAR + BigInt(BATCH_MAX_BYTES));
  a.sub('rdx', 'r12');
  a.syscall(SYS.read);
  emitCheck(a);
  a.add('r12', 'rax');
  a.test('rax', 'rax');
  a.jcc(CC.nz, 'read');
  a.movImm('rbx', VARIABLES_LINEAR);
  a.store64(mem('rbx', VARIABLES.end), 'r12');
}

/** Writes the results and exits. RBX = variables. */
function emitWriteBatch(a: Assembler): void {
  a.movImm('r12', BATCH_LINEAR + BigInt(HEADER_BYTES));
  a.label('write');
  a.load64('rdx', mem('rbx', VARIABLES.end));
  a.sub('rdx', 'r12');
  a.jcc(CC.be, 'written');
  a.movImm('rdi', 1n);
  a.mov('rsi', 'r12');
  a.syscall(SYS.write);
  emitCheck(a);
  a.add('r12', 'rax');
  a.jmp('write');
  a.label('written');
  a.movImm('rdi', 0n);
  a.syscall(SYS.exit);
}
