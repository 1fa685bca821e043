import { describe, expect, test } from 'vitest';
import { deliverException, deliverInterrupt } from '../../x86/interrupts.ts';
import { ATTR, CR4, EFER, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from '../../x86/state.ts';
import { AT, descriptor, SELECTOR, SystemMachine } from './system-machine.cases.ts';

const P = 0x80;
const long = (): SystemMachine => new SystemMachine().enterLongMode();
const user = (): SystemMachine => long().enterUser(SELECTOR.USER_CODE64, SELECTOR.USER_DATA);

describe('interrupt delivery in 64-bit mode', () => {
  test('pushes SS RSP RFLAGS CS RIP on the aligned current stack at CPL 0', () => {
    const machine = long();
    machine.setLongGate(0x20);
    machine.setGpr(GPR.RSP, BigInt(AT.STACK) - 3n);
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.TF | RFLAGS.NT | RFLAGS.CF);
    expect(deliverInterrupt(machine.cpu, 0x20, 'external')).toBe(true);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.STACK) - 16n - 40n);
    expect(machine.stack(5)).toEqual([
      BigInt(AT.CODE),
      BigInt(SELECTOR.CODE64),
      BigInt(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.TF | RFLAGS.NT | RFLAGS.CF),
      BigInt(AT.STACK) - 3n,
      BigInt(SELECTOR.DATA),
    ]);
    expect(machine.rip).toBe(BigInt(AT.HANDLER));
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.CF);
    expect(machine.selector(SEG.SS)).toBe(SELECTOR.DATA);
  });

  test('trap gates keep IF', () => {
    const machine = long();
    machine.setLongGate(0x20, { access: P | 15 });
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.IF);
    deliverInterrupt(machine.cpu, 0x20, 'external');
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.IF);
  });

  test('from CPL 3 switches to RSP0 with a null SS', () => {
    const machine = user();
    machine.setLongGate(VECTOR.GP);
    expect(deliverException(machine.cpu, VECTOR.GP, 0x18)).toBe(true);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.RSP0) - 48n);
    expect(machine.stack(6)).toEqual([
      0x18n,
      BigInt(AT.CODE),
      BigInt(SELECTOR.USER_CODE64),
      BigInt(RFLAGS.FIXED | RFLAGS.RF),
      BigInt(AT.STACK),
      BigInt(SELECTOR.USER_DATA),
    ]);
    expect(machine.selector(SEG.SS)).toBe(0);
    expect(machine.attributes(SEG.SS) & ATTR.UNUSABLE).toBe(ATTR.UNUSABLE);
    expect(machine.selector(SEG.CS)).toBe(SELECTOR.CODE64);
    expect(machine.cpu.u32(STATE.cpl)).toBe(0);
  });

  test('IST overrides the stack even at CPL 0', () => {
    const machine = long();
    machine.setLongGate(2, { ist: 1 });
    expect(deliverInterrupt(machine.cpu, 2, 'nmi')).toBe(true);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.IST1) - 40n);
    expect(machine.cpu.u32(STATE.nmiBlocked)).toBe(1);
  });

  test.each([
    {
      name: 'gate beyond the IDT limit',
      spoil: (m: SystemMachine) => m.cpu.setU32(STATE.idtrLimit, 0x20e),
      error: 0x20 * 8 + 3,
    },
    {
      name: 'gate of a 16-bit type',
      spoil: (m: SystemMachine) => m.setLongGate(0x20, { access: P | 6 }),
      error: 0x20 * 8 + 3,
    },
    { name: 'null handler selector', spoil: (m: SystemMachine) => m.setLongGate(0x20, { selector: 0 }), error: 1 },
    {
      name: '32-bit handler',
      spoil: (m: SystemMachine) => m.setLongGate(0x20, { selector: SELECTOR.CODE32 }),
      error: SELECTOR.CODE32 | 1,
    },
    {
      name: 'handler in a data segment',
      spoil: (m: SystemMachine) => m.setLongGate(0x20, { selector: SELECTOR.DATA }),
      error: SELECTOR.DATA | 1,
    },
    {
      name: 'handler outside the GDT',
      spoil: (m: SystemMachine) => m.setLongGate(0x20, { selector: 0x200 }),
      error: 0x201,
    },
    {
      name: 'non-canonical handler',
      spoil: (m: SystemMachine) => m.setLongGate(0x20, { offset: 0x8000_0000_0000n }),
      error: 1,
    },
  ])('$name is #GP', ({ spoil, error }) => {
    const machine = long();
    machine.setLongGate(0x20);
    machine.setLongGate(VECTOR.GP);
    spoil(machine);
    expect(deliverInterrupt(machine.cpu, 0x20, 'external')).toBe(true);
    expect(machine.stack(2)).toEqual([BigInt(error), BigInt(AT.CODE)]);
  });

  test('absent gate is #NP, and a fault in #NP’s delivery a double fault', () => {
    const machine = long();
    machine.setLongGate(0x20, { access: 14 });
    machine.setLongGate(VECTOR.DF);
    machine.cpu.setU32(STATE.faultVector, 99);
    expect(deliverInterrupt(machine.cpu, 0x20, 'external')).toBe(true);
    expect(machine.stack(2)).toEqual([0n, BigInt(AT.CODE)]);
  });

  test('double fault without a handler shuts down, and leaves the registers as they were', () => {
    const machine = long();
    expect(deliverException(machine.cpu, VECTOR.GP, 0)).toBe(false);
    expect(machine.rip).toBe(BigInt(AT.CODE));
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.STACK));
  });

  test('a page fault while #PF is delivered is a double fault', () => {
    const machine = user();
    machine.setLongGate(VECTOR.PF);
    machine.setLongGate(VECTOR.DF, { ist: 1 });
    machine.memory.writeU64(AT.TSS + 4, 0x7000_0000n);
    expect(deliverException(machine.cpu, VECTOR.PF, 4)).toBe(true);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.IST1) - 48n);
    expect(machine.cpu.u64(STATE.cr2)).toBe(0x7000_0000n - 48n);
  });

  test('INT n at CPL 3 checks the gate’s DPL, without EXT', () => {
    const machine = user();
    machine.setLongGate(0x80);
    expect(machine.run('cd80')).toBe(`13(${(0x80 * 8 + 2).toString(16)})`);
    machine.setLongGate(0x80, { access: P | (3 << 5) | 14 });
    expect(machine.run('cd80')).toBeUndefined();
    expect(machine.stack(1)).toEqual([BigInt(AT.CODE + 2)]);
  });
});

describe('IRETQ', () => {
  const returnFrame = (machine: SystemMachine, frame: readonly (bigint | number)[]): void => {
    for (const [i, value] of frame.entries()) machine.memory.writeU64(AT.STACK + i * 8, BigInt(value));
  };

  test('undoes a delivery from CPL 3', () => {
    const machine = user();
    machine.setLongGate(0x20);
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.ZF | RFLAGS.ID);
    const before = machine.cpu.words.slice(0, STATE.gdtrBase >> 2);
    deliverInterrupt(machine.cpu, 0x20, 'external');
    expect(machine.run('48cf')).toBeUndefined();
    expect(machine.rip).toBe(BigInt(AT.CODE));
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.ZF | RFLAGS.ID);
    const ignored = [STATE.flagResult, STATE.flagResult + 4, STATE.flagAux].map((offset) => offset >> 2);
    for (const word of ignored) before[word] = machine.cpu.words[word] as number;
    expect(machine.cpu.words.slice(0, STATE.gdtrBase >> 2)).toEqual(before);
  });

  test('to CPL 3 nulls data segments of CPL 0 and keeps their bases', () => {
    const machine = long();
    returnFrame(machine, [AT.USER_CODE, SELECTOR.USER_CODE64, 0x202, 0x1234, SELECTOR.USER_DATA]);
    const gsBase = STATE.segments + SEG.GS * SEGMENT_BYTES + SEGMENT.base;
    machine.cpu.setU64(gsBase, 0x40_0000n);
    expect(machine.run('48cf')).toBeUndefined();
    expect(machine.selector(SEG.DS)).toBe(0);
    expect(machine.attributes(SEG.GS) & ATTR.UNUSABLE).not.toBe(0);
    expect(machine.cpu.u64(gsBase)).toBe(0x40_0000n);
    expect(machine.gpr(GPR.RSP)).toBe(0x1234n);
    expect(machine.cpu.u32(STATE.cpl)).toBe(3);
  });

  test('to compatibility mode switches the code size', () => {
    const machine = long();
    returnFrame(machine, [AT.USER_CODE, SELECTOR.USER_CODE32, 0x202, 0x1234, SELECTOR.USER_DATA]);
    expect(machine.run('48cf')).toBeUndefined();
    expect(machine.cpu.u32(STATE.mode) & 3).toBe(1);
  });

  test('accepts a null SS at CPL 0', () => {
    const machine = long();
    returnFrame(machine, [AT.USER_CODE, SELECTOR.CODE64, 2, AT.STACK, 0]);
    expect(machine.run('48cf')).toBeUndefined();
    expect(machine.selector(SEG.SS)).toBe(0);
  });

  test.each([
    { name: 'null CS', frame: [AT.CODE, 0, 2, 0, 0], fault: '13(0)' },
    { name: 'non-canonical RIP', frame: [1n << 47n, SELECTOR.CODE64, 2, 0, SELECTOR.DATA], fault: '13(0)' },
    { name: 'data segment as CS', frame: [AT.CODE, SELECTOR.DATA, 2, 0, SELECTOR.DATA], fault: '13(10)' },
    { name: 'null SS for CPL 3', frame: [AT.CODE, SELECTOR.USER_CODE64, 2, 0, 3], fault: '13(0)' },
    { name: 'SS of another privilege', frame: [AT.CODE, SELECTOR.USER_CODE64, 2, 0, SELECTOR.DATA], fault: '13(10)' },
    { name: 'SS not present', frame: [AT.CODE, SELECTOR.CODE64, 2, 0, SELECTOR.NOT_PRESENT], fault: '12(70)' },
    {
      name: 'RIP beyond the limit of a 32-bit segment',
      frame: [1n << 32n, SELECTOR.USER_CODE32, 2, 0, SELECTOR.USER_DATA],
      fault: '13(0)',
    },
  ])('with $name faults and changes nothing', ({ frame, fault }) => {
    const machine = long();
    returnFrame(machine, frame);
    const before = machine.cpu.words.slice(0, STATE.faultVector >> 2);
    expect(machine.run('48cf')).toBe(fault);
    expect(machine.cpu.words.slice(0, STATE.faultVector >> 2)).toEqual(before);
  });

  test('with NT is #GP(0)', () => {
    const machine = long();
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.NT);
    expect(machine.run('48cf')).toBe('13(0)');
  });

  test('at CPL 3 changes neither IF nor IOPL', () => {
    const machine = user();
    returnFrame(machine, [AT.CODE, SELECTOR.USER_CODE64, 0x3202, AT.STACK, SELECTOR.USER_DATA]);
    expect(machine.run('48cf')).toBeUndefined();
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED);
  });
});

describe('SYSCALL and SYSRET', () => {
  const withStar = (machine: SystemMachine): SystemMachine => {
    machine.cpu.setU64(STATE.star, (0x1bn << 48n) | (0x08n << 32n));
    machine.cpu.setU64(STATE.lstar, 0xffff_8000_0000_1000n);
    machine.cpu.setU64(STATE.sfmask, BigInt(RFLAGS.IF | RFLAGS.TF | RFLAGS.DF));
    return machine;
  };

  test('SYSCALL saves RIP and RFLAGS, masks flags and enters flat CPL 0', () => {
    const machine = withStar(user());
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.DF | RFLAGS.CF);
    expect(machine.run('0f05')).toBeUndefined();
    expect(machine.gpr(GPR.RCX)).toBe(BigInt(AT.CODE + 2));
    expect(machine.gpr(11)).toBe(BigInt(RFLAGS.FIXED | RFLAGS.IF | RFLAGS.DF | RFLAGS.CF));
    expect(machine.rip).toBe(0xffff_8000_0000_1000n);
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.CF);
    expect([machine.selector(SEG.CS), machine.selector(SEG.SS), machine.cpu.u32(STATE.cpl)]).toEqual([0x08, 0x10, 0]);
  });

  test('SYSRET undoes it', () => {
    const machine = withStar(user());
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.IF);
    machine.run('0f05');
    expect(machine.run('480f07')).toBeUndefined();
    expect(machine.rip).toBe(BigInt(AT.CODE + 2));
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.IF);
    expect([machine.selector(SEG.CS), machine.selector(SEG.SS), machine.cpu.u32(STATE.cpl)]).toEqual([0x2b, 0x23, 3]);
  });

  test('SYSRET with 32-bit operands returns to compatibility mode', () => {
    const machine = withStar(long());
    machine.setGpr(GPR.RCX, 0x1_0000_6000n);
    machine.setGpr(11, 2n);
    expect(machine.run('0f07')).toBeUndefined();
    expect(machine.rip).toBe(0x6000n);
    expect(machine.selector(SEG.CS)).toBe(0x1b);
    expect(machine.cpu.u32(STATE.mode) & 3).toBe(1);
  });

  test('SYSRET to a non-canonical address is #GP(0) at CPL 0', () => {
    const machine = withStar(long());
    machine.setGpr(GPR.RCX, 1n << 47n);
    expect(machine.run('480f07')).toBe('13(0)');
  });

  test.each([
    {
      name: 'SYSCALL without EFER.SCE',
      code: '0f05',
      setUp: (m: SystemMachine) => m.cpu.setU64(STATE.efer, BigInt(EFER.LMA | EFER.LME)),
      fault: '6',
    },
    {
      name: 'SYSRET at CPL 3',
      code: '480f07',
      setUp: (m: SystemMachine) => m.enterUser(SELECTOR.USER_CODE64, SELECTOR.USER_DATA),
      fault: '13(0)',
    },
    {
      name: 'SYSCALL in compatibility mode',
      code: '0f05',
      setUp: (m: SystemMachine) => m.enterUser(SELECTOR.USER_CODE32, SELECTOR.USER_DATA),
      fault: '6',
    },
    {
      name: 'SWAPGS at CPL 3',
      code: '0f01f8',
      setUp: (m: SystemMachine) => m.enterUser(SELECTOR.USER_CODE64, SELECTOR.USER_DATA),
      fault: '13(0)',
    },
    { name: 'SYSENTER with a null selector', code: '0f34', setUp: () => {}, fault: '13(0)' },
  ])('$name faults', ({ code, setUp, fault }) => {
    const machine = long();
    setUp(machine);
    expect(machine.run(code)).toBe(fault);
  });

  test('SYSENTER and SYSEXIT go to and from CPL 0 by the MSRs', () => {
    const machine = user();
    machine.cpu.setU64(STATE.sysenterCs, 0x08n);
    machine.cpu.setU64(STATE.sysenterEsp, 0xffff_8000_0000_0000n);
    machine.cpu.setU64(STATE.sysenterEip, 0x7000n);
    expect(machine.run('0f34')).toBeUndefined();
    expect([machine.rip, machine.gpr(GPR.RSP), machine.selector(SEG.SS)]).toEqual([
      0x7000n,
      0xffff_8000_0000_0000n,
      0x10,
    ]);
    machine.setGpr(GPR.RDX, 0x6100n);
    machine.setGpr(GPR.RCX, 0x9100n);
    expect(machine.run('480f35')).toBeUndefined();
    expect([machine.rip, machine.gpr(GPR.RSP), machine.selector(SEG.CS)]).toEqual([0x6100n, 0x9100n, 0x2b]);
  });

  test('SWAPGS exchanges the GS bases', () => {
    const machine = long();
    const base = STATE.segments + SEG.GS * SEGMENT_BYTES + SEGMENT.base;
    machine.cpu.setU64(base, 0x1111_2222_3333n);
    machine.cpu.setU64(STATE.kernelGsBase, 0xffff_8888_0000_0001n);
    expect(machine.run('0f01f8')).toBeUndefined();
    expect([machine.cpu.u64(base), machine.cpu.u64(STATE.kernelGsBase)]).toEqual([
      0xffff_8888_0000_0001n,
      0x1111_2222_3333n,
    ]);
  });
});

describe('control registers', () => {
  const RAX = GPR.RAX;
  test.each([
    { name: 'CR0 with PG and without PE', code: '0f22c0', value: 0x8000_0010n, fault: '13(0)' },
    { name: 'CR0 with NW and without CD', code: '0f22c0', value: 0xa000_0011n, fault: '13(0)' },
    { name: 'CR0 with an upper bit', code: '0f22c0', value: 0x1_8000_0011n, fault: '13(0)' },
    { name: 'CR0 that stops paging in 64-bit mode', code: '0f22c0', value: 0x11n, fault: '13(0)' },
    { name: 'CR3 beyond MAXPHYADDR', code: '0f22d8', value: 1n << 40n, fault: '13(0)' },
    { name: 'CR4 without PAE in long mode', code: '0f22e0', value: 0n, fault: '13(0)' },
    { name: 'CR4 with VMXE', code: '0f22e0', value: BigInt(CR4.PAE | (1 << 13)), fault: '13(0)' },
    { name: 'CR8 above 15', code: '440f22c0', value: 16n, fault: '13(0)' },
    { name: 'CR1', code: '0f22c8', value: 0n, fault: '6' },
    { name: 'CR0 as it is', code: '0f22c0', value: 0x8001_0031n, fault: undefined },
  ])('MOV to $name: $fault', ({ code, value, fault }) => {
    const machine = long();
    machine.setGpr(RAX, value);
    expect(machine.run(code)).toBe(fault);
  });

  test('CR4.PCIDE needs a PCID of 0, and then CR3 bit 63 is accepted', () => {
    const machine = long();
    machine.cpu.setU64(STATE.cr3, BigInt(AT.TABLES) | 1n);
    machine.setGpr(RAX, machine.cpu.u64(STATE.cr4) | BigInt(CR4.PCIDE));
    expect(machine.run('0f22e0')).toBe('13(0)');
    machine.cpu.setU64(STATE.cr3, BigInt(AT.TABLES));
    expect(machine.run('0f22e0')).toBeUndefined();
    machine.setGpr(RAX, (1n << 63n) | BigInt(AT.TABLES) | 7n);
    expect(machine.run('0f22d8')).toBeUndefined();
    expect(machine.cpu.u64(STATE.cr3)).toBe(BigInt(AT.TABLES) | 7n);
  });

  test('CR3 loads drop translations that are not global', () => {
    const machine = long();
    machine.setGpr(RAX, BigInt(AT.TABLES));
    machine.flushes.length = 0;
    machine.run('0f22d8');
    expect(machine.flushes).toEqual(['non-global']);
  });

  test('INVLPG drops one page of the linear address', () => {
    const machine = long();
    machine.flushes.length = 0;
    machine.setGpr(RAX, 0xffff_8000_1234_5678n);
    machine.run('0f0138');
    expect(machine.flushes).toEqual(['ffff8000:12345678']);
  });

  test('enabling paging with EFER.LME activates long mode', () => {
    const machine = long();
    const { cpu } = machine;
    machine.loadSegment(SEG.CS, SELECTOR.CODE32);
    cpu.setU64(STATE.cr0, 0x31n);
    cpu.setU64(STATE.efer, BigInt(EFER.LME));
    cpu.updateMode();
    machine.setGpr(RAX, 0x8000_0031n);
    expect(machine.run('0f22c0')).toBeUndefined();
    expect(cpu.u64(STATE.efer)).toBe(BigInt(EFER.LME | EFER.LMA));
    expect(machine.run(`ea00600000${'0800'}`)).toBeUndefined();
    expect(cpu.u32(STATE.mode) & 3).toBe(2);
  });
});

describe('LTR and LLDT in 64-bit mode', () => {
  test.each([
    { name: 'LTR', code: '0f00d8', access: P | 9 },
    { name: 'LLDT', code: '0f00d0', access: P | 2 },
  ])('$name takes a base of 64 bits, which must be canonical', ({ code, access }) => {
    const machine = long();
    machine.setDescriptor(SELECTOR.GATE, descriptor(0x1234_5678, 0x67, access, 0));
    machine.memory.writeU64(AT.GDT + SELECTOR.GATE + 8, 0xffff_8000n);
    machine.setGpr(GPR.RAX, BigInt(SELECTOR.GATE));
    expect(machine.run(code)).toBeUndefined();
    const segment = code === '0f00d8' ? SEG.TR : SEG.LDTR;
    expect(machine.cpu.u64(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base)).toBe(0xffff_8000_1234_5678n);
    machine.setDescriptor(SELECTOR.GATE, descriptor(0, 0x67, access, 0));
    machine.memory.writeU64(AT.GDT + SELECTOR.GATE + 8, 0x8000n);
    expect(machine.run(code)).toBe('13(48)');
    machine.memory.writeU64(AT.GDT + SELECTOR.GATE + 8, 1n << 40n);
    expect(machine.run(code)).toBe('13(48)');
  });
});

describe('MSRs and CPUID', () => {
  const wrmsr = (machine: SystemMachine, index: number, value: bigint): string | undefined => {
    machine.setGpr(GPR.RCX, BigInt(index));
    machine.setGpr(GPR.RAX, value & 0xffff_ffffn);
    machine.setGpr(GPR.RDX, value >> 32n);
    return machine.run('0f30');
  };
  const rdmsr = (machine: SystemMachine, index: number): bigint | string => {
    machine.setGpr(GPR.RCX, BigInt(index));
    const fault = machine.run('0f32');
    return fault ?? (machine.gpr(GPR.RDX) << 32n) | machine.gpr(GPR.RAX);
  };

  test.each([
    { name: 'FS_BASE', index: 0xc000_0100, value: 0xffff_8000_0000_0001n },
    { name: 'KERNEL_GS_BASE', index: 0xc000_0102, value: 0x7fff_ffff_ffffn },
    { name: 'STAR', index: 0xc000_0081, value: 0x23_0010_0000_0000n },
    { name: 'PAT', index: 0x277, value: 0x0007_0106_0007_0106n },
    { name: 'MTRR pair', index: 0x201, value: 0xff_8000_0800n },
    { name: 'TSC', index: 0x10, value: 0x55n },
    { name: 'MISC_ENABLE', index: 0x1a0, value: 0x4_00c5_1889n },
    { name: 'MC0_ADDR', index: 0x402, value: 0xffff_ffff_ffff_ffffn },
    { name: 'MC0_CTL', index: 0x400, value: 0xffff_ffff_ffff_ffffn },
  ])('$name reads back what was written', ({ index, value }) => {
    const machine = long();
    expect(wrmsr(machine, index, value)).toBeUndefined();
    expect(rdmsr(machine, index)).toBe(value);
  });

  test.each([
    { name: 'non-canonical LSTAR', index: 0xc000_0082, value: 1n << 47n },
    { name: 'EFER with a reserved bit', index: 0xc000_0080, value: 0xd02n },
    { name: 'EFER.LME while paging', index: 0xc000_0080, value: BigInt(EFER.SCE) },
    { name: 'PAT with a reserved type', index: 0x277, value: 2n },
    { name: 'MC0_STATUS not 0', index: 0x401, value: 1n },
    { name: 'ARCH_CAPABILITIES', index: 0x10a, value: 0n },
    { name: 'an unknown MSR', index: 0xdead, value: 0n },
    { name: 'TSC_AUX above 32 bits', index: 0xc000_0103, value: 1n << 32n },
  ])('writing $name is #GP(0)', ({ index, value }) => {
    expect(wrmsr(long(), index, value)).toBe('13(0)');
  });

  test.each([
    { name: 'FS_BASE without long mode', index: 0xc000_0100, model: 'i686' },
    { name: 'STAR without SYSCALL', index: 0xc000_0081, model: 'i686' },
    { name: 'TSC_ADJUST', index: 0x3b, model: 'x86-64-v1' },
    { name: 'XSS without XSAVES', index: 0xda0, model: 'x86-64-v2' },
  ] as const)('there is no $name on $model', ({ index, model }) => {
    const machine = new SystemMachine({ model }).enterProtectedMode();
    expect(rdmsr(machine, index)).toBe('13(0)');
    expect(wrmsr(machine, index, 0n)).toBe('13(0)');
  });

  test('unknown MSRs are asked of the platform', () => {
    expect(rdmsr(long(), 0x1b)).toBe(0xfee0_0900n);
    expect(rdmsr(long(), 0x1c)).toBe('13(0)');
  });

  test('RDMSR at CPL 3 is #GP(0)', () => {
    expect(rdmsr(user(), 0x10)).toBe('13(0)');
  });

  test('CPUID reflects CR4, XCR0 and IA32_APIC_BASE', () => {
    const machine = long();
    const cpuid = (leaf: bigint, subleaf: bigint, index: number): bigint => {
      machine.setGpr(GPR.RAX, leaf);
      machine.setGpr(GPR.RCX, subleaf);
      expect(machine.run('0fa2')).toBeUndefined();
      return machine.gpr(index);
    };
    expect(cpuid(1n, 0n, GPR.RCX) & (1n << 27n)).not.toBe(0n);
    expect(cpuid(13n, 0n, GPR.RBX)).toBe(576n);
    machine.cpu.setU64(STATE.xcr0, 0x203n);
    expect(cpuid(13n, 0n, GPR.RBX)).toBe(840n);
    expect(cpuid(13n, 1n, GPR.RBX)).toBe(584n);
    expect(cpuid(7n, 0n, GPR.RCX) & 0x10n).toBe(0n);
    machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | CR4.PKE);
    expect(cpuid(7n, 0n, GPR.RCX) & 0x10n).toBe(0x10n);
    expect(cpuid(1n, 0n, GPR.RDX) & 0x200n).toBe(0x200n);
    machine.apicBase = 0xfee0_0100n;
    expect(cpuid(1n, 0n, GPR.RDX) & 0x200n).toBe(0n);
    expect(cpuid(0n, 0n, GPR.RBX)).toBe(0x756e_6547n);
  });

  test('WRPKRU drops translations when it changes rights', () => {
    const machine = long();
    machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | CR4.PKE);
    machine.setGpr(GPR.RCX, 0n);
    machine.setGpr(GPR.RDX, 0n);
    machine.setGpr(GPR.RAX, 0xcn);
    machine.flushes.length = 0;
    expect(machine.run('0f01ef')).toBeUndefined();
    expect(machine.run('0f01ef')).toBeUndefined();
    expect(machine.flushes).toEqual(['all']);
    machine.setGpr(GPR.RAX, 0n);
    machine.run('0f01ee');
    expect(machine.gpr(GPR.RAX)).toBe(0xcn);
  });

  test('RDTSC obeys CR4.TSD', () => {
    const machine = user();
    expect(machine.run('0f31')).toBeUndefined();
    expect(machine.gpr(GPR.RAX) | (machine.gpr(GPR.RDX) << 32n)).toBe(machine.tsc);
    machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | CR4.TSD);
    expect(machine.run('0f31')).toBe('13(0)');
  });
});
