import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { TimerQueue } from '../base/timers.ts';
import { Bus } from '../bus/bus.ts';
import { GuestMemory } from '../memory/guest-memory.ts';
import { attachDevice } from './catalog.ts';
import { Irqchip } from './irqchip/irqchip.ts';
import { AcpiPm } from './legacy/acpi-pm.ts';
import { CmosRtc } from './legacy/cmos-rtc.ts';
import { postCodePort } from './legacy/debug-ports.ts';
import { I8042 } from './legacy/i8042.ts';
import { Pit8254 } from './legacy/pit-8254.ts';
import { Ps2Keyboard } from './legacy/ps2-device.ts';
import { SystemReset } from './legacy/reset-ports.ts';
import { Serial16550 } from './legacy/serial-16550.ts';
import { MIN_PERIOD_NS } from './timer-pace.ts';

const CPU_COUNT = 2;

/** All devices of a PC on their buses. */
function pc() {
  const clock = new ManualClock();
  const timers = new TimerQueue(clock);
  const ports = new Bus('port');
  const mmio = new Bus('gpa');
  const memory = new GuestMemory(new ArrayBuffer(65_536), 0, 65_536);
  const none = () => {};
  const irqchip = new Irqchip(
    timers,
    { onInterruptChange: none, nmi: none, init: none, sipi: none, currentCpu: () => 0 },
    { cpuCount: CPU_COUNT },
  );
  irqchip.mapMemory(mmio);
  const line = (gsi: number) => irqchip.line(gsi);
  const devices = [
    irqchip.portRanges(),
    new Serial16550({ tx: none, irq: line(4) }).portRanges('com1', 0x3f8),
    new Pit8254(timers, line(0)).portRanges(),
    new CmosRtc(timers, { irq: line(8), wallClockMs: 1.7e12 }).portRanges(),
    new I8042({
      irqKeyboard: line(1),
      irqAux: line(12),
      reset: none,
      a20: none,
      keyboard: new Ps2Keyboard(),
    }).portRanges(),
    new AcpiPm(timers, { sci: line(9), powerOff: none }).portRanges(0x600),
    new SystemReset({ reset: none, a20: none }).portRanges(),
    [postCodePort()],
  ];
  for (const range of devices.flat()) ports.map(range);
  const context = {
    ports,
    mmio,
    timers,
    memory,
    cpuCount: CPU_COUNT,
    irqLine: line,
    debugExit: none,
    debugByte: none,
  };
  for (const name of ['pc-testdev', 'isa-debug-exit', 'fw_cfg']) attachDevice(context, { name, options: {} });
  return { clock, timers, ports, mmio, irqchip };
}

type Pc = ReturnType<typeof pc>;

const PORT_RANGES = pc().ports.ranges();
const MMIO_RANGES = pc().mmio.ranges();
const MSRS = [0x1b, 0x6e0, ...Array.from({ length: 256 }, (_, i) => 0x800 + i)];

const value = fc.oneof(fc.nat(0xff), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 0xffff_ffff));
const access = fc.record({
  range: fc.nat(1000),
  offset: fc.nat(0x3ff),
  sizeBytes: fc.constantFrom(1 as const, 2 as const, 4 as const),
  value,
});

const step = fc.oneof(
  { weight: 6, arbitrary: access.map((a) => ({ kind: 'port' as const, ...a })) },
  { weight: 4, arbitrary: access.map((a) => ({ kind: 'mmio' as const, ...a })) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('msr' as const),
      cpu: fc.nat(CPU_COUNT - 1),
      index: fc.constantFrom(...MSRS),
      value: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0xfee0_0c00n, 0xfee0_0800n, 0n)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ns: fc.oneof(fc.nat(1000), fc.nat(2_000_000_000)) }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function act(machine: Pc, action: Step): void {
  if (action.kind === 'pass') {
    machine.clock.advance(action.ns);
    machine.timers.runDue();
  } else if (action.kind === 'msr') {
    machine.irqchip.writeMsr(action.cpu, action.index, action.value);
    machine.irqchip.readMsr(action.cpu, action.index);
  } else {
    const ranges = action.kind === 'port' ? PORT_RANGES : MMIO_RANGES;
    const bus = action.kind === 'port' ? machine.ports : machine.mmio;
    const range = ranges[action.range % ranges.length];
    const at = (range?.start ?? 0) + (action.offset % (range?.sizeBytes ?? 1));
    bus.write(at, action.sizeBytes, action.value);
    const read = bus.read(at, action.sizeBytes);
    expect(Number.isInteger(read) && read >= 0 && read <= 0xffff_ffff).toBe(true);
  }
  for (let cpu = 0; cpu < CPU_COUNT; cpu++) {
    if (!machine.irqchip.interruptPending(cpu)) continue;
    const vector = machine.irqchip.acknowledge(cpu);
    expect(vector >= 0 && vector <= 255).toBe(true);
  }
}

test('whatever a guest does to its devices, they answer and no timer is due twice at once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const machine = pc();
      for (const action of steps) act(machine, action);
      machine.timers.runDue();
      expect(machine.timers.nextDeadlineNs()).toBeGreaterThan(machine.clock.nowNs());
    }),
    { numRuns: 300 },
  );
});

test('periodic timers at their fastest leave the host time to run the guest', () => {
  const machine = pc();
  machine.mmio.write(0xfee0_00f0, 4, 0x1ff);
  machine.mmio.write(0xfee0_03e0, 4, 0xb);
  machine.mmio.write(0xfee0_0320, 4, 0x2_0040);
  machine.mmio.write(0xfee0_0380, 4, 1);
  for (const byte of [0x34, 1, 0]) machine.ports.write(byte === 0x34 ? 0x43 : 0x40, 1, byte);
  let wakeUps = 0;
  while (machine.clock.nowNs() < 10e6) {
    machine.clock.advance(machine.timers.nextDeadlineNs() - machine.clock.nowNs());
    machine.timers.runDue();
    wakeUps++;
  }
  expect(wakeUps).toBeLessThanOrEqual((2 * 10e6) / MIN_PERIOD_NS + 4);
});
