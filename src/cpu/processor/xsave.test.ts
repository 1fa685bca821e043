import { describe, expect, test } from 'vitest';
import { CR0, CR4, GPR, STATE } from '../../x86/state.ts';
import { AT, SystemMachine } from './system-machine.cases.ts';

const X87 = 1n;
const SSE = 2n;
const PKRU = 0x200n;
const ALL = X87 | SSE | PKRU;
const HEADER = AT.DATA + 512;
const AREA_END = AT.DATA + 1024;
const COMPACT = 1n << 63n;

/** RDI points to the area; EDX:EAX asks for components. */
const CODE = {
  XSAVE: '0fae27',
  XRSTOR: '0fae2f',
  XSAVEOPT: '0fae37',
  XSAVEC: '0fc727',
  XSAVES: '0fc72f',
  XRSTORS: '0fc71f',
} as const;

function machine(): SystemMachine {
  const m = new SystemMachine().enterLongMode();
  m.cpu.setU64(STATE.xcr0, ALL);
  m.cpu.setU32(STATE.fcw, 0x37f);
  m.cpu.setU32(STATE.ftw, 0xffff);
  m.setGpr(GPR.RDI, BigInt(AT.DATA));
  m.setGpr(GPR.RAX, 0xffff_ffffn);
  m.setGpr(GPR.RDX, 0xffff_ffffn);
  return m;
}

function setState(m: SystemMachine): void {
  for (let i = 0; i < 16; i++) {
    m.cpu.setU64(STATE.xmm + i * 32, BigInt(i + 1) * 0x0101_0101_0101_0101n);
    m.cpu.setU64(STATE.xmm + i * 32 + 8, BigInt(i + 1));
  }
  m.cpu.setU32(STATE.mxcsr, 0x1fa0);
  m.cpu.setU32(STATE.fcw, 0x27f);
  m.cpu.setU32(STATE.ftw, 0x3fff);
  m.cpu.setU32(STATE.fsw, 7 << 11);
  m.cpu.setU64(STATE.x87 + 7 * 16, 0x8000_0000_0000_0000n);
  m.cpu.setU64(STATE.x87 + 7 * 16 + 8, 0x3fffn);
  m.cpu.setU32(STATE.pkru, 0x5555_5554);
}

const extendedState = (m: SystemMachine): Uint8Array =>
  new Uint8Array(m.cpu.words.slice(STATE.pkru >> 2, STATE.faultVector >> 2).buffer);
const vectors = (m: SystemMachine): Int32Array => m.cpu.words.slice(STATE.x87 >> 2, STATE.pdpte >> 2);

describe('XSAVE family', () => {
  test.each([
    { save: CODE.XSAVE, restore: CODE.XRSTOR, compact: false },
    { save: CODE.XSAVEOPT, restore: CODE.XRSTOR, compact: false },
    { save: CODE.XSAVEC, restore: CODE.XRSTOR, compact: true },
    { save: CODE.XSAVES, restore: CODE.XRSTORS, compact: true },
  ])('$save then $restore gives all back', ({ save, restore, compact }) => {
    const m = machine();
    setState(m);
    const [state, registers] = [extendedState(m), vectors(m)];
    expect(m.run(save)).toBeUndefined();
    expect(m.memory.readU64(HEADER)).toBe(ALL);
    expect(m.memory.readU64(HEADER + 8)).toBe(compact ? COMPACT | ALL : 0n);
    expect(m.memory.readU32(AT.DATA + (compact ? 576 : 832))).toBe(0x5555_5554);
    m.cpu.words.fill(0, STATE.x87 >> 2, STATE.pdpte >> 2);
    for (const field of [STATE.pkru, STATE.mxcsr, STATE.fcw, STATE.fsw]) m.cpu.setU32(field, 0);
    expect(m.run(restore)).toBeUndefined();
    expect(extendedState(m)).toEqual(state);
    expect(vectors(m)).toEqual(registers);
  });

  test('XSAVEC of initial state writes only the header', () => {
    const m = machine();
    m.memory.bytes.fill(0xcc, AT.DATA, AREA_END);
    expect(m.run(CODE.XSAVEC)).toBeUndefined();
    expect(m.memory.readU64(HEADER)).toBe(0n);
    expect(m.memory.bytes.subarray(AT.DATA, HEADER).every((byte) => byte === 0xcc)).toBe(true);
    expect(m.memory.bytes.subarray(HEADER + 16, AREA_END).every((byte) => byte === 0xcc)).toBe(true);
  });

  test('XSAVE keeps the XSTATE_BV bits of components not asked for', () => {
    const m = machine();
    m.memory.writeU64(HEADER, 0xf00n);
    m.setGpr(GPR.RAX, SSE);
    m.cpu.setU32(STATE.xmm, 1);
    expect(m.run(CODE.XSAVE)).toBeUndefined();
    expect(m.memory.readU64(HEADER)).toBe(0xf00n | SSE);
  });

  test('XRSTOR initialises components that the area lacks', () => {
    const m = machine();
    setState(m);
    m.memory.writeU32(AT.DATA + 24, 0x1f80);
    expect(m.run(CODE.XRSTOR)).toBeUndefined();
    expect(vectors(m).every((word) => word === 0)).toBe(true);
    expect([m.cpu.u32(STATE.fcw), m.cpu.u32(STATE.ftw), m.cpu.u32(STATE.pkru)]).toEqual([0x37f, 0xffff, 0]);
  });

  test.each([
    {
      name: 'misaligned area',
      code: CODE.XSAVE,
      spoil: (m: SystemMachine) => m.setGpr(GPR.RDI, BigInt(AT.DATA + 16)),
      fault: '13(0)',
    },
    {
      name: 'no CR4.OSXSAVE',
      code: CODE.XSAVE,
      spoil: (m: SystemMachine) => m.cpu.setU32(STATE.cr4, m.cpu.u32(STATE.cr4) & ~CR4.OSXSAVE),
      fault: '6',
    },
    {
      name: 'CR0.TS',
      code: CODE.XRSTOR,
      spoil: (m: SystemMachine) => m.cpu.setU32(STATE.cr0, m.cpu.u32(STATE.cr0) | CR0.TS),
      fault: '7',
    },
    {
      name: 'unknown component',
      code: CODE.XRSTOR,
      spoil: (m: SystemMachine) => m.memory.writeU64(HEADER, 4n),
      fault: '13(0)',
    },
    {
      name: 'reserved header byte',
      code: CODE.XRSTOR,
      spoil: (m: SystemMachine) => m.memory.writeU8(HEADER + 16, 1),
      fault: '13(0)',
    },
    {
      name: 'reserved MXCSR bit',
      code: CODE.XRSTOR,
      spoil: (m: SystemMachine) => m.memory.writeU32(AT.DATA + 24, 1 << 16),
      fault: '13(0)',
    },
    { name: 'standard area for XRSTORS', code: CODE.XRSTORS, spoil: () => {}, fault: '13(0)' },
    {
      name: 'component outside a compacted layout',
      code: CODE.XRSTOR,
      spoil: (m: SystemMachine) => {
        m.memory.writeU64(HEADER, 3n);
        m.memory.writeU64(HEADER + 8, COMPACT | 1n);
      },
      fault: '13(0)',
    },
    {
      name: 'compacted header with bytes set behind',
      code: CODE.XRSTOR,
      spoil: (m: SystemMachine) => {
        m.memory.writeU64(HEADER + 8, COMPACT);
        m.memory.writeU8(HEADER + 63, 1);
      },
      fault: '13(0)',
    },
    {
      name: 'area that is not there',
      code: CODE.XSAVE,
      spoil: (m: SystemMachine) => m.setGpr(GPR.RDI, 0x7000_0000n),
      fault: '14(2)',
    },
  ])('$name: $fault, with nothing changed', ({ code, spoil, fault }) => {
    const m = machine();
    setState(m);
    spoil(m);
    const before = m.cpu.words.slice(STATE.mxcsr >> 2, STATE.faultVector >> 2);
    const registers = vectors(m);
    expect(m.run(code)).toBe(fault);
    expect(m.cpu.words.slice(STATE.mxcsr >> 2, STATE.faultVector >> 2)).toEqual(before);
    expect(vectors(m)).toEqual(registers);
  });

  test('an area that ends on an absent page is not begun', () => {
    const m = machine();
    setState(m);
    // The last mapped page ends at RAM's end, where the walk finds no entry.
    m.setGpr(GPR.RDI, BigInt((4 << 20) - 512));
    expect(m.run(CODE.XSAVE)).toBe('14(2)');
    expect(m.memory.bytes.subarray((4 << 20) - 512).every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    { value: 0x203n, fault: undefined },
    { value: 2n, fault: '13(0)' },
    { value: 7n, fault: '13(0)' },
    { value: 1n << 40n, fault: '13(0)' },
  ])('XSETBV of $value: $fault', ({ value, fault }) => {
    const m = machine();
    m.setGpr(GPR.RCX, 0n);
    m.setGpr(GPR.RAX, value & 0xffff_ffffn);
    m.setGpr(GPR.RDX, value >> 32n);
    expect(m.run('0f01d1')).toBe(fault);
  });

  test('XGETBV with ECX 1 tells what is in use', () => {
    const m = machine();
    m.setGpr(GPR.RCX, 1n);
    m.run('0f01d0');
    expect(m.gpr(GPR.RAX)).toBe(0n);
    setState(m);
    m.run('0f01d0');
    expect(m.gpr(GPR.RAX)).toBe(ALL);
  });
});
