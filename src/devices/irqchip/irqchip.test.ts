import { describe, expect, test } from 'vitest';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { ApicBus } from './apic-bus.ts';
import { IOAPIC_INDEXED, IOAPIC_WINDOW, IoApic } from './ioapic.ts';
import { irqchipBench, REG } from './irqchip-bench.cases.ts';

const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const REMOTE_IRR = 1 << 14;
const LOGICAL = 1 << 11;

function setUp(options: Parameters<typeof irqchipBench>[0] = {}) {
  const bench = irqchipBench(options);
  bench.enable();
  const low = (pin: number) => 0x10 + 2 * pin;
  return {
    ...bench,
    line: bench.irqchip.line(14),
    redirect: (pin: number, entry: number, destination = 0) => {
      bench.ioapic(low(pin), entry);
      bench.ioapic(low(pin) + 1, destination * 2 ** 24);
    },
    entry: (pin: number) => bench.ioapic(low(pin)),
    eoi: (cpu = 0) => bench.write(REG.EOI, 0, cpu),
    /** Bit of a vector in TMR. */
    tmr: (vector: number) => (bench.read(REG.TMR + ((vector >> 5) << 4)) >>> (vector & 31)) & 1,
  };
}

describe('conformance', () => {
  registerMapConformance(IOAPIC_INDEXED, { create: () => new IoApic(new ApicBus(), 1) });
  registerMapConformance(IOAPIC_WINDOW, { create: () => new IoApic(new ApicBus(), 1) });
});

describe('I/O APIC registers', () => {
  test('the version is read-only and has 24 entries', () => {
    const { ioapic } = setUp();
    expect(ioapic(1, 0xffff_ffff)).toBe(0x0017_0020);
  });

  test('the ID has four bits, which the arbitration ID shows', () => {
    const { ioapic } = setUp();
    const before = ioapic(0);
    expect((before ^ ioapic(0, ~before >>> 0)) >>> 0).toBe(0x0f00_0000);
    ioapic(0, 0x0f00_0000);
    expect(ioapic(2, 0)).toBe(0x0f00_0000);
  });
});

describe('edge-triggered', () => {
  test('each rise is an interrupt', () => {
    const { line, redirect, take } = setUp();
    redirect(14, 0x76);
    line.raise();
    line.lower();
    expect([take(), take()]).toEqual([0x76, -1]);
    line.raise();
    line.raise();
    expect([take(), take()]).toEqual([0x76, -1]);
  });

  test('a rise while masked is lost', () => {
    const { line, redirect, take } = setUp();
    redirect(14, MASKED | 0x81);
    line.raise();
    redirect(14, 0x81);
    expect(take()).toBe(-1);
    line.lower();
    line.raise();
    expect(take()).toBe(0x81);
  });

  test('clears TMR', () => {
    const { line, redirect, take, tmr } = setUp();
    redirect(14, LEVEL | 0x79);
    line.raise();
    expect(tmr(0x79)).toBe(1);
    line.lower();
    take();
    redirect(14, 0x79);
    line.raise();
    expect(tmr(0x79)).toBe(0);
  });
});

describe('level-triggered', () => {
  test('has a remote IRR until EOI', () => {
    const { line, redirect, irqchip, entry, eoi } = setUp();
    redirect(14, LEVEL | 0x77);
    line.raise();
    expect(entry(14)).toBe(LEVEL | REMOTE_IRR | 0x77);
    expect(irqchip.acknowledge(0)).toBe(0x77);
    line.lower();
    line.raise();
    line.lower();
    expect(irqchip.interruptPending(0)).toBe(false);
    eoi();
    expect([irqchip.interruptPending(0), entry(14)]).toEqual([false, LEVEL | 0x77]);
  });

  test('comes again at EOI while the line is high', () => {
    const { line, redirect, take } = setUp();
    redirect(14, LEVEL | 0x9a);
    line.raise();
    expect([take(), take()]).toEqual([0x9a, 0x9a]);
    line.lower();
    expect([take(), take()]).toEqual([0x9a, -1]);
  });

  test('is seen when it is unmasked', () => {
    const { line, redirect, take } = setUp();
    redirect(14, MASKED | LEVEL | 0x82);
    line.raise();
    expect(take()).toBe(-1);
    redirect(14, LEVEL | 0x82);
    line.lower();
    expect(take()).toBe(0x82);
  });

  test('masked by its handler comes again when unmasked', () => {
    const { line, redirect, irqchip, entry, eoi } = setUp();
    redirect(14, LEVEL | 0x83);
    line.raise();
    irqchip.acknowledge(0);
    redirect(14, entry(14) | MASKED);
    eoi();
    expect([irqchip.interruptPending(0), entry(14)]).toEqual([false, MASKED | LEVEL | 0x83]);
    redirect(14, LEVEL | 0x83);
    expect(irqchip.acknowledge(0)).toBe(0x83);
  });

  test('loses its remote IRR by becoming edge-triggered', () => {
    const { line, redirect, entry } = setUp();
    redirect(14, LEVEL | 0x83);
    line.raise();
    redirect(14, MASKED | 0x83);
    expect(entry(14)).toBe(MASKED | 0x83);
  });

  test('is ended by the EOI register too', () => {
    const { line, redirect, entry, mmio, irqchip } = setUp({ directedEoi: true });
    redirect(14, LEVEL | 0x83);
    line.raise();
    line.lower();
    irqchip.acknowledge(0);
    mmio.write(0xfec0_0040, 4, 0x82);
    expect(entry(14) & REMOTE_IRR).toBe(REMOTE_IRR);
    mmio.write(0xfec0_0040, 4, 0x83);
    expect(entry(14) & REMOTE_IRR).toBe(0);
  });

  test('keeps its remote IRR when the EOI broadcast is suppressed', () => {
    const { line, redirect, entry, write, take } = setUp({ directedEoi: true });
    write(REG.SVR, 0x11ff);
    redirect(14, LEVEL | 0x83);
    line.raise();
    take();
    expect(entry(14) & REMOTE_IRR).toBe(REMOTE_IRR);
  });

  test('that no local APIC took is sent again when one is enabled', () => {
    const bench = irqchipBench();
    bench.ioapic(0x2c, LEVEL | 0x55);
    bench.irqchip.line(14).raise();
    expect(bench.ioapic(0x2c)).toBe(LEVEL | 0x55);
    bench.enable();
    expect(bench.irqchip.acknowledge(0)).toBe(0x55);
  });

  test('routes that change while in service still end', () => {
    const { redirect, irqchip, entry, eoi, ioapic } = setUp({ cpuCount: 2 });
    const lines = { d: irqchip.line(13), e: irqchip.line(14) };
    redirect(13, LEVEL | 0x64);
    redirect(14, LEVEL | 0x84);
    lines.d.raise();
    expect(irqchip.acknowledge(0)).toBe(0x64);
    lines.e.raise();
    for (const [pin, line] of [
      [14, lines.e],
      [13, lines.d],
    ] as const) {
      line.lower();
      expect(entry(pin) & REMOTE_IRR).toBe(REMOTE_IRR);
      ioapic(0x11 + 2 * pin, 0x0100_0000);
    }
    expect(irqchip.acknowledge(0)).toBe(0x84);
    eoi();
    eoi();
    expect([entry(13), entry(14)]).toEqual([LEVEL | 0x64, LEVEL | 0x84]);
  });
});

describe('destinations and delivery modes', () => {
  test('physical and logical destinations', () => {
    const { line, redirect, take, write } = setUp({ cpuCount: 4 });
    for (let cpu = 0; cpu < 4; cpu++) write(REG.LDR, 2 ** (24 + cpu), cpu);
    const cpus = () => [0, 1, 2, 3].filter((cpu) => take(cpu) === 0x85);
    const pulse = () => {
      line.raise();
      line.lower();
      return cpus();
    };
    redirect(14, 0x85, 2);
    expect(pulse()).toEqual([2]);
    redirect(14, LOGICAL | 0x85, 0xd);
    expect(pulse()).toEqual([0, 2, 3]);
    redirect(14, LOGICAL | (1 << 8) | 0x85, 0xa);
    expect([pulse(), pulse(), pulse()]).toEqual([[1], [3], [1]]);
    redirect(14, 0x85, 0xff);
    expect(pulse()).toEqual([0, 1, 2, 3]);
  });

  test('NMI and ExtINT are edges', () => {
    const { line, redirect, events, irqchip, ports } = setUp();
    redirect(14, LEVEL | (4 << 8));
    line.raise();
    expect(events).toEqual(['nmi 0']);
    line.lower();
    redirect(0, 7 << 8);
    ports.write(0x21, 1, 0xdf);
    irqchip.line(5).raise();
    expect(irqchip.acknowledge(0)).toBe(0x0d);
  });

  test('an illegal vector is an error of the receiver', () => {
    const { line, redirect, read, write, take } = setUp();
    redirect(14, LEVEL | 0x0e);
    line.raise();
    write(REG.ESR, 0);
    expect([take(), read(REG.ESR)]).toEqual([-1, 0x40]);
  });
});

describe('lines', () => {
  test('the timer is on pin 2 of the I/O APIC and IRQ 0 of the 8259', () => {
    const { irqchip, redirect, take, ports } = setUp();
    redirect(2, 0x30);
    ports.write(0x21, 1, 0xfe);
    irqchip.line(0).raise();
    expect(irqchip.acknowledge(0)).toBe(0x08);
    expect(take()).toBe(0x30);
  });

  test('the cascade and lines beyond the pins go nowhere', () => {
    const { irqchip, redirect, take } = setUp();
    redirect(2, 0x30);
    for (const gsi of [2, 24, -1]) irqchip.line(gsi).raise();
    expect(take()).toBe(-1);
  });

  test('lines from 16 do not reach the 8259s', () => {
    const { irqchip, redirect, take, ports } = setUp();
    ports.write(0x21, 1, 0);
    ports.write(0xa1, 1, 0);
    redirect(20, 0x40);
    irqchip.line(20).raise();
    expect([irqchip.pic.output, take()]).toEqual([false, 0x40]);
  });

  test('sources of one line are ORed', () => {
    const { irqchip, redirect, take } = setUp();
    redirect(10, LEVEL | 0x40);
    const [first, second] = [irqchip.line(10), irqchip.line(10)];
    first.raise();
    second.raise();
    first.lower();
    expect([take(), take()]).toEqual([0x40, 0x40]);
    second.lower();
    second.lower();
    expect([take(), take()]).toEqual([0x40, -1]);
  });
});

describe('the 8259 through LINT0', () => {
  test('is on at reset on the bootstrap processor, and follows the entry', () => {
    const { irqchip, write, ports } = irqchipBench({ cpuCount: 2 });
    ports.write(0x21, 1, 0);
    irqchip.line(1).raise();
    expect([irqchip.interruptPending(0), irqchip.interruptPending(1)]).toEqual([true, false]);
    write(REG.SVR, 0x1ff);
    write(REG.LVT0, 0x0001_0700);
    expect([irqchip.interruptPending(0), irqchip.acknowledge(0)]).toEqual([false, -1]);
    write(REG.LVT0, 0x0000_0700);
    expect(irqchip.acknowledge(0)).toBe(0x09);
    expect(irqchip.interruptPending(0)).toBe(false);
  });

  test('comes before the local APIC, whatever TPR says', () => {
    const { irqchip, write, ports } = setUp();
    write(REG.LVT0, 0x700);
    write(REG.ICR, (1 << 18) | 0xf0);
    write(REG.TPR, 0xf0);
    ports.write(0x21, 1, 0);
    irqchip.line(1).raise();
    expect([irqchip.acknowledge(0), irqchip.acknowledge(0)]).toEqual([0x09, -1]);
  });

  test('reaches the processor while the local APIC is off', () => {
    const { irqchip, ports } = setUp();
    irqchip.writeMsr(0, 0x1b, 0xfee0_0100n);
    ports.write(0x21, 1, 0);
    irqchip.line(1).raise();
    expect(irqchip.acknowledge(0)).toBe(0x09);
  });
});

describe('MSI', () => {
  test.each([
    { gpa: 0xfee0_1000, data: 0x41, cpus: [1], name: 'physical' },
    { gpa: 0xfeef_f000, data: 0x41, cpus: [0, 1], name: 'broadcast' },
    { gpa: 0xfee0_2004, data: 0x41, cpus: [1], name: 'logical' },
    { gpa: 0xfee0_300c, data: 0x41, cpus: [0], name: 'redirected to one' },
    { gpa: 0xfee0_1000, data: 0x8041, cpus: [], name: 'a level that is not asserted' },
    { gpa: 0xfed0_1000, data: 0x41, cpus: [], name: 'another address' },
    { gpa: 0x1_fee0_1000, data: 0x41, cpus: [], name: 'an address above 4 GiB' },
  ])('to $name', ({ gpa, data, cpus }) => {
    const { irqchip, write, take } = setUp({ cpuCount: 2 });
    write(REG.LDR, 0x0100_0000, 0);
    write(REG.LDR, 0x0200_0000, 1);
    irqchip.send(gpa, data);
    expect([0, 1].filter((cpu) => take(cpu) === 0x41)).toEqual(cpus);
  });

  test('of 8 bits reaches x2APICs, and 0xff is all of them', () => {
    const { irqchip } = setUp({ cpuCount: 2 });
    for (const cpu of [0, 1]) {
      irqchip.writeMsr(cpu, 0x1b, 0xfee0_0c00n);
      irqchip.writeMsr(cpu, 0x80f, 0x1ffn);
    }
    irqchip.send(0xfee0_1000, 0x41);
    expect([0, 1].map((cpu) => irqchip.acknowledge(cpu))).toEqual([-1, 0x41]);
    irqchip.send(0xfeef_f000, 0x51);
    expect([0, 1].map((cpu) => irqchip.acknowledge(cpu))).toEqual([0x51, 0x51]);
  });
});
