import { type Assembler, CC, R } from './assembler.ts';
import {
  CHANGING_PAGE,
  DATA_GPA,
  LAPIC_GPA,
  SELECTOR,
  SMALL_PAGES,
  VECTOR_IPI,
  VECTOR_SOFTWARE,
} from './boot-image.ts';

/** A program that does one thing many times. */
export interface MicroProgram {
  readonly name: string;
  /** How often the thing is done. */
  readonly operations: number;
  /** What one of it is, where it is not a thing that happens: bytes of a copy. */
  readonly unit?: string;
  emit(assembler: Assembler): void;
  emitData?(assembler: Assembler): void;
}

const COUNTER = R.r14;
const REP_BYTES = 0x1_0000;
const CLD_REP = { movsb: [0xf3, 0xa4], movsq: [0xf3, 0x48, 0xa5], stosq: [0xf3, 0x48, 0xab] } as const;

const repeated = (name: keyof typeof CLD_REP, elementBytes: number, rounds: number): MicroProgram => ({
  name: `rep ${name}, 64 KiB`,
  operations: (rounds * REP_BYTES) / 4096,
  unit: '4 KiB',
  emit(a) {
    a.loop(COUNTER, rounds, () => {
      a.movImmediate(R.rsi, DATA_GPA);
      a.movImmediate(R.rdi, DATA_GPA + REP_BYTES);
      a.movImmediate(R.rcx, REP_BYTES / elementBytes);
      a.db(...CLD_REP[name]);
    });
  },
});

/** The processor's own paths beside plain instructions, each alone. */
export const MICRO_PROGRAMS: readonly MicroProgram[] = [
  {
    name: 'TLB hit: load',
    operations: 20_000_000,
    emit(a) {
      a.movImmediate(R.rbx, DATA_GPA);
      a.loop(COUNTER, 10_000_000, () => {
        a.load(R.rax, { base: R.rbx });
        a.load(R.rcx, { base: R.rbx, displacement: 64 });
      });
    },
  },
  {
    name: 'TLB miss: page walk, 4 levels',
    operations: SMALL_PAGES.count * 200,
    emit(a) {
      a.loop(COUNTER, 200, () => {
        a.movImmediate(R.rbx, SMALL_PAGES.linear);
        a.loop(R.rcx, SMALL_PAGES.count, () => {
          a.load(R.rax, { base: R.rbx }, 32);
          a.aluImmediate('add', R.rbx, 4096);
        });
      });
    },
  },
  {
    name: 'INVLPG and load',
    operations: 200_000,
    emit(a) {
      a.movImmediate(R.rbx, SMALL_PAGES.linear);
      a.loop(COUNTER, 200_000, () => {
        a.db(0x0f, 0x01, 0x3b); // invlpg [rbx]
        a.load(R.rax, { base: R.rbx }, 32);
      });
    },
  },
  {
    name: 'page fault, handler, IRETQ',
    operations: 100_000,
    emit(a) {
      a.movImmediate(R.rbx, CHANGING_PAGE.linear);
      a.movAddress(R.rbp, 'changing entry');
      a.loop(COUNTER, 100_000, () => {
        a.memory(0x80, 4, { base: R.rbp }, 32); // and byte [entry], ~present
        a.db(0xfe);
        a.db(0x0f, 0x01, 0x3b);
        a.load(R.rax, { base: R.rbx }, 32);
      });
    },
  },
  {
    name: 'CR3 load and 8 pages',
    operations: 50_000,
    emit(a) {
      a.movImmediate(R.rbx, SMALL_PAGES.linear);
      a.loop(COUNTER, 50_000, () => {
        a.db(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8); // mov rax, cr3; mov cr3, rax
        for (let page = 0; page < 8; page++) a.load(R.rax, { base: R.rbx, displacement: page * 4096 });
      });
    },
  },
  {
    name: 'INT n, IRETQ',
    operations: 200_000,
    emit: (a) => a.loop(COUNTER, 200_000, () => a.db(0xcd, VECTOR_SOFTWARE)),
  },
  {
    name: 'interrupt by the local APIC, EOI, IRETQ',
    operations: 100_000,
    emit(a) {
      a.movImmediate(R.rbx, LAPIC_GPA | 0);
      a.memory(0xc7, 0, { base: R.rbx, displacement: 0xf0 }, 32); // spurious vector register: enable
      a.dd(0x1ff);
      a.db(0xb0, 0xff, 0xe6, 0x21, 0xe6, 0xa1); // both 8259s: everything masked
      a.db(0xfb); // sti
      a.loop(COUNTER, 100_000, () => {
        a.memory(0xc7, 0, { base: R.rbx, displacement: 0x300 }, 32); // ICR: self
        a.dd(0x4_4000 | VECTOR_IPI);
        a.db(0x90);
      });
      a.db(0xfa);
    },
  },
  {
    name: 'SYSCALL, SYSRET',
    operations: 500_000,
    emit: emitSystemCalls,
  },
  {
    name: 'RDTSC',
    operations: 1_000_000,
    emit: (a) => a.loop(COUNTER, 1_000_000, () => a.db(0x0f, 0x31)),
  },
  {
    name: 'CPUID',
    operations: 500_000,
    emit: (a) =>
      a.loop(COUNTER, 500_000, () => {
        a.movImmediate(R.rax, 0);
        a.db(0x0f, 0xa2);
      }),
  },
  {
    name: 'OUT to port 0x80',
    operations: 200_000,
    emit: (a) => a.loop(COUNTER, 200_000, () => a.db(0xe6, 0x80)),
  },
  {
    name: 'load from the local APIC',
    operations: 100_000,
    emit(a) {
      a.movImmediate(R.rbx, LAPIC_GPA | 0);
      a.loop(COUNTER, 100_000, () => a.load(R.rax, { base: R.rbx, displacement: 0x20 }, 32));
    },
  },
  {
    name: 'store into a page with code',
    operations: 100_000,
    emit(a) {
      const data = a.newLabel();
      const over = a.newLabel();
      a.jmp(over);
      a.align(256);
      a.label(data);
      for (let i = 0; i < 16; i++) a.dd(0);
      a.align(256);
      a.label(over);
      a.movAddress(R.rbx, data);
      a.loop(COUNTER, 100_000, () => a.store({ base: R.rbx }, R.rax));
    },
  },
  {
    name: 'changed code, then run',
    operations: 20_000,
    emit(a) {
      const function_ = a.newLabel();
      const over = a.newLabel();
      a.movAddress(R.rbx, function_);
      a.loop(COUNTER, 20_000, () => {
        a.store({ base: R.rbx, displacement: 1 }, COUNTER, 32);
        a.call(function_);
      });
      a.jmp(over);
      a.align(4096);
      a.label(function_);
      a.movImmediate(R.rax, 0);
      a.ret();
      a.align(4096);
      a.label(over);
    },
  },
  {
    name: 'CALL, RET',
    operations: 5_000_000,
    emit(a) {
      a.loop(COUNTER, 5_000_000, () => a.call('micro leaf'));
    },
    emitData(a) {
      a.label('micro leaf');
      a.ret();
    },
  },
  {
    name: 'SSE2 double: MULPD, ADDPD',
    operations: 10_000_000,
    emit(a) {
      // x = x * 0.7 + 1.3, both halves: inexact, as nearly all such arithmetic is.
      for (const [xmm, value] of [1, 0.7, 1.3].entries()) {
        a.movDouble(R.rax, value);
        a.db(0x66, 0x48, 0x0f, 0x6e, 0xc0 | (xmm << 3)); // movq xmm, rax
        a.db(0x66, 0x0f, 0x14, 0xc0 | (xmm << 3) | xmm); // unpcklpd xmm, xmm
      }
      a.loop(COUNTER, 5_000_000, () => a.db(0x66, 0x0f, 0x59, 0xc1, 0x66, 0x0f, 0x58, 0xc2));
    },
  },
  {
    name: 'x87: FADD, FMUL',
    operations: 1_000_000,
    emit(a) {
      a.db(0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xe8); // fninit; fld1; fld1
      a.loop(COUNTER, 500_000, () => a.db(0xd8, 0xc1, 0xd8, 0xc9));
    },
  },
  {
    name: 'LOCK XADD, LOCK CMPXCHG',
    operations: 8_000_000,
    emit(a) {
      a.movImmediate(R.rbx, DATA_GPA);
      a.loop(COUNTER, 4_000_000, () => {
        a.db(0xf0);
        a.memory([0x0f, 0xc1], R.rcx, { base: R.rbx }, 32);
        a.db(0xf0);
        a.memory([0x0f, 0xb1], R.rcx, { base: R.rbx }, 32);
      });
    },
  },
  {
    name: 'DIV r64',
    operations: 1_000_000,
    emit(a) {
      a.movImmediate(R.rbx, 12_345);
      a.loop(COUNTER, 1_000_000, () => {
        a.movImmediate(R.rdx, 0);
        a.db(0x48, 0xf7, 0xf3);
      });
    },
  },
  repeated('movsb', 1, 4_000),
  repeated('movsq', 8, 4_000),
  repeated('stosq', 8, 4_000),
];

/** A user-mode loop around SYSCALL, left by a system call with RDI = 1. */
function emitSystemCalls(a: Assembler): void {
  const entry = a.newLabel();
  const user = a.newLabel();
  const leave = a.newLabel();
  const msr = (index: number, low: () => void, high: number): void => {
    low();
    a.movImmediate(R.rcx, index);
    a.movImmediate(R.rdx, high);
    a.db(0x0f, 0x30); // wrmsr
  };
  // IA32_STAR: SYSRET's selectors are the base + 8 and + 16.
  msr(0xc000_0081, () => a.movImmediate(R.rax, 0), SELECTOR.code | ((SELECTOR.data | 3) << 16));
  msr(0xc000_0082, () => a.movAddress(R.rax, entry), 0); // IA32_LSTAR
  msr(0xc000_0084, () => a.movImmediate(R.rax, 0x200), 0); // IA32_FMASK: IF
  a.alu('mov', R.r15, R.rsp);
  a.movAddress(R.rcx, user);
  a.movImmediate(R.r11, 2);
  a.db(0x48, 0x0f, 0x07); // sysretq
  a.label(user);
  a.movImmediate(R.rdi, 0);
  a.loop(COUNTER, 500_000, () => a.db(0x0f, 0x05));
  a.movImmediate(R.rdi, 1);
  a.db(0x0f, 0x05);
  a.label(entry);
  a.alu('test', R.rdi, R.rdi);
  a.jcc(CC.nz, leave);
  a.db(0x48, 0x0f, 0x07);
  a.label(leave);
  a.alu('mov', R.rsp, R.r15);
}
