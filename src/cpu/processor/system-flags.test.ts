import { describe, expect, test } from 'vitest';
import { afterInstruction, checkInstructionBreakpoint, DR6, noteDataAccess, notePortAccess } from '../../x86/debug.ts';
import { ACCESS } from '../../x86/processor.ts';
import { CR0, CR4, GPR, RFLAGS, SHADOW, STATE } from '../../x86/state.ts';
import { AT, SELECTOR, SystemMachine } from './system-machine.cases.ts';

const FIXED = RFLAGS.FIXED;
const iopl = (level: number): number => level << RFLAGS.IOPL_SHIFT;
const long = (): SystemMachine => new SystemMachine().enterLongMode();
const user = (flags: number = FIXED, cr4 = 0): SystemMachine => {
  const machine = long().enterUser(SELECTOR.USER_CODE64, SELECTOR.USER_DATA);
  machine.cpu.setRflags(flags);
  machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | cr4);
  return machine;
};
const POPFQ = '9d';

describe('POPF', () => {
  const ALL = 0x3f_7fd7;
  const popped = (machine: SystemMachine, value: number): number | string => {
    machine.memory.writeU64(AT.STACK, BigInt(value));
    return machine.run(POPFQ) ?? machine.cpu.rflags();
  };
  const ordinary =
    RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT;

  test('at CPL 0 changes all but VM, RF, VIF and VIP', () => {
    expect(popped(long(), ALL)).toBe(FIXED | ordinary | RFLAGS.IF | RFLAGS.IOPL | RFLAGS.AC | RFLAGS.ID);
  });

  test('at CPL 3 changes neither IF nor IOPL', () => {
    expect(popped(user(), ALL)).toBe(FIXED | ordinary | RFLAGS.AC | RFLAGS.ID);
    expect(popped(user(FIXED | RFLAGS.IF), 0)).toBe(FIXED | RFLAGS.IF);
  });

  test('at CPL 3 with IOPL 3 changes IF', () => {
    expect(popped(user(FIXED | iopl(3)), ALL & ~RFLAGS.IOPL)).toBe(
      FIXED | ordinary | RFLAGS.IF | iopl(3) | RFLAGS.AC | RFLAGS.ID,
    );
  });

  test('of 16 bits leaves the upper half', () => {
    const machine = long();
    machine.cpu.setRflags(FIXED | RFLAGS.ID | RFLAGS.AC);
    machine.memory.writeU16(AT.STACK, RFLAGS.CF);
    expect(machine.run('669d')).toBeUndefined();
    expect(machine.cpu.rflags()).toBe(FIXED | RFLAGS.ID | RFLAGS.AC | RFLAGS.CF);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.STACK + 2));
  });

  test('of a stack that is not there faults without moving RSP', () => {
    const machine = long();
    machine.setGpr(GPR.RSP, 0x7000_0000n);
    expect(machine.run(POPFQ)).toBe('14(0)');
    expect(machine.gpr(GPR.RSP)).toBe(0x7000_0000n);
    expect(machine.cpu.u64(STATE.cr2)).toBe(0x7000_0000n);
  });
});

test('PUSHF pushes neither VM nor RF', () => {
  const machine = long();
  machine.cpu.setRflags(FIXED | RFLAGS.RF | RFLAGS.IF | RFLAGS.ID);
  expect(machine.run('9c')).toBeUndefined();
  expect(machine.stack(1)).toEqual([BigInt(FIXED | RFLAGS.IF | RFLAGS.ID)]);
});

describe('CLI and STI', () => {
  test.each([
    { name: 'CPL 0', machine: long, fault: undefined },
    { name: 'CPL 3', machine: () => user(), fault: '13(0)' },
    { name: 'CPL 3 with IOPL 3', machine: () => user(FIXED | iopl(3)), fault: undefined },
    { name: 'CPL 3 with PVI', machine: () => user(FIXED, CR4.PVI), fault: undefined },
  ])('at $name: $fault', ({ machine, fault }) => {
    expect([machine().run('fa'), machine().run('fb')]).toEqual([fault, fault]);
  });

  test('STI shadows only if interrupts were off', () => {
    const machine = long();
    machine.run('fb');
    expect([machine.cpu.rflags() & RFLAGS.IF, machine.cpu.u32(STATE.interruptShadow)]).toEqual([RFLAGS.IF, 1]);
    machine.cpu.setU32(STATE.interruptShadow, 0);
    machine.run('fb');
    expect(machine.cpu.u32(STATE.interruptShadow)).toBe(0);
  });

  test('with PVI act on VIF, and STI faults while VIP is set', () => {
    const machine = user(FIXED | RFLAGS.IF, CR4.PVI);
    expect(machine.run('fb')).toBeUndefined();
    expect(machine.cpu.rflags()).toBe(FIXED | RFLAGS.IF | RFLAGS.VIF);
    machine.run('fa');
    machine.cpu.setRflags(FIXED | RFLAGS.VIP);
    expect(machine.run('fb')).toBe('13(0)');
  });
});

describe('STAC and CLAC', () => {
  test('set AC and with it the access to user pages', () => {
    const machine = long();
    machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | CR4.SMAP);
    machine.cpu.updateMode();
    expect(machine.cpu.u32(STATE.mmuContext)).toBe(0);
    expect(machine.run('488b0425 00b00000')).toBe('14(1)');
    expect(machine.run('0f01cb')).toBeUndefined();
    expect(machine.cpu.u32(STATE.mmuContext)).toBe(2);
    expect(machine.run('488b0425 00b00000')).toBeUndefined();
    machine.run('0f01ca');
    expect(machine.cpu.u32(STATE.mmuContext)).toBe(0);
  });

  test('are #UD at CPL 3', () => {
    expect(user().run('0f01cb')).toBe('6');
  });
});

describe('alignment checks', () => {
  test.each([
    { name: 'CPL 3', machine: () => user(FIXED | RFLAGS.AC), fault: '17(0)' },
    { name: 'CPL 3 without AC', machine: () => user(), fault: undefined },
    { name: 'CPL 0', machine: long, fault: undefined },
  ])('of PUSHF at $name: $fault', ({ machine, fault }) => {
    const cpu = machine();
    cpu.cpu.setU32(STATE.cr0, cpu.cpu.u32(STATE.cr0) | CR0.AM);
    cpu.setGpr(GPR.RSP, BigInt(AT.STACK + 1));
    expect(cpu.run('9c')).toBe(fault);
  });
});

describe('debug registers', () => {
  test('DR4 and DR5 are DR6 and DR7 unless CR4.DE', () => {
    const machine = long();
    expect(machine.run('0f21e0')).toBeUndefined();
    expect(machine.gpr(GPR.RAX)).toBe(0xffff_0ff0n);
    expect(machine.run('0f21e8')).toBeUndefined();
    expect(machine.gpr(GPR.RAX)).toBe(0x400n);
    machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | CR4.DE);
    expect([machine.run('0f21e0'), machine.run('0f21e8')]).toEqual(['6', '6']);
  });

  test('reserved bits read as the manual says, and upper bits of DR7 fault', () => {
    const machine = long();
    machine.setGpr(GPR.RAX, 0xffff_ffffn);
    machine.run('0f23f0');
    machine.run('0f21f3');
    expect(machine.gpr(GPR.RBX)).toBe(0xffff_efffn);
    machine.setGpr(GPR.RAX, 0xffff_dfffn);
    expect(machine.run('0f23f8')).toBeUndefined();
    machine.run('0f21fb');
    expect(machine.gpr(GPR.RBX)).toBe(0xffff_07ffn);
    expect(machine.cpu.u32(STATE.debugArmed)).toBe(1);
    machine.setGpr(GPR.RAX, 1n << 32n);
    expect(machine.run('0f23f8')).toBe('13(0)');
  });

  test('DR7.GD makes the next access #DB with BD', () => {
    const machine = long();
    machine.setGpr(GPR.RAX, 0x2400n);
    machine.run('0f23f8');
    expect(machine.run('0f21c0')).toBe('1');
    expect(machine.cpu.u32(STATE.dr + 48) & DR6.BD).toBe(DR6.BD);
  });

  function armed(dr7: number, address: bigint): SystemMachine {
    const machine = long();
    machine.cpu.setU64(STATE.dr + 8, address);
    machine.setGpr(GPR.RAX, BigInt(dr7));
    machine.run('0f23f8');
    return machine;
  }
  /** Breakpoint 1, enabled locally, with R/W and LEN fields. */
  const dr7 = (kind: number, length: number): number => (1 << 2) | (kind << 20) | (length << 22);

  test.each([
    { name: 'a write within four bytes', kind: 1, length: 3, at: 0x1003n, bytes: 1, access: ACCESS.WRITE, hit: 2 },
    { name: 'a write beyond them', kind: 1, length: 3, at: 0x1004n, bytes: 1, access: ACCESS.WRITE, hit: 0 },
    { name: 'a wide write from below', kind: 1, length: 0, at: 0xff9n, bytes: 8, access: ACCESS.WRITE, hit: 2 },
    { name: 'a read of a write breakpoint', kind: 1, length: 0, at: 0x1000n, bytes: 1, access: ACCESS.READ, hit: 0 },
    {
      name: 'a read of a read-write breakpoint',
      kind: 3,
      length: 2,
      at: 0x1007n,
      bytes: 1,
      access: ACCESS.READ,
      hit: 2,
    },
  ])('data breakpoints see $name: $hit', ({ kind, length, at, bytes, access, hit }) => {
    const machine = armed(dr7(kind, length), 0x1000n);
    noteDataAccess(machine.cpu, Number(at), 0, { bytes, access });
    expect(machine.cpu.breakpointHits).toBe(hit);
  });

  test('instruction breakpoints are held off by RF', () => {
    const machine = armed(dr7(0, 0), 0x1000n);
    expect(checkInstructionBreakpoint(machine.cpu, 0x1000n)).toBe(2);
    machine.cpu.setRflags(FIXED | RFLAGS.RF);
    expect(checkInstructionBreakpoint(machine.cpu, 0x1000n)).toBe(0);
  });

  test('I/O breakpoints need CR4.DE', () => {
    const machine = armed(dr7(2, 0), 0x60n);
    notePortAccess(machine.cpu, 0x60, 1);
    expect(machine.cpu.breakpointHits).toBe(0);
    machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | CR4.DE);
    expect(machine.run('e660')).toBeUndefined();
    expect(machine.cpu.breakpointHits).toBe(2);
  });

  test('afterInstruction reports breakpoints and single steps, unless SS was loaded', () => {
    const { cpu } = long();
    expect(afterInstruction(cpu, false)).toBe(false);
    cpu.breakpointHits = 1;
    cpu.setU32(STATE.interruptShadow, SHADOW.SS);
    expect(afterInstruction(cpu, true)).toBe(false);
    cpu.setU32(STATE.interruptShadow, SHADOW.STI);
    expect(afterInstruction(cpu, true)).toBe(true);
    expect(cpu.u32(STATE.dr + 48) & 0xffff).toBe(0xff0 | DR6.BS | 1);
    expect(afterInstruction(cpu, false)).toBe(false);
  });
});
