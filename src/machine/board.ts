import type { ConsolePort } from '../backends/console.ts';
import { TimerQueue } from '../base/timers.ts';
import { Bus } from '../bus/bus.ts';
import { attachDevice, type DeviceContext, type DeviceRequest } from '../devices/catalog.ts';
import { Irqchip } from '../devices/irqchip/irqchip.ts';
import { ACPI_PM_LAYOUT, AcpiPm, S5_SLEEP_TYPE } from '../devices/legacy/acpi-pm.ts';
import { CmosRtc } from '../devices/legacy/cmos-rtc.ts';
import { postCodePort } from '../devices/legacy/debug-ports.ts';
import { I8042 } from '../devices/legacy/i8042.ts';
import { Pit8254 } from '../devices/legacy/pit-8254.ts';
import { RESET_CONTROL_PORT, RESET_CONTROL_VALUE, SystemReset } from '../devices/legacy/reset-ports.ts';
import { type AcpiHardware, PC_ACPI_DEVICES } from '../loaders/tables/acpi/hardware.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { CRYSTAL_HZ } from '../x86/cpuid/cpuid.ts';
import { PHYSICAL_ADDRESS_BITS } from '../x86/cpuid/traits.ts';
import type { GuestClock } from './guest-clock.ts';
import { MEMORY_LAYOUT } from './memory-layout.ts';
import { SerialConsole, type SerialConsoleEvents } from './serial-console.ts';
import { Tsc } from './tsc.ts';

const COM1_PORT = 0x3f8;
const ACPI_PM_PORT = 0x600;
/** Interrupt lines of the PC/AT; the SCI's is the one that chipsets choose. */
const GSI = { TIMER: 0, KEYBOARD: 1, COM1: 4, SCI: 9, RTC: 8, AUX: 12, FPU: 13 } as const;

export interface BoardOptions {
  readonly clock: GuestClock;
  readonly memory: GuestMemory;
  readonly cpuCount: number;
  readonly console: ConsolePort;
  readonly consoleEvents: SerialConsoleEvents;
  readonly devices: readonly DeviceRequest[];
  /** Milliseconds since 1970 at the clock's 0. */
  readonly wallClockMs: number;
}

/** What devices tell the machine. */
export interface BoardPorts {
  interruptRequest(cpu: number, pending: boolean): void;
  nmi(cpu: number): void;
  init(cpu: number): void;
  /** Windows on memory moved. */
  windowsChanged(): void;
  a20(open: boolean): void;
  reset(): void;
  powerOff(): void;
  debugExit(value: number): void;
  currentCpu(): number;
}

/** The PC's chips, wired. A reset of the machine makes a new one. */
export class Board {
  readonly timers: TimerQueue;
  readonly ports = new Bus('port');
  readonly mmio = new Bus('mmio');
  readonly tscs: readonly Tsc[];
  readonly irqchip: Irqchip;
  readonly pit: Pit8254;
  readonly rtc: CmosRtc;
  readonly acpi: AcpiPm;
  readonly serial: SerialConsole;
  readonly i8042: I8042;
  readonly systemReset: SystemReset;
  readonly #fpuLine: ReturnType<Irqchip['line']>;

  constructor(options: BoardOptions, ports: BoardPorts) {
    const { clock, cpuCount } = options;
    this.timers = new TimerQueue(clock);
    this.tscs = Array.from({ length: cpuCount }, () => new Tsc(clock));
    this.irqchip = this.#createIrqchip(cpuCount, ports);
    const line = (gsi: number) => this.irqchip.line(gsi);
    const gate = { reset: () => ports.reset(), a20: (open: boolean) => ports.a20(open) };
    this.pit = new Pit8254(this.timers, line(GSI.TIMER));
    this.rtc = new CmosRtc(this.timers, { irq: line(GSI.RTC), wallClockMs: options.wallClockMs });
    this.rtc.describeMemory(options.memory.sizeBytes, 0);
    this.acpi = new AcpiPm(this.timers, { sci: line(GSI.SCI), powerOff: () => ports.powerOff() });
    this.i8042 = new I8042({ ...gate, irqKeyboard: line(GSI.KEYBOARD), irqAux: line(GSI.AUX) });
    this.systemReset = new SystemReset(gate);
    this.serial = new SerialConsole(options.console, line(GSI.COM1), options.consoleEvents);
    this.#fpuLine = line(GSI.FPU);
    this.#mapWindows();
    const context = this.#deviceContext(options, ports);
    for (const request of options.devices) attachDevice(context, request);
  }

  /** WRMSR of the time-stamp counter: a TSC deadline is a value of it. */
  writeTsc(cpu: number, value: bigint): void {
    this.tscs[cpu]?.write(value);
    this.irqchip.lapics[cpu]?.timer.retimeTscDeadline();
  }

  /** FERR# is latched until the handler writes port 0xF0; a pulse is as good, as INTR of the 8259 is edge-triggered. */
  floatError(): void {
    this.#fpuLine.raise();
    this.#fpuLine.lower();
  }

  #createIrqchip(cpuCount: number, ports: BoardPorts): Irqchip {
    const tsc = this.tscs[0];
    const irqchip: Irqchip = new Irqchip(
      this.timers,
      {
        onInterruptChange: (cpu) => ports.interruptRequest(cpu, irqchip.interruptPending(cpu)),
        nmi: (cpu) => ports.nmi(cpu),
        init: (cpu) => ports.init(cpu),
        sipi: () => {},
        onApicModeChange: () => ports.windowsChanged(),
        currentCpu: () => ports.currentCpu(),
      },
      {
        cpuCount,
        busHz: CRYSTAL_HZ,
        maxPhysicalAddressBits: PHYSICAL_ADDRESS_BITS,
        tscToNs: (value) => tsc?.toNs(value) ?? Number(value),
      },
    );
    return irqchip;
  }

  #mapWindows(): void {
    const { pit, rtc, acpi, i8042, systemReset, serial, irqchip } = this;
    const ranges = [
      ...irqchip.portRanges(),
      ...pit.portRanges(),
      ...rtc.portRanges(),
      ...i8042.portRanges(),
      ...systemReset.portRanges(),
      ...serial.uart.portRanges('com1', COM1_PORT),
      ...acpi.portRanges(ACPI_PM_PORT),
      postCodePort(),
    ];
    for (const range of ranges) this.ports.map(range);
    irqchip.mapMemory(this.mmio);
  }

  #deviceContext(options: BoardOptions, ports: BoardPorts): DeviceContext {
    return {
      ports: this.ports,
      mmio: this.mmio,
      timers: this.timers,
      memory: options.memory,
      cpuCount: options.cpuCount,
      irqLine: (gsi) => this.irqchip.line(gsi),
      debugExit: (value) => ports.debugExit(value),
      debugByte: (byte) => options.console.write(Uint8Array.of(byte)),
    };
  }
}

/** What the ACPI tables of a board say. */
export function boardAcpiHardware(cpuCount: number): AcpiHardware {
  return {
    cpuCount,
    lapicGpa: MEMORY_LAYOUT.lapicGpa,
    ioapic: { id: cpuCount, gpa: MEMORY_LAYOUT.ioapicGpa, gsiBase: 0 },
    sciGsi: GSI.SCI,
    pm: {
      eventPort: ACPI_PM_PORT + ACPI_PM_LAYOUT.pm1aEvent,
      controlPort: ACPI_PM_PORT + ACPI_PM_LAYOUT.pm1aControl,
      timerPort: ACPI_PM_PORT + ACPI_PM_LAYOUT.pmTimer,
      timerBits: 32,
      gpe0Port: ACPI_PM_PORT + ACPI_PM_LAYOUT.gpe0,
      gpe0Bytes: ACPI_PM_LAYOUT.gpe0Bytes,
      s5SleepType: S5_SLEEP_TYPE,
    },
    reset: { port: RESET_CONTROL_PORT, value: RESET_CONTROL_VALUE },
    hasVga: false,
    devices: PC_ACPI_DEVICES,
  };
}
