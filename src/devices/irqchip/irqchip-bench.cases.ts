import { ManualClock } from '../../base/clock.ts';
import { TimerQueue } from '../../base/timers.ts';
import { Bus } from '../../bus/bus.ts';
import { IOAPIC_DEFAULT_GPA } from './ioapic.ts';
import { Irqchip, type IrqchipOptions } from './irqchip.ts';
import { APIC_DEFAULT_GPA } from './lapic-state.ts';

/** Offsets of the xAPIC's registers. */
export const REG = {
  ID: 0x20,
  VERSION: 0x30,
  TPR: 0x80,
  PPR: 0xa0,
  EOI: 0xb0,
  LDR: 0xd0,
  DFR: 0xe0,
  SVR: 0xf0,
  ISR: 0x100,
  TMR: 0x180,
  IRR: 0x200,
  ESR: 0x280,
  ICR: 0x300,
  ICR2: 0x310,
  LVTT: 0x320,
  LVT0: 0x350,
  LVT1: 0x360,
  LVTERR: 0x370,
  TMICT: 0x380,
  TMCCT: 0x390,
  TDCR: 0x3e0,
} as const;

/** A machine's interrupt controllers with everything that a guest does to them, from a chosen processor. */
export function irqchipBench(options: Partial<IrqchipOptions> = {}) {
  const clock = new ManualClock();
  const timers = new TimerQueue(clock);
  const mmio = new Bus('mmio');
  const ports = new Bus('ports');
  const events: string[] = [];
  const current = { cpu: 0 };
  const irqchip = new Irqchip(
    timers,
    {
      onInterruptChange: (cpu) => void events.push(`interrupt ${cpu} ${irqchip.interruptPending(cpu)}`),
      nmi: (cpu) => void events.push(`nmi ${cpu}`),
      init: (cpu) => void events.push(`init ${cpu}`),
      sipi: (cpu, vector) => void events.push(`sipi ${cpu} ${vector}`),
      currentCpu: () => current.cpu,
    },
    { cpuCount: 1, ...options },
  );
  irqchip.mapMemory(mmio);
  for (const range of irqchip.portRanges()) ports.map(range);
  const read = (offset: number, cpu = 0) => {
    current.cpu = cpu;
    return mmio.read(APIC_DEFAULT_GPA + offset, 4);
  };
  const write = (offset: number, value: number, cpu = 0) => {
    current.cpu = cpu;
    mmio.write(APIC_DEFAULT_GPA + offset, 4, value);
  };
  const ioapic = (index: number, value?: number) => {
    mmio.write(IOAPIC_DEFAULT_GPA, 4, index);
    if (value !== undefined) mmio.write(IOAPIC_DEFAULT_GPA + 0x10, 4, value);
    return mmio.read(IOAPIC_DEFAULT_GPA + 0x10, 4);
  };
  const enable = (count: number = options.cpuCount ?? 1) => {
    for (let cpu = 0; cpu < count; cpu++) write(REG.SVR, 0x1ff, cpu);
  };
  /** Takes the pending vector of a processor and ends it, as a handler would; -1 if there is none. */
  const take = (cpu = 0) => {
    const vector = irqchip.interruptPending(cpu) ? irqchip.acknowledge(cpu) : -1;
    if (vector >= 0) write(REG.EOI, 0, cpu);
    return vector;
  };
  const pass = (durationNs: number) => {
    const endNs = clock.nowNs() + durationNs;
    while (timers.nextDeadlineNs() <= endNs) {
      clock.advance(Math.max(0, timers.nextDeadlineNs() - clock.nowNs()));
      timers.runDue();
    }
    clock.advance(endNs - clock.nowNs());
  };
  return { clock, timers, mmio, ports, events, irqchip, read, write, ioapic, enable, take, pass };
}
