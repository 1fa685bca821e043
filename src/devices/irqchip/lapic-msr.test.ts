import { describe, expect, test } from 'vitest';
import { irqchipBench, REG } from './irqchip-bench.cases.ts';

const BASE = 0x1b;
const BSP = 0x100n;
const EXTD = 0x400n;
const EN = 0x800n;
const GPA = 0xfee0_0000n;
const msr = (offset: number) => 0x800 + (offset >> 4);

function x2apic(options: Parameters<typeof irqchipBench>[0] = {}) {
  const bench = irqchipBench(options);
  for (let cpu = 0; cpu < (options.cpuCount ?? 1); cpu++) {
    bench.irqchip.writeMsr(cpu, BASE, GPA | (cpu === 0 ? BSP : 0n) | EN | EXTD);
    bench.irqchip.writeMsr(cpu, msr(REG.SVR), 0x1ffn);
  }
  return {
    ...bench,
    rdmsr: (index: number, cpu = 0) => bench.irqchip.readMsr(cpu, index),
    wrmsr: (index: number, value: bigint, cpu = 0) => bench.irqchip.writeMsr(cpu, index, value),
  };
}

describe('IA32_APIC_BASE', () => {
  test('reads the default of the bootstrap and of the other processors', () => {
    const { irqchip } = irqchipBench({ cpuCount: 2 });
    expect(irqchip.readMsr(0, BASE)).toBe(GPA | BSP | EN);
    expect(irqchip.readMsr(1, BASE)).toBe(GPA | EN);
  });

  /** SDM Vol. 3A Figure 11-27. */
  test.each([
    { from: [], to: EN, legal: true, name: 'xAPIC to xAPIC' },
    { from: [], to: EXTD, legal: false, name: 'xAPIC to invalid' },
    { from: [], to: 0n, legal: true, name: 'xAPIC to disabled' },
    { from: [], to: EN | EXTD, legal: true, name: 'xAPIC to x2APIC' },
    { from: [EN | EXTD], to: EN | EXTD, legal: true, name: 'x2APIC to x2APIC' },
    { from: [EN | EXTD], to: EN, legal: false, name: 'x2APIC to xAPIC' },
    { from: [EN | EXTD], to: EXTD, legal: false, name: 'x2APIC to invalid' },
    { from: [EN | EXTD], to: 0n, legal: true, name: 'x2APIC to disabled' },
    { from: [0n], to: EN | EXTD, legal: false, name: 'disabled to x2APIC' },
    { from: [0n], to: EXTD, legal: false, name: 'disabled to invalid' },
    { from: [0n], to: EN, legal: true, name: 'disabled to xAPIC' },
  ])('$name is legal: $legal', ({ from, to, legal }) => {
    const { irqchip } = irqchipBench();
    for (const state of from) expect(irqchip.writeMsr(0, BASE, GPA | BSP | state)).toBe(true);
    const before = irqchip.readMsr(0, BASE);
    expect(irqchip.writeMsr(0, BASE, GPA | BSP | to)).toBe(legal);
    expect(irqchip.readMsr(0, BASE)).toBe(legal ? GPA | BSP | to : before);
  });

  test.each([
    { value: GPA | EN | 1n, name: 'low bits' },
    { value: GPA | EN | 0x200n, name: 'bit 9' },
    { value: GPA | EN | (1n << 36n), name: 'a bit above MAXPHYADDR' },
    { value: (1n << 63n) | GPA | EN, name: 'the top bit' },
  ])('reserved bits fault: $name', ({ value }) => {
    expect(irqchipBench().irqchip.writeMsr(0, BASE, value)).toBe(false);
  });

  test('x2APIC faults where it is not offered', () => {
    const { irqchip } = irqchipBench({ x2apic: false });
    expect(irqchip.writeMsr(0, BASE, GPA | EN | EXTD)).toBe(false);
  });

  test('disabling closes the window, keeps CR8 working and resets the registers', () => {
    const { irqchip, read, write } = irqchipBench();
    write(REG.SVR, 0x1ff);
    write(REG.ID, 0x0700_0000);
    irqchip.writeMsr(0, BASE, GPA | BSP);
    write(REG.TPR, 0xff);
    expect([read(REG.VERSION), read(REG.TPR)]).toEqual([0xffff_ffff, 0xffff_ffff]);
    const lapic = irqchip.lapics[0];
    if (lapic === undefined) throw new Error('no local APIC');
    expect(lapic.cr8).toBe(0);
    lapic.cr8 = 0xf;
    expect(lapic.cr8).toBe(0xf);
    irqchip.writeMsr(0, BASE, GPA | BSP | EN);
    expect([read(REG.TPR), read(REG.SVR), read(REG.ID)]).toEqual([0xf0, 0xff, 0]);
  });

  test('moves the window', () => {
    const { irqchip, mmio, read } = irqchipBench();
    irqchip.writeMsr(0, BASE, 0xfed4_0000n | BSP | EN);
    expect(mmio.read(0xfed4_0030, 4)).toBe(0x0005_0014);
    expect(read(REG.VERSION)).toBe(0xffff_ffff);
    irqchip.writeMsr(0, BASE, GPA | BSP | EN);
    expect(read(REG.VERSION)).toBe(0x0005_0014);
  });

  test('moving the window onto another device leaves that device', () => {
    const { irqchip, mmio, ioapic } = irqchipBench();
    expect(irqchip.writeMsr(0, BASE, 0xfec0_0000n | BSP | EN)).toBe(true);
    expect(ioapic(1)).toBe(0x0017_0020);
    expect(mmio.read(0xfee0_0030, 4)).toBe(0xffff_ffff);
  });

  test('each processor sees its own window', () => {
    const { irqchip, read } = irqchipBench({ cpuCount: 2 });
    irqchip.writeMsr(0, BASE, GPA | BSP);
    expect([read(REG.ID, 0), read(REG.ID, 1)]).toEqual([0xffff_ffff, 0x0100_0000]);
  });
});

describe('x2APIC registers', () => {
  const READ_ONLY = [0x20, 0x30, 0xa0, 0xd0, 0x390, ...range(0x100), ...range(0x180), ...range(0x200)];
  const READ_WRITE = [0x80, 0xf0, 0x280, 0x300, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0];
  const WRITE_ONLY = [0xb0, 0x3f0];

  function range(start: number): number[] {
    return Array.from({ length: 8 }, (_, i) => start + 16 * i);
  }

  test('are those of SDM Table 11-6 and no others', () => {
    const { rdmsr, wrmsr } = x2apic();
    for (let offset = 0; offset < 0x1000; offset += 0x10) {
      const readable = READ_ONLY.includes(offset) || READ_WRITE.includes(offset);
      const writable = WRITE_ONLY.includes(offset) || READ_WRITE.includes(offset);
      const value = rdmsr(msr(offset));
      expect([offset, value !== undefined]).toEqual([offset, readable]);
      expect([offset, wrmsr(msr(offset), value ?? 0n)]).toEqual([offset, writable]);
      if (offset !== REG.ICR) expect([offset, wrmsr(msr(offset), 0xffff_ffff_ffff_ffffn)]).toEqual([offset, false]);
    }
  });

  test('all fault outside x2APIC mode', () => {
    const { irqchip } = irqchipBench();
    for (let index = 0x800; index <= 0x8ff; index++) {
      expect([irqchip.readMsr(0, index), irqchip.writeMsr(0, index, 0n)]).toEqual([undefined, false]);
    }
  });

  test.each([
    { offset: REG.EOI, value: 1n },
    { offset: REG.ESR, value: 1n },
    { offset: REG.TPR, value: 0x100n },
    { offset: REG.SVR, value: 0x11ffn },
    { offset: REG.LVTT, value: 0x100n },
    { offset: REG.LVTERR, value: 0x400n },
    { offset: REG.TDCR, value: 4n },
    { offset: REG.ICR, value: 0x2000n },
    { offset: REG.ICR, value: 0x0010_0000n },
    { offset: 0x3f0, value: 0x100n },
  ])('reserved bits of $offset fault', ({ offset, value }) => {
    expect(x2apic().wrmsr(msr(offset), value)).toBe(false);
  });

  test('the ID has 32 bits and the logical ID follows from it', () => {
    const { rdmsr, read } = x2apic({ cpuCount: 20 });
    expect([rdmsr(msr(REG.ID), 19), rdmsr(msr(REG.LDR), 19)]).toEqual([19n, 0x0001_0008n]);
    expect(read(REG.ID)).toBe(0xffff_ffff);
  });

  test('the ICR is one register of 64 bits', () => {
    const { rdmsr, wrmsr, take } = x2apic({ cpuCount: 2 });
    const icr = (1n << 32n) | 0x40f1n;
    expect(wrmsr(msr(REG.ICR), icr)).toBe(true);
    expect(rdmsr(msr(REG.ICR))).toBe(icr);
    expect([take(0), take(1)]).toEqual([-1, 0xf1]);
  });

  test('0xffffffff is everyone, 0xff is not', () => {
    const { wrmsr, irqchip } = x2apic({ cpuCount: 3 });
    wrmsr(msr(REG.ICR), (0xffn << 32n) | 0xf1n);
    expect([0, 1, 2].map((cpu) => irqchip.interruptPending(cpu))).toEqual([false, false, false]);
    wrmsr(msr(REG.ICR), (0xffff_ffffn << 32n) | 0xf1n);
    expect([0, 1, 2].map((cpu) => irqchip.interruptPending(cpu))).toEqual([true, true, true]);
  });

  test('logical destinations are a cluster and its members', () => {
    const { wrmsr, irqchip } = x2apic({ cpuCount: 20 });
    wrmsr(msr(REG.ICR), (0x0001_000an << 32n) | 0x8f1n);
    const reached = Array.from({ length: 20 }, (_, cpu) => cpu).filter((cpu) => irqchip.interruptPending(cpu));
    expect(reached).toEqual([17, 19]);
  });

  test('self IPI, EOI and interrupt registers work by MSR', () => {
    const { rdmsr, wrmsr, irqchip } = x2apic();
    expect(wrmsr(msr(0x3f0), 0x62n)).toBe(true);
    expect(rdmsr(msr(REG.IRR + 0x30))).toBe(1n << 2n);
    expect(irqchip.acknowledge(0)).toBe(0x62);
    expect(rdmsr(msr(REG.ISR + 0x30))).toBe(1n << 2n);
    expect(wrmsr(msr(REG.EOI), 0n)).toBe(true);
    expect(rdmsr(msr(REG.ISR + 0x30))).toBe(0n);
  });

  test('a suppressed EOI broadcast is offered as an option', () => {
    const { wrmsr } = x2apic({ directedEoi: true });
    expect(wrmsr(msr(REG.SVR), 0x11ffn)).toBe(true);
  });
});
