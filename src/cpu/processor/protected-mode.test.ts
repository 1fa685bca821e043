import { describe, expect, test } from 'vitest';
import { deliverException, deliverInterrupt } from '../../x86/interrupts.ts';
import { ATTR, CR0, CR4, GPR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, SHADOW, STATE, VECTOR } from '../../x86/state.ts';
import { AT, descriptor, gate, SELECTOR, SystemMachine } from './system-machine.cases.ts';

const P = 0x80;
const DPL3 = 3 << 5;
const INTERRUPT32 = P | 14;
const RPL3 = 3;

const protectedMode = (): SystemMachine => new SystemMachine().enterProtectedMode();
const userMode = (): SystemMachine => protectedMode().enterUser(SELECTOR.USER_CODE32, SELECTOR.USER_DATA);

function setGate(
  machine: SystemMachine,
  vector: number,
  access = INTERRUPT32,
  selector: number = SELECTOR.CODE32,
): void {
  machine.memory.writeU64(AT.IDT + vector * 8, gate(selector, AT.HANDLER, access));
}

const writeStack = (machine: SystemMachine, values: readonly number[], at: number = AT.STACK): void => {
  for (const [i, value] of values.entries()) machine.memory.writeU32(at + i * 4, value);
};

describe('segment loads', () => {
  const MOV_DS_AX = '8ed8';
  const MOV_SS_AX = '8ed0';
  const special: readonly (readonly [number, bigint])[] = [
    [SELECTOR.FREE, descriptor(0, 0xfffff, P | 0x19, 0xc)], // execute-only code
  ];
  test.each([
    { name: 'DS with flat data', code: MOV_DS_AX, selector: SELECTOR.DATA, fault: undefined },
    { name: 'DS with null', code: MOV_DS_AX, selector: 3, fault: undefined },
    { name: 'DS with readable code', code: MOV_DS_AX, selector: SELECTOR.CODE32, fault: undefined },
    { name: 'DS with execute-only code', code: MOV_DS_AX, selector: SELECTOR.FREE, fault: '13(90)' },
    { name: 'DS with a TSS', code: MOV_DS_AX, selector: SELECTOR.TSS, fault: '13(38)' },
    { name: 'DS with RPL above DPL', code: MOV_DS_AX, selector: SELECTOR.DATA | RPL3, fault: '13(10)' },
    { name: 'DS outside the GDT', code: MOV_DS_AX, selector: 0x100, fault: '13(100)' },
    { name: 'DS in an LDT that is not there', code: MOV_DS_AX, selector: 0x14, fault: '13(14)' },
    { name: 'DS not present', code: MOV_DS_AX, selector: SELECTOR.NOT_PRESENT, fault: '11(70)' },
    { name: 'SS with flat data', code: MOV_SS_AX, selector: SELECTOR.DATA, fault: undefined },
    { name: 'SS with null', code: MOV_SS_AX, selector: 0, fault: '13(0)' },
    { name: 'SS with code', code: MOV_SS_AX, selector: SELECTOR.CODE32, fault: '13(8)'.replace('8', '30') },
    { name: 'SS of CPL 3', code: MOV_SS_AX, selector: SELECTOR.USER_DATA, fault: '13(20)' },
    { name: 'SS not present', code: MOV_SS_AX, selector: SELECTOR.NOT_PRESENT, fault: '12(70)' },
    { name: 'CS', code: '8ec8', selector: SELECTOR.CODE32, fault: '6' },
  ])('$name: $fault', ({ code, selector, fault }) => {
    const machine = protectedMode();
    for (const [at, value] of special) machine.setDescriptor(at, value);
    machine.setGpr(GPR.RAX, BigInt(selector));
    expect(machine.run(code)).toBe(fault);
  });

  test('set the accessed flag and hold off interrupts after SS', () => {
    const machine = protectedMode();
    machine.setDescriptor(SELECTOR.FREE, descriptor(0x1000, 0xfff, P | 0x12, 4));
    machine.setGpr(GPR.RAX, BigInt(SELECTOR.FREE));
    expect(machine.run('8ed0')).toBeUndefined();
    expect(machine.memory.readU8(AT.GDT + SELECTOR.FREE + 5)).toBe(P | 0x13);
    expect(machine.cpu.u32(STATE.interruptShadow)).toBe(SHADOW.SS);
    expect(machine.cpu.u32(STATE.segments + SEG.SS * SEGMENT_BYTES + SEGMENT.base)).toBe(0x1000);
    expect(machine.cpu.u32(STATE.segments + SEG.SS * SEGMENT_BYTES + SEGMENT.limit)).toBe(0xfff);
  });

  test('a fault of POP DS leaves the stack pointer', () => {
    const machine = protectedMode();
    writeStack(machine, [SELECTOR.NOT_PRESENT]);
    expect(machine.run('1f')).toBe('11(70)');
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.STACK));
  });

  test('LES loads segment and register together or not at all', () => {
    const machine = protectedMode();
    machine.setGpr(GPR.RAX, BigInt(AT.DATA));
    machine.memory.writeU32(AT.DATA, 0x1234_5678);
    machine.memory.writeU16(AT.DATA + 4, SELECTOR.USER_DATA);
    expect(machine.run('c418')).toBeUndefined();
    expect([machine.gpr(GPR.RBX), machine.selector(SEG.ES)]).toEqual([0x1234_5678n, SELECTOR.USER_DATA]);
    machine.memory.writeU16(AT.DATA + 4, SELECTOR.TSS);
    expect(machine.run('c400')).toBe('13(38)');
    expect(machine.gpr(GPR.RAX)).toBe(BigInt(AT.DATA));
  });
});

describe('segment limits', () => {
  const use = (machine: SystemMachine, access: number, limit: number, flags: number): void => {
    machine.setDescriptor(SELECTOR.FREE, descriptor(0x1000, limit, access, flags));
    machine.loadSegment(SEG.DS, SELECTOR.FREE);
    machine.cpu.updateMode();
  };
  test.each([
    {
      name: 'last byte of an expand-up segment',
      access: P | 0x13,
      limit: 0xfff,
      flags: 4,
      offset: 0xffc,
      fault: undefined,
    },
    { name: 'byte beyond it', access: P | 0x13, limit: 0xfff, flags: 4, offset: 0xffd, fault: '13(0)' },
    {
      name: 'first byte above an expand-down limit',
      access: P | 0x17,
      limit: 0xfff,
      flags: 4,
      offset: 0x1000,
      fault: undefined,
    },
    { name: 'byte at an expand-down limit', access: P | 0x17, limit: 0xfff, flags: 4, offset: 0xfff, fault: '13(0)' },
    {
      name: 'end of a 16-bit expand-down segment',
      access: P | 0x17,
      limit: 0xfff,
      flags: 0,
      offset: 0xfffd,
      fault: '13(0)',
    },
    { name: 'write to a read-only segment', access: P | 0x11, limit: 0xfff, flags: 4, offset: 0, fault: '13(0)' },
    { name: 'write to a code segment', access: P | 0x1b, limit: 0xfff, flags: 4, offset: 0, fault: '13(0)' },
  ])('$name: $fault', ({ access, limit, flags, offset, fault }) => {
    const machine = protectedMode();
    use(machine, access, limit, flags);
    machine.setGpr(GPR.RAX, BigInt(offset));
    // SGDT has six bytes; STR and SMSW two: FNSTENV and the like are not this file's. MOV [EAX], ECX has four.
    expect(machine.run('8908')).toBe(fault);
  });
});

describe('interrupts in protected mode', () => {
  test('same privilege pushes EFLAGS, CS, EIP and the error code', () => {
    const machine = protectedMode();
    setGate(machine, VECTOR.GP);
    expect(deliverException(machine.cpu, VECTOR.GP, 0x28)).toBe(true);
    expect(machine.dwords(4)).toEqual([0x28, AT.CODE, SELECTOR.CODE32, RFLAGS.FIXED | RFLAGS.RF]);
    expect(machine.rip).toBe(BigInt(AT.HANDLER));
  });

  test('from CPL 3 pushes SS and ESP on the stack of the TSS', () => {
    const machine = userMode();
    setGate(machine, 0x20);
    expect(deliverInterrupt(machine.cpu, 0x20, 'external')).toBe(true);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.RSP0 - 20));
    expect(machine.dwords(5)).toEqual([AT.CODE, SELECTOR.USER_CODE32, RFLAGS.FIXED, AT.STACK, SELECTOR.USER_DATA]);
    expect([machine.selector(SEG.SS), machine.selector(SEG.CS)]).toEqual([SELECTOR.DATA, SELECTOR.CODE32]);
  });

  test('IRET undoes it', () => {
    const machine = userMode();
    setGate(machine, 0x20);
    deliverInterrupt(machine.cpu, 0x20, 'external');
    expect(machine.run('cf')).toBeUndefined();
    expect([machine.rip, machine.gpr(GPR.RSP)]).toEqual([BigInt(AT.CODE), BigInt(AT.STACK)]);
    expect([machine.selector(SEG.SS), machine.selector(SEG.CS)]).toEqual([SELECTOR.USER_DATA, SELECTOR.USER_CODE32]);
    expect(machine.cpu.u32(STATE.cpl)).toBe(3);
  });

  test('a 16-bit gate pushes words', () => {
    const machine = protectedMode();
    setGate(machine, 0x20, P | 6);
    deliverInterrupt(machine.cpu, 0x20, 'external');
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.STACK - 6));
    expect(machine.memory.readU16(AT.STACK - 6)).toBe(AT.CODE);
  });

  test.each([
    { name: 'null SS in the TSS', spoil: (m: SystemMachine) => m.memory.writeU32(AT.TSS + 8, 0), fault: '10(0)' },
    {
      name: 'SS of another privilege',
      spoil: (m: SystemMachine) => m.memory.writeU32(AT.TSS + 8, SELECTOR.USER_DATA),
      fault: '10(20)',
    },
    {
      name: 'SS not present',
      spoil: (m: SystemMachine) => m.memory.writeU32(AT.TSS + 8, SELECTOR.NOT_PRESENT),
      fault: '12(70)',
    },
    {
      name: 'stack outside its segment',
      spoil: (m: SystemMachine) => {
        m.setDescriptor(SELECTOR.FREE, descriptor(0, 0xff, P | 0x13, 4));
        m.memory.writeU32(AT.TSS + 8, SELECTOR.FREE);
      },
      fault: '12(90)',
    },
    {
      name: 'TSS too small',
      spoil: (m: SystemMachine) => m.cpu.setU32(STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.limit, 8),
      fault: '10(38)',
    },
  ])('$name makes INT n fault', ({ spoil, fault }) => {
    const machine = userMode();
    setGate(machine, 0x80, INTERRUPT32 | DPL3);
    spoil(machine);
    expect(machine.run('cd80')).toBe(fault);
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.STACK));
  });

  test('INT3, INTO and INT n check the gate’s DPL', () => {
    const machine = userMode();
    for (const vector of [3, 4, 0x80]) setGate(machine, vector);
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.OF);
    expect(['cc', 'ce', 'cd80'].map((code) => machine.run(code))).toEqual(['13(1a)', '13(22)', '13(402)']);
  });
});

describe('far transfers', () => {
  const callGate = (machine: SystemMachine, parameters: number, selector: number = SELECTOR.CODE32): void =>
    machine.setDescriptor(SELECTOR.GATE, gate(selector, AT.HANDLER, P | DPL3 | 12, parameters));
  const farCall = (selector: number, offset = 0): string =>
    `9a${Buffer.from(Uint32Array.of(offset).buffer).toString('hex')}${Buffer.from(Uint16Array.of(selector).buffer).toString('hex')}`;
  const farJump = (selector: number): string => farCall(selector, AT.HANDLER).replace(/^9a/, 'ea');

  test('a call gate to CPL 0 copies parameters to the new stack', () => {
    const machine = userMode();
    callGate(machine, 2);
    writeStack(machine, [0x11, 0x22, 0x33]);
    expect(machine.run(farCall(SELECTOR.GATE | RPL3))).toBeUndefined();
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.RSP0 - 24));
    expect(machine.dwords(6)).toEqual([AT.CODE + 7, SELECTOR.USER_CODE32, 0x11, 0x22, AT.STACK, SELECTOR.USER_DATA]);
    expect([machine.rip, machine.cpu.u32(STATE.cpl)]).toEqual([BigInt(AT.HANDLER), 0]);
  });

  test('RET with an immediate releases the parameters on both stacks', () => {
    const machine = userMode();
    callGate(machine, 2);
    writeStack(machine, [0x11, 0x22, 0x33]);
    machine.run(farCall(SELECTOR.GATE | RPL3));
    expect(machine.run('ca0800')).toBeUndefined();
    expect(machine.gpr(GPR.RSP)).toBe(BigInt(AT.STACK + 8));
    expect([machine.rip, machine.cpu.u32(STATE.cpl)]).toEqual([BigInt(AT.CODE + 7), 3]);
    expect(machine.selector(SEG.DS)).toBe(SELECTOR.USER_DATA);
  });

  test('a direct far call pushes CS and EIP', () => {
    const machine = protectedMode();
    expect(machine.run(farCall(SELECTOR.CODE32, AT.HANDLER))).toBeUndefined();
    expect(machine.dwords(2)).toEqual([AT.CODE + 7, SELECTOR.CODE32]);
    expect(machine.run('cb')).toBeUndefined();
    expect([machine.rip, machine.gpr(GPR.RSP)]).toEqual([BigInt(AT.CODE + 7), BigInt(AT.STACK)]);
  });

  test('a conforming segment keeps CPL', () => {
    const machine = userMode();
    expect(machine.run(farJump(SELECTOR.CONFORMING32))).toBeUndefined();
    expect([machine.selector(SEG.CS), machine.cpu.u32(STATE.cpl)]).toEqual([SELECTOR.CONFORMING32 | 3, 3]);
  });

  test.each([
    { name: 'null', code: farJump(0), fault: '13(0)' },
    { name: 'data', code: farJump(SELECTOR.USER_DATA), fault: '13(20)' },
    { name: 'inner code without a gate', code: farJump(SELECTOR.CODE32), fault: '13(30)' },
    { name: 'outside the GDT', code: farJump(0x203), fault: '13(200)' },
    { name: 'a jump through a gate to inner code', code: farJump(SELECTOR.GATE | RPL3), fault: '13(30)' },
    { name: 'a TSS of CPL 0', code: farJump(SELECTOR.TSS), fault: '13(38)' },
  ])('to $name at CPL 3 faults', ({ code, fault }) => {
    const machine = userMode();
    callGate(machine, 0);
    expect(machine.run(code)).toBe(fault);
  });

  test('a 64-bit call gate switches to RSP0 and pushes 8-byte values', () => {
    const machine = new SystemMachine().enterLongMode().enterUser(SELECTOR.USER_CODE64, SELECTOR.USER_DATA);
    machine.setDescriptor(SELECTOR.GATE, gate(SELECTOR.CODE64, AT.HANDLER, P | DPL3 | 12));
    machine.memory.writeU64(AT.GDT + SELECTOR.GATE + 8, 0xffff_8000n);
    machine.memory.writeU32(AT.DATA, 0);
    machine.memory.writeU16(AT.DATA + 4, SELECTOR.GATE | RPL3);
    machine.setGpr(GPR.RAX, BigInt(AT.DATA));
    expect(machine.run('ff18')).toBeUndefined();
    expect(machine.rip).toBe(0xffff_8000_0000_0000n | BigInt(AT.HANDLER));
    expect(machine.stack(4)).toEqual([AT.CODE + 2, SELECTOR.USER_CODE64, AT.STACK, SELECTOR.USER_DATA].map(BigInt));
    expect(machine.selector(SEG.SS)).toBe(0);
  });
});

describe('descriptor inspection', () => {
  const zf = (machine: SystemMachine): boolean => (machine.cpu.rflags() & RFLAGS.ZF) !== 0;
  test.each([
    { name: 'LAR of data', code: '0f02d8', selector: SELECTOR.DATA, value: 0x00c0_9300n },
    { name: 'LSL of data', code: '0f03d8', selector: SELECTOR.DATA, value: 0xffff_ffffn },
    { name: 'LAR of a call gate', code: '0f02d8', selector: SELECTOR.GATE, value: 0x0000_ec00n },
    { name: 'LSL of a call gate', code: '0f03d8', selector: SELECTOR.GATE, value: undefined },
    { name: 'LAR of null', code: '0f02d8', selector: 0, value: undefined },
    { name: 'LAR with RPL above DPL', code: '0f02d8', selector: SELECTOR.DATA | 3, value: undefined },
  ])('$name', ({ code, selector, value }) => {
    const machine = protectedMode();
    machine.setDescriptor(SELECTOR.GATE, gate(SELECTOR.CODE32, 0, P | DPL3 | 12));
    machine.setGpr(GPR.RAX, BigInt(selector));
    machine.setGpr(GPR.RBX, 0x55n);
    expect(machine.run(code)).toBeUndefined();
    expect([zf(machine), machine.gpr(GPR.RBX)]).toEqual([value !== undefined, value ?? 0x55n]);
  });

  test.each([
    { name: 'VERR of data', code: '0f00e0', selector: SELECTOR.DATA, holds: true },
    { name: 'VERW of code', code: '0f00e8', selector: SELECTOR.CODE32, holds: false },
    { name: 'VERW of data', code: '0f00e8', selector: SELECTOR.DATA, holds: true },
    { name: 'VERR of a TSS', code: '0f00e0', selector: SELECTOR.TSS, holds: false },
    { name: 'VERR of conforming code with RPL 3', code: '0f00e0', selector: SELECTOR.CONFORMING32 | 3, holds: true },
  ])('$name', ({ code, selector, holds }) => {
    const machine = protectedMode();
    machine.setGpr(GPR.RAX, BigInt(selector));
    expect(machine.run(code)).toBeUndefined();
    expect(zf(machine)).toBe(holds);
  });

  test('ARPL raises RPL', () => {
    const machine = protectedMode();
    machine.setGpr(GPR.RAX, 0x10n);
    machine.setGpr(GPR.RCX, 3n);
    expect(machine.run('63c8')).toBeUndefined();
    expect([zf(machine), machine.gpr(GPR.RAX)]).toEqual([true, 0x13n]);
    machine.run('63c8');
    expect(zf(machine)).toBe(false);
  });

  test('LTR marks the TSS busy and refuses it then; LLDT takes an LDT', () => {
    const machine = protectedMode();
    machine.setGpr(GPR.RAX, BigInt(SELECTOR.TSS));
    expect(machine.run('0f00d8')).toBeUndefined();
    expect(machine.memory.readU8(AT.GDT + SELECTOR.TSS + 5)).toBe(P | 11);
    expect(machine.run('0f00d8')).toBe('13(38)');
    machine.setGpr(GPR.RAX, BigInt(SELECTOR.LDT));
    expect(machine.run('0f00d0')).toBeUndefined();
    machine.setGpr(GPR.RAX, BigInt(SELECTOR.DATA | 4));
    expect(machine.run('8ed8')).toBeUndefined();
  });

  test('UMIP hides the tables from CPL 3', () => {
    const machine = userMode();
    expect(machine.run('0f01e0')).toBeUndefined();
    machine.cpu.setU32(STATE.cr4, machine.cpu.u32(STATE.cr4) | CR4.UMIP);
    for (const code of ['0f01e0', '0f00c0', '0f00c8', '0f010500b00000', '0f010d00b00000']) {
      expect(machine.run(code)).toBe('13(0)');
    }
  });
});

describe('I/O', () => {
  test('CPL above IOPL needs clear bits in the TSS’s map', () => {
    const machine = userMode();
    const map = 0x100;
    machine.memory.writeU16(AT.TSS + 0x66, map);
    machine.memory.writeU8(AT.TSS + map + (0x60 >> 3), 0xfe);
    machine.setGpr(GPR.RDX, 0x60n);
    expect(machine.run('ec')).toBeUndefined();
    expect(machine.run('66ed')).toBe('13(0)');
    machine.setGpr(GPR.RDX, 0x61n);
    expect(machine.run('ec')).toBe('13(0)');
    machine.cpu.setRflags(RFLAGS.FIXED | RFLAGS.IOPL);
    expect(machine.run('ec')).toBeUndefined();
    expect(machine.ports).toEqual(['in 1 60', 'in 1 61']);
  });

  test('REP INSB fills memory, and stops between elements for an event', () => {
    const machine = protectedMode();
    machine.portValue = 0x5a;
    machine.setGpr(GPR.RCX, 3n);
    machine.setGpr(GPR.RDX, 0x1f0n);
    machine.setGpr(GPR.RDI, BigInt(AT.DATA));
    expect(machine.run('f36c')).toBeUndefined();
    expect(machine.memory.readU32(AT.DATA)).toBe(0x5a5a5a);
    expect([machine.gpr(GPR.RCX), machine.gpr(GPR.RDI), machine.rip]).toEqual([
      0n,
      BigInt(AT.DATA + 3),
      BigInt(AT.CODE + 2),
    ]);
    machine.setGpr(GPR.RCX, 3n);
    machine.cpu.setU32(STATE.eventPending, 1);
    machine.run('f36c');
    expect([machine.gpr(GPR.RCX), machine.rip]).toEqual([2n, BigInt(AT.CODE + 2)]);
  });
});

describe('BOUND', () => {
  test.each([
    { index: 5n, fault: undefined },
    { index: 0xffff_fffen, fault: undefined },
    { index: 10n, fault: undefined },
    { index: 11n, fault: '5' },
    { index: 0xffff_fffdn, fault: '5' },
  ])('with $index between -2 and 10: $fault', ({ index, fault }) => {
    const machine = protectedMode();
    machine.memory.writeU32(AT.DATA, 0xffff_fffe);
    machine.memory.writeU32(AT.DATA + 4, 10);
    machine.setGpr(GPR.RAX, index);
    machine.setGpr(GPR.RCX, BigInt(AT.DATA));
    expect(machine.run('6201')).toBe(fault);
  });
});

describe('task switches', () => {
  const TSS2 = 0xd000;
  const NEW_STACK = 0xe000;
  /** A second task whose TSS is at TSS2. */
  function withTask(options: { t?: boolean; ss?: number } = {}): SystemMachine {
    const machine = protectedMode();
    const { memory } = machine;
    machine.setDescriptor(SELECTOR.TSS, descriptor(AT.TSS, 0x67, P | 11, 0));
    machine.setDescriptor(SELECTOR.TSS2, descriptor(TSS2, 0x67, P | 9, 0));
    const put = (offset: number, value: number): void => memory.writeU32(TSS2 + offset, value);
    put(0x20, AT.HANDLER);
    put(0x24, 2);
    put(0x28, 0xaaaa);
    put(0x38, NEW_STACK);
    for (const [i, selector] of [
      SELECTOR.DATA,
      SELECTOR.CODE32,
      options.ss ?? SELECTOR.DATA,
      SELECTOR.DATA,
      0,
      0,
    ].entries()) {
      put(0x48 + i * 4, selector);
    }
    put(0x60, 0);
    put(0x64, options.t ? 1 : 0);
    machine.setGpr(GPR.RAX, 0x1111n);
    return machine;
  }
  const call = `9a00000000${'8800'}`;

  test('CALL saves the old task, nests the new one and loads its registers', () => {
    const machine = withTask();
    expect(machine.run(call)).toBeUndefined();
    const { cpu, memory } = machine;
    expect([machine.rip, machine.gpr(GPR.RAX), machine.gpr(GPR.RSP)]).toEqual([
      BigInt(AT.HANDLER),
      0xaaaan,
      BigInt(NEW_STACK),
    ]);
    expect(cpu.rflags()).toBe(RFLAGS.FIXED | RFLAGS.NT);
    expect(cpu.u32(STATE.cr0) & CR0.TS).toBe(CR0.TS);
    expect(memory.readU16(TSS2)).toBe(SELECTOR.TSS);
    expect([memory.readU32(AT.TSS + 0x20), memory.readU32(AT.TSS + 0x28)]).toEqual([AT.CODE + 7, 0x1111]);
    expect([memory.readU8(AT.GDT + SELECTOR.TSS + 5), memory.readU8(AT.GDT + SELECTOR.TSS2 + 5)]).toEqual([
      P | 11,
      P | 11,
    ]);
    expect(machine.selector(SEG.TR)).toBe(SELECTOR.TSS2);
  });

  test('IRET with NT goes back', () => {
    const machine = withTask();
    machine.run(call);
    expect(machine.run('cf')).toBeUndefined();
    const { cpu, memory } = machine;
    expect([machine.rip, machine.gpr(GPR.RAX)]).toEqual([BigInt(AT.CODE + 7), 0x1111n]);
    expect(cpu.rflags()).toBe(RFLAGS.FIXED);
    expect(memory.readU8(AT.GDT + SELECTOR.TSS2 + 5)).toBe(P | 9);
    expect(memory.readU32(TSS2 + 0x24) & RFLAGS.NT).toBe(0);
    expect(machine.selector(SEG.TR)).toBe(SELECTOR.TSS);
  });

  test('JMP frees the old task', () => {
    const machine = withTask();
    expect(machine.run(call.replace(/^9a/, 'ea'))).toBeUndefined();
    expect(machine.memory.readU8(AT.GDT + SELECTOR.TSS + 5)).toBe(P | 9);
    expect(machine.cpu.rflags()).toBe(RFLAGS.FIXED);
  });

  test('a task gate in the IDT pushes the error code on the new stack', () => {
    const machine = withTask();
    machine.memory.writeU64(AT.IDT + VECTOR.GP * 8, gate(SELECTOR.TSS2, 0, P | 5));
    expect(deliverException(machine.cpu, VECTOR.GP, 0x18)).toBe(true);
    expect([machine.rip, machine.gpr(GPR.RSP)]).toEqual([BigInt(AT.HANDLER), BigInt(NEW_STACK - 4)]);
    expect(machine.dwords(1)).toEqual([0x18]);
    expect(machine.memory.readU32(AT.TSS + 0x20)).toBe(AT.CODE);
  });

  test('a busy TSS, a small one and an absent one are refused with nothing changed', () => {
    const refused = (access: number, limit: number): string | undefined => {
      const machine = withTask();
      machine.setDescriptor(SELECTOR.TSS2, descriptor(TSS2, limit, access, 0));
      const before = machine.cpu.words.slice(0, STATE.faultVector >> 2);
      const fault = machine.run(call);
      expect(machine.cpu.words.slice(0, STATE.faultVector >> 2)).toEqual(before);
      return fault;
    };
    expect([refused(P | 11, 0x67), refused(P | 9, 0x66), refused(9, 0x67)]).toEqual(['13(88)', '10(88)', '11(88)']);
  });

  test('a bad SS of the new task faults in the new task', () => {
    const machine = withTask({ ss: SELECTOR.USER_DATA });
    expect(machine.run(call)).toBe('10(20)');
    expect([machine.rip, machine.selector(SEG.TR)]).toEqual([BigInt(AT.HANDLER), SELECTOR.TSS2]);
  });

  test('the T flag raises #DB with BT after the switch', () => {
    const machine = withTask({ t: true });
    expect(machine.run(call)).toBe('1');
    expect(machine.cpu.u32(STATE.dr + 48) & 0x8000).toBe(0x8000);
    expect(machine.rip).toBe(BigInt(AT.HANDLER));
  });
});

describe('attributes', () => {
  test('flat segments are recognised, and others are not', () => {
    const machine = protectedMode();
    const flat = (): boolean => (machine.cpu.u32(STATE.mode) & 8) !== 0;
    expect(flat()).toBe(true);
    machine.setGpr(GPR.RAX, 0n);
    machine.run('8ed8');
    expect(flat()).toBe(false);
    expect(machine.attributes(SEG.DS)).toBe(ATTR.UNUSABLE);
  });
});
