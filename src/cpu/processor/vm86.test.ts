import { describe, expect, test } from 'vitest';
import { deliverException, deliverInterrupt } from '../../x86/interrupts.ts';
import { CR0, CR4, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';
import { AT, gate, SELECTOR, SystemMachine } from './system-machine.cases.ts';

const P = 0x80;
/** Segments and registers of the 8086 program. */
const CS = 0x600;
const SS = 0x900;
const SP = 0x100;

function realMode(): SystemMachine {
  const machine = new SystemMachine();
  const { cpu } = machine;
  cpu.setU64(STATE.cr0, BigInt(CR0.ET));
  for (const [segment, selector] of [
    [SEG.CS, CS],
    [SEG.SS, SS],
  ] as const) {
    cpu.setU32(STATE.segments + segment * SEGMENT_BYTES, selector);
    cpu.setU32(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base, selector << 4);
  }
  cpu.setU64(STATE.idtrBase, 0n);
  cpu.setU32(STATE.idtrLimit, 0x3ff);
  cpu.setU64(STATE.rip, 0x10n);
  machine.setGpr(GPR.RSP, BigInt(SP));
  cpu.updateMode();
  return machine;
}

/** Enters virtual-8086 mode by IRET from CPL 0. */
function vm86(flags: number = RFLAGS.FIXED, cr4 = 0): SystemMachine {
  const machine = new SystemMachine().enterProtectedMode();
  const { cpu, memory } = machine;
  cpu.setU32(STATE.cr4, cpu.u32(STATE.cr4) | cr4);
  const frame = [0x10, CS, flags | RFLAGS.VM, SP, SS, 1, 2, 3, 4];
  for (const [i, value] of frame.entries()) memory.writeU32(AT.STACK + i * 4, value);
  expect(machine.run('cf')).toBeUndefined();
  memory.writeU16(AT.TSS + 0x66, 0x100);
  return machine;
}

const words = (machine: SystemMachine, count: number): number[] =>
  Array.from({ length: count }, (_, i) => machine.memory.readU16((SS << 4) + Number(machine.gpr(GPR.RSP)) + i * 2));

describe('real mode', () => {
  test('an interrupt pushes FLAGS, CS and IP and goes through the vector table; IRET comes back', () => {
    const machine = realMode();
    machine.memory.writeU32(0x21 * 4, 0x1234_5678);
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.TF | RFLAGS.CF);
    expect(machine.run('cd21')).toBeUndefined();
    expect([machine.selector(SEG.CS), machine.rip]).toEqual([0x1234, 0x5678n]);
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.CF);
    expect(words(machine, 3)).toEqual([0x12, CS, RFLAGS.FIXED | RFLAGS.IF | RFLAGS.TF | RFLAGS.CF]);
    expect(machine.run('cf')).toBeUndefined();
    expect([machine.selector(SEG.CS), machine.rip, machine.gpr(GPR.RSP)]).toEqual([CS, 0x12n, BigInt(SP)]);
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.TF | RFLAGS.CF);
  });

  test('exceptions push no error code', () => {
    const machine = realMode();
    machine.memory.writeU32(VECTOR.GP * 4, 0x2000_0040);
    expect(deliverException(machine.cpu, VECTOR.GP, 0x10)).toBe(true);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(SP - 6));
  });

  test('the stack pointer wraps at 64 KiB', () => {
    const machine = realMode();
    machine.setGpr(GPR.RSP, 2n);
    deliverInterrupt(machine.cpu, 8, 'external');
    expect(machine.gpr(GPR.RSP)).toBe(0xfffcn);
    expect(machine.memory.readU16(SS << 4)).toBe(RFLAGS.FIXED);
    expect(machine.memory.readU16((SS << 4) + 0xfffe)).toBe(CS);
  });

  test('far jumps load CS with base 16 times the selector', () => {
    const machine = realMode();
    expect(machine.run('ea34120008')).toBeUndefined();
    const base = machine.cpu.u32(STATE.segments + SEG.CS * SEGMENT_BYTES + SEGMENT.base);
    expect([machine.rip, base]).toEqual([0x1234n, 0x8000]);
  });

  test('setting CR0.PE and a far jump enter protected mode', () => {
    const machine = realMode();
    machine.setGpr(GPR.RAX, 0x11n);
    expect(machine.run('0f22c0')).toBeUndefined();
    expect(machine.run(`66ea00600000${'3000'}`)).toBeUndefined();
    expect(machine.cpu.u32(STATE.mode) & 3).toBe(1);
    expect(machine.rip).toBe(0x6000n);
  });

  test('LAR is undefined', () => {
    expect(realMode().run('0f02c0')).toBe('6');
  });
});

describe('virtual-8086 mode', () => {
  test('IRET enters it with all segments', () => {
    const machine = vm86();
    expect([SEG.ES, SEG.DS, SEG.FS, SEG.GS].map((segment) => machine.selector(segment))).toEqual([1, 2, 3, 4]);
    expect([machine.rip, machine.gpr(GPR.RSP), machine.cpu.u32(STATE.cpl)]).toEqual([0x10n, BigInt(SP), 3]);
  });

  test('an exception leaves it with segments on the stack of CPL 0', () => {
    const machine = vm86();
    machine.memory.writeU64(AT.IDT + VECTOR.GP * 8, gate(SELECTOR.CODE32, AT.HANDLER, P | 14));
    expect(deliverException(machine.cpu, VECTOR.GP, 0)).toBe(true);
    const flags = RFLAGS.FIXED | RFLAGS.VM | RFLAGS.RF;
    expect(machine.dwords(10)).toEqual([0, 0x10, CS, flags, SP, SS, 1, 2, 3, 4]);
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED);
    expect(machine.selector(SEG.DS)).toBe(0);
    expect(machine.cpu.u32(STATE.cpl)).toBe(0);
  });

  test('a handler that is not of CPL 0 is #GP', () => {
    const machine = vm86(RFLAGS.FIXED | RFLAGS.IOPL);
    machine.memory.writeU64(AT.IDT + 0x21 * 8, gate(SELECTOR.USER_CODE32, AT.HANDLER, P | (3 << 5) | 14));
    expect(machine.run('cd21')).toBe(`13(${(SELECTOR.USER_CODE32 & ~3).toString(16)})`);
  });

  test.each(['cd21', '9c', '9d', 'cf', 'fa', 'fb'])('%s with IOPL below 3 is #GP(0)', (code) => {
    expect(vm86().run(code)).toBe('13(0)');
  });

  test.each(['9c', '9d', 'fa', 'fb'])('%s with IOPL 3 is allowed', (code) => {
    expect(vm86(RFLAGS.FIXED | RFLAGS.IOPL).run(code)).toBeUndefined();
  });

  test('with VME, CLI and STI act on VIF and PUSHF shows it as IF', () => {
    const machine = vm86(RFLAGS.FIXED | RFLAGS.VIF | RFLAGS.IF, CR4.VME);
    expect(machine.run('9c')).toBeUndefined();
    expect(words(machine, 1)[0]).toBe(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.IOPL);
    machine.run('fa');
    expect(machine.cpu.rflags() & (RFLAGS.VIF | RFLAGS.IF)).toBe(RFLAGS.IF);
    machine.cpu.setRflags(machine.cpu.rflags() | RFLAGS.VIP);
    expect(machine.run('fb')).toBe('13(0)');
  });

  test('with VME, the redirection bit map chooses between the program’s handler and #GP', () => {
    const machine = vm86(RFLAGS.FIXED | RFLAGS.VIF | RFLAGS.IF, CR4.VME);
    machine.memory.writeU32(0x21 * 4, 0x0700_0123);
    expect(machine.run('cd21')).toBeUndefined();
    expect([machine.selector(SEG.CS), machine.rip]).toEqual([0x700, 0x123n]);
    expect(words(machine, 3)).toEqual([0x12, CS, RFLAGS.FIXED | RFLAGS.IF | RFLAGS.IOPL]);
    expect(machine.cpu.rflags() & (RFLAGS.VIF | RFLAGS.IF)).toBe(RFLAGS.IF);
    expect(machine.run('cf')).toBeUndefined();
    expect(machine.cpu.rflags() & RFLAGS.VIF).toBe(RFLAGS.VIF);
    machine.memory.writeU8(AT.TSS + 0x100 - 32 + (0x21 >> 3), 1 << (0x21 & 7));
    expect(machine.run('cd21')).toBe('13(0)');
  });
});
