import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { irqchipBench, REG } from './irqchip-bench.cases.ts';
import { LAPIC_REGISTERS } from './lapic-registers.ts';
import { addVector, hasVector, highestVector, newVectorSet, removeVector } from './vector-set.ts';

const SELF = 1 << 18;
const ALL = 2 << 18;
const OTHERS = 3 << 18;
const LOGICAL = 1 << 11;
const NMI = 4 << 8;

const bit = (vector: number) => (vector >> 5) << 4;
const hasBit = (value: number, vector: number) => ((value >>> (vector & 31)) & 1) === 1;

describe('conformance', () => {
  registerMapConformance(LAPIC_REGISTERS, {
    create: () => irqchipBench({ cpuCount: 2 }).irqchip.lapics[1] ?? expect.fail('no second local APIC'),
  });
});

test('highestVector agrees with the set of added and not removed vectors', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(255), fc.boolean())), (operations) => {
      const set = newVectorSet();
      const model = new Set<number>();
      for (const [vector, add] of operations) {
        (add ? addVector : removeVector)(set, vector);
        if (add) model.add(vector);
        else model.delete(vector);
        expect(hasVector(set, vector)).toBe(add);
      }
      expect(highestVector(set)).toBe(Math.max(-1, ...model));
    }),
  );
});

test('VERSION is an integrated APIC with six LVT entries', () => {
  expect(irqchipBench().read(REG.VERSION)).toBe(0x0005_0014);
  expect(irqchipBench({ directedEoi: true }).read(REG.VERSION)).toBe(0x0105_0014);
});

describe('self IPI', () => {
  test('goes through IRR, ISR and EOI', () => {
    const { enable, read, write, irqchip, events } = irqchipBench();
    enable();
    write(REG.ICR, SELF | 0xf1);
    expect(hasBit(read(REG.IRR + bit(0xf1)), 0xf1)).toBe(true);
    expect(events).toEqual(['interrupt 0 true']);
    expect(irqchip.acknowledge(0)).toBe(0xf1);
    expect(hasBit(read(REG.IRR + bit(0xf1)), 0xf1)).toBe(false);
    expect(hasBit(read(REG.ISR + bit(0xf1)), 0xf1)).toBe(true);
    expect(read(REG.PPR)).toBe(0xf0);
    write(REG.EOI, 0);
    expect(read(REG.ISR + bit(0xf1))).toBe(0);
    expect(read(REG.PPR)).toBe(0);
    expect(events).toEqual(['interrupt 0 true', 'interrupt 0 false']);
  });

  test('coalesces in IRR', () => {
    const { enable, write, take } = irqchipBench();
    enable();
    write(REG.ICR, SELF | 0x40);
    write(REG.ICR, SELF | 0x40);
    expect([take(), take()]).toEqual([0x40, -1]);
  });

  test('is not taken by a software-disabled APIC', () => {
    const { write, irqchip } = irqchipBench();
    write(REG.ICR, SELF | 0x40);
    expect(irqchip.interruptPending(0)).toBe(false);
  });
});

describe('priorities', () => {
  test('higher vectors come first and nest by class', () => {
    const { enable, write, irqchip } = irqchipBench();
    enable();
    for (const vector of [0x31, 0x52, 0x55, 0x7f]) write(REG.ICR, SELF | vector);
    expect(irqchip.acknowledge(0)).toBe(0x7f);
    expect(irqchip.interruptPending(0)).toBe(false);
    write(REG.ICR, SELF | 0x71);
    expect(irqchip.interruptPending(0)).toBe(false);
    write(REG.ICR, SELF | 0x80);
    expect(irqchip.acknowledge(0)).toBe(0x80);
    write(REG.EOI, 0);
    write(REG.EOI, 0);
    expect(irqchip.acknowledge(0)).toBe(0x71);
    write(REG.EOI, 0);
    expect(irqchip.acknowledge(0)).toBe(0x55);
  });

  test.each([
    { tpr: 0x00, vector: 0x20, pending: true },
    { tpr: 0x1f, vector: 0x20, pending: true },
    { tpr: 0x20, vector: 0x2f, pending: false },
    { tpr: 0x20, vector: 0x30, pending: true },
    { tpr: 0xff, vector: 0xfe, pending: false },
  ])('TPR $tpr and vector $vector: pending $pending', ({ tpr, vector, pending }) => {
    const { enable, write, read, irqchip } = irqchipBench();
    enable();
    write(REG.TPR, tpr);
    expect(read(REG.PPR)).toBe(tpr);
    write(REG.ICR, SELF | vector);
    expect(irqchip.interruptPending(0)).toBe(pending);
  });

  test('CR8 is the class of TPR', () => {
    const { enable, write, read, irqchip, events } = irqchipBench();
    enable();
    const lapic = irqchip.lapics[0];
    if (lapic === undefined) throw new Error('no local APIC');
    write(REG.TPR, 0x53);
    expect(lapic.cr8).toBe(5);
    write(REG.ICR, SELF | 0x60);
    lapic.cr8 = 0xf;
    expect(read(REG.TPR)).toBe(0xf0);
    lapic.cr8 = 0;
    expect(events).toEqual(['interrupt 0 true', 'interrupt 0 false', 'interrupt 0 true']);
  });

  test('an acknowledge that comes too late gets the spurious vector and no ISR bit', () => {
    const { enable, write, irqchip, read } = irqchipBench();
    enable();
    write(REG.ICR, SELF | 0x40);
    write(REG.TPR, 0xf0);
    expect(irqchip.lapics[0]?.acknowledge()).toBe(0xff);
    expect(read(REG.ISR + bit(0xff))).toBe(0);
  });
});

describe('IPIs', () => {
  const received = (bench: ReturnType<typeof irqchipBench>, count: number) =>
    Array.from({ length: count }, (_, cpu) => cpu).filter((cpu) => bench.take(cpu) === 0xf1);

  test.each([
    { name: 'physical', icr: 0xf1, destination: 2, cpus: [2] },
    { name: 'physical broadcast', icr: 0xf1, destination: 0xff, cpus: [0, 1, 2, 3] },
    { name: 'nobody', icr: 0xf1, destination: 9, cpus: [] },
    { name: 'self', icr: SELF | 0xf1, destination: 3, cpus: [0] },
    { name: 'all', icr: ALL | 0xf1, destination: 0, cpus: [0, 1, 2, 3] },
    { name: 'others', icr: OTHERS | 0xf1, destination: 0, cpus: [1, 2, 3] },
  ])('reach $name', ({ icr, destination, cpus }) => {
    const bench = irqchipBench({ cpuCount: 4 });
    bench.enable();
    bench.write(REG.ICR2, destination * 2 ** 24);
    bench.write(REG.ICR, icr);
    expect(received(bench, 4)).toEqual(cpus);
  });

  test('in logical flat mode reach every combination of members', () => {
    const bench = irqchipBench({ cpuCount: 2 });
    bench.enable();
    for (let member = 0; member < 8; member++) {
      bench.write(REG.LDR, 0);
      bench.write(REG.LDR, 2 ** (24 + member), 1);
      for (let destination = 0; destination < 0xff; destination++) {
        bench.write(REG.ICR2, destination * 2 ** 24);
        bench.write(REG.ICR, LOGICAL | 0xf1);
        expect(received(bench, 2)).toEqual((destination & (1 << member)) !== 0 ? [1] : []);
      }
    }
  });

  test('in logical cluster mode reach the members of the cluster', () => {
    const bench = irqchipBench({ cpuCount: 2 });
    bench.enable();
    for (const cpu of [0, 1]) bench.write(REG.DFR, 0x0fff_ffff, cpu);
    for (let own = 0; own < 0xf0; own += 7) {
      bench.write(REG.LDR, 0);
      bench.write(REG.LDR, own * 2 ** 24, 1);
      for (let destination = 0; destination < 0xff; destination++) {
        const reached = own >> 4 === destination >> 4 && (own & destination & 15) !== 0;
        bench.write(REG.ICR2, destination * 2 ** 24);
        bench.write(REG.ICR, LOGICAL | 0xf1);
        expect(received(bench, 2)).toEqual(reached ? [1] : []);
      }
    }
  });

  test('go to all of several APICs with the same ID', () => {
    const bench = irqchipBench({ cpuCount: 3 });
    bench.enable();
    bench.write(REG.ID, 0x0500_0000, 1);
    bench.write(REG.ID, 0x0500_0000, 2);
    bench.write(REG.ICR2, 0x0500_0000);
    bench.write(REG.ICR, 0xf1);
    expect(received(bench, 3)).toEqual([1, 2]);
  });

  test('of lowest priority go to one, in turn among equals, else to the least busy', () => {
    const bench = irqchipBench({ cpuCount: 3 });
    bench.enable();
    const send = () => {
      bench.write(REG.ICR2, 0xff00_0000);
      bench.write(REG.ICR, (1 << 8) | 0xf1);
      return received(bench, 3);
    };
    expect([send(), send(), send(), send()]).toEqual([[0], [1], [2], [0]]);
    bench.write(REG.TPR, 0x40, 0);
    bench.write(REG.TPR, 0x40, 2);
    expect([send(), send()]).toEqual([[1], [1]]);
  });

  test('NMI, INIT and SIPI reach software-disabled processors', () => {
    const bench = irqchipBench({ cpuCount: 3 });
    bench.write(REG.ICR, OTHERS | (5 << 8) | 0x4000);
    bench.write(REG.ICR, OTHERS | (5 << 8) | 0x8000);
    bench.write(REG.ICR, OTHERS | (6 << 8) | 0x9a);
    bench.write(REG.ICR, SELF | NMI);
    expect(bench.events).toEqual(['init 1', 'init 2', `sipi 1 ${0x9a}`, `sipi 2 ${0x9a}`, 'nmi 0']);
  });

  test('INIT resets the registers and keeps the mode', () => {
    const bench = irqchipBench({ cpuCount: 2 });
    bench.enable();
    bench.write(REG.TPR, 0x70, 1);
    bench.write(REG.ICR, OTHERS | (5 << 8) | 0x4000);
    expect([bench.read(REG.TPR, 1), bench.read(REG.SVR, 1)]).toEqual([0, 0xff]);
  });
});

describe('errors', () => {
  test('ESR shows what gathered since the last write', () => {
    const { enable, write, read } = irqchipBench();
    enable();
    write(REG.ICR, SELF | 0x0f);
    expect(read(REG.ESR)).toBe(0);
    write(REG.ESR, 0);
    expect(read(REG.ESR)).toBe(0x20);
    write(REG.ESR, 0);
    expect(read(REG.ESR)).toBe(0);
  });

  test('an unknown register is an illegal register address', () => {
    const { write, read } = irqchipBench();
    expect(read(0x40)).toBe(0);
    write(REG.ESR, 0);
    expect(read(REG.ESR)).toBe(0x80);
  });

  test('the error entry interrupts once for each new kind', () => {
    const { enable, write, take } = irqchipBench();
    enable();
    write(REG.LVTERR, 0xfe);
    write(REG.ICR, SELF);
    expect(take()).toBe(0xfe);
    write(REG.ICR, SELF);
    expect(take()).toBe(-1);
    write(REG.ESR, 0);
    write(REG.ICR, SELF);
    expect(take()).toBe(0xfe);
  });

  test('an illegal vector in the error entry ends', () => {
    const { enable, write, read } = irqchipBench();
    enable();
    write(REG.LVTERR, 0x05);
    write(REG.ICR, SELF);
    write(REG.ESR, 0);
    expect(read(REG.ESR)).toBe(0x60);
  });
});

describe('local vector table', () => {
  test('is masked by software disable, and cannot be unmasked then', () => {
    const { enable, write, read } = irqchipBench();
    enable();
    write(REG.LVTT, 0x0002_00ee);
    write(REG.SVR, 0xff);
    expect(read(REG.LVTT)).toBe(0x0003_00ee);
    write(REG.LVTT, 0x0002_00ee);
    expect(read(REG.LVTT)).toBe(0x0003_00ee);
    enable();
    write(REG.LVTT, 0x0002_00ee);
    expect(read(REG.LVTT)).toBe(0x0002_00ee);
  });

  test.each([
    { offset: REG.LVTT, value: 0xffff_ffff, reads: 0x0007_00ff },
    { offset: 0x330, value: 0xffff_ffff, reads: 0x0001_07ff },
    { offset: 0x340, value: 0xffff_ffff, reads: 0x0001_07ff },
    { offset: REG.LVT0, value: 0xffff_ffff, reads: 0x0001_a7ff },
    { offset: REG.LVT1, value: 0xffff_ffff, reads: 0x0001_a7ff },
    { offset: REG.LVTERR, value: 0xffff_ffff, reads: 0x0001_00ff },
  ])('entry $offset keeps $reads of all ones', ({ offset, value, reads }) => {
    const { enable, write, read } = irqchipBench();
    enable();
    write(offset, value);
    expect(read(offset)).toBe(reads);
  });

  test('LINT1 as NMI follows edges', () => {
    const { enable, write, irqchip, events } = irqchipBench();
    enable();
    irqchip.lapics[0]?.setLint(1, true);
    irqchip.lapics[0]?.setLint(1, false);
    write(REG.LVT1, NMI);
    irqchip.lapics[0]?.setLint(1, true);
    irqchip.lapics[0]?.setLint(1, true);
    expect(events).toEqual(['nmi 0']);
  });

  test('LINT0 as a level has a remote IRR until EOI, and comes again while it is high', () => {
    const { enable, write, read, irqchip } = irqchipBench();
    enable();
    write(REG.LVT0, 0x8000 | 0x61);
    irqchip.lapics[0]?.setLint(0, true);
    expect(read(REG.LVT0)).toBe(0xc061);
    expect(hasBit(read(REG.TMR + bit(0x61)), 0x61)).toBe(true);
    expect(irqchip.acknowledge(0)).toBe(0x61);
    expect(irqchip.interruptPending(0)).toBe(false);
    write(REG.EOI, 0);
    expect(irqchip.acknowledge(0)).toBe(0x61);
    irqchip.lapics[0]?.setLint(0, false);
    write(REG.EOI, 0);
    expect([irqchip.interruptPending(0), read(REG.LVT0)]).toEqual([false, 0x8061]);
  });
});

test('restore brings back registers, timer and pending interrupts', () => {
  const first = irqchipBench({ cpuCount: 2 });
  first.enable();
  first.write(REG.TDCR, 0xb);
  first.write(REG.LVTT, 0x40);
  first.write(REG.TMICT, 1000);
  first.write(REG.ICR, OTHERS | 0x55);
  const second = irqchipBench({ cpuCount: 2 });
  second.irqchip.restore(structuredClone(first.irqchip.saveState()));
  expect(second.take(1)).toBe(0x55);
  second.pass(1000);
  expect(second.take(0)).toBe(0x40);
});
