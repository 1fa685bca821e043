import type { TimerQueue } from '../../base/timers.ts';
import type { Bus, BusRange } from '../../bus/bus.ts';
import { type IrqLine, type MsiSink, unconnectedIrq } from '../../bus/irq-line.ts';
import { ApicBus } from './apic-bus.ts';
import { GsiInput } from './gsi-input.ts';
import { IOAPIC_PIN_COUNT, IoApic, type IoApicState } from './ioapic.ts';
import { Lapic, type LapicOptions } from './lapic.ts';
import { isLapicMsr, readLapicMsr, writeLapicMsr } from './lapic-msr.ts';
import { APIC_WINDOW_BYTES, type LapicState } from './lapic-state.ts';
import type { LapicTimerState } from './lapic-timer.ts';
import { decodeMsi } from './msi.ts';
import { Pic8259, type PicState } from './pic-8259.ts';

/** The 8254 is on the I/O APIC's pin 2; the MADT says so with an interrupt source override. */
export const TIMER_GSI = 2;
/** Pin 0 of the I/O APIC carries the 8259s' INT, for ExtINT entries. */
const EXTINT_PIN = 0;
const CASCADE_IRQ = 2;
const PIC_IRQ_COUNT = 16;

export interface IrqchipPorts {
  /** What `interruptPending` says for this processor changed. */
  onInterruptChange(cpu: number): void;
  nmi(cpu: number): void;
  init(cpu: number): void;
  sipi(cpu: number, vector: number): void;
  smi?(cpu: number): void;
  /** The local APIC was switched on or off (CPUID follows), or changed mode or address. */
  onApicModeChange?(cpu: number): void;
  /** Whose access to memory is being served: each processor sees its own local APIC. */
  currentCpu(): number;
}

export interface IrqchipOptions extends Omit<LapicOptions, 'id' | 'bootstrap' | 'virtualWire'> {
  readonly cpuCount: number;
}

export interface IrqchipState {
  readonly pic: PicState;
  readonly ioapic: IoApicState;
  readonly lapics: readonly { readonly registers: LapicState; readonly timer: LapicTimerState }[];
}

/** The interrupt controllers of a PC: two 8259s, an I/O APIC and a local APIC for each processor. */
export class Irqchip implements MsiSink {
  readonly pic: Pic8259;
  readonly ioapic: IoApic;
  readonly lapics: readonly Lapic[];
  readonly #bus = new ApicBus();
  readonly #inputs = new Map<number, GsiInput>();
  readonly #pending: boolean[];
  readonly #ports: IrqchipPorts;
  #mmio: Bus | undefined;
  #releaseWindows: (() => void)[] = [];
  /** MSI writes that are no interrupt message; for `stat`. */
  unknownMsis = 0;

  /** I/O APIC ID: the first after the processors'. */
  constructor(timers: TimerQueue, ports: IrqchipPorts, options: IrqchipOptions) {
    this.#ports = ports;
    this.#pending = new Array<boolean>(options.cpuCount).fill(false);
    this.pic = new Pic8259((asserted) => this.#onPicOutput(asserted));
    this.ioapic = new IoApic(this.#bus, options.cpuCount);
    this.lapics = Array.from({ length: options.cpuCount }, (_, cpu) => this.#createLapic(timers, cpu, options));
  }

  portRanges(): BusRange[] {
    return this.pic.portRanges();
  }

  /** Claims the windows in memory, and keeps those of the local APICs where the guest moves them. */
  mapMemory(mmio: Bus): void {
    this.#mmio = mmio;
    mmio.map(this.ioapic.mmioRange());
    this.#mapWindows();
  }

  /**
   * A new source on an interrupt line; sources of one line are ORed. ISA interrupts 0 to 15 reach the 8259s and the I/O APIC,
   * the timer there on pin 2; the others reach the I/O APIC alone. There is nothing on the cascade.
   */
  line(gsi: number): IrqLine {
    if (gsi === CASCADE_IRQ || gsi < 0 || gsi >= IOAPIC_PIN_COUNT) return unconnectedIrq;
    let input = this.#inputs.get(gsi);
    if (input === undefined) {
      input = new GsiInput((level) => this.#setGsi(gsi, level));
      this.#inputs.set(gsi, input);
    }
    return input.source();
  }

  send(gpa: number, data: number): void {
    const message = decodeMsi(gpa, data);
    if (message === undefined) this.unknownMsis++;
    else this.#bus.deliver(message);
  }

  /** Hot: the run loop asks before it enters the guest. */
  interruptPending(cpu: number): boolean {
    return this.#pending[cpu] ?? false;
  }

  /** The vector to deliver now, or -1. The 8259s come first, as their INTR does not take part in APIC priorities. */
  acknowledge(cpu: number): number {
    const lapic = this.lapics[cpu];
    if (lapic === undefined) return -1;
    if (this.#wantsExtInt(lapic)) {
      lapic.state.extInt = false;
      const vector = this.pic.acknowledge();
      this.#update(cpu);
      return vector;
    }
    return lapic.hasPendingInterrupt() ? lapic.acknowledge() : -1;
  }

  isMsr(index: number): boolean {
    return isLapicMsr(index);
  }

  /** RDMSR of IA32_APIC_BASE, IA32_TSC_DEADLINE or an x2APIC register; undefined raises #GP. */
  readMsr(cpu: number, index: number): bigint | undefined {
    const lapic = this.lapics[cpu];
    return lapic === undefined || !isLapicMsr(index) ? undefined : readLapicMsr(lapic, index);
  }

  /** WRMSR; false raises #GP. */
  writeMsr(cpu: number, index: number, value: bigint): boolean {
    const lapic = this.lapics[cpu];
    return lapic !== undefined && isLapicMsr(index) && writeLapicMsr(lapic, index, value);
  }

  saveState(): IrqchipState {
    return {
      pic: this.pic.state,
      ioapic: this.ioapic.state,
      lapics: this.lapics.map((lapic) => ({ registers: lapic.state, timer: lapic.timer.state })),
    };
  }

  /** After the devices, so that the lines they raise again make no new edges. */
  restore(state: IrqchipState): void {
    this.ioapic.restore(state.ioapic);
    state.lapics.forEach(({ registers, timer }, cpu) => {
      this.lapics[cpu]?.restore(registers, timer);
    });
    this.pic.restore(state.pic);
  }

  #createLapic(timers: TimerQueue, cpu: number, options: IrqchipOptions): Lapic {
    const ports = this.#ports;
    return new Lapic(
      timers,
      this.#bus,
      {
        nmi: () => ports.nmi(cpu),
        init: () => ports.init(cpu),
        sipi: (vector) => ports.sipi(cpu, vector),
        smi: () => ports.smi?.(cpu),
        onChange: () => this.#update(cpu),
        onBaseChange: () => {
          this.#mapWindows();
          ports.onApicModeChange?.(cpu);
        },
      },
      { ...options, id: cpu, bootstrap: cpu === 0, virtualWire: cpu === 0 },
    );
  }

  #setGsi(gsi: number, level: boolean): void {
    if (gsi < PIC_IRQ_COUNT) this.pic.setIrq(gsi, level);
    this.ioapic.setLine(gsi === 0 ? TIMER_GSI : gsi, level);
  }

  #onPicOutput(asserted: boolean): void {
    this.ioapic.setLine(EXTINT_PIN, asserted);
    this.lapics.forEach((lapic, cpu) => {
      lapic.setLint(0, asserted);
      this.#update(cpu);
    });
  }

  #wantsExtInt(lapic: Lapic): boolean {
    return lapic.state.extInt || (this.pic.output && lapic.acceptsExtInt());
  }

  #update(cpu: number): void {
    const lapic = this.lapics[cpu];
    if (lapic === undefined) return;
    const pending = lapic.hasPendingInterrupt() || this.#wantsExtInt(lapic);
    if (pending === this.#pending[cpu]) return;
    this.#pending[cpu] = pending;
    this.#ports.onInterruptChange(cpu);
  }

  /** A guest may move a window anywhere; onto another device it is not seen, as that one is asked first. */
  #mapWindows(): void {
    const mmio = this.#mmio;
    if (mmio === undefined) return;
    for (const release of this.#releaseWindows) release();
    const gpas = new Set(this.lapics.map((lapic) => lapic.state.gpa));
    const isFree = (gpa: number) =>
      mmio.ranges().every((range) => gpa + APIC_WINDOW_BYTES <= range.start || gpa >= range.start + range.sizeBytes);
    this.#releaseWindows = [...gpas].filter(isFree).map((gpa) => mmio.map(this.#window(gpa)));
  }

  #window(gpa: number): BusRange {
    const current = () => {
      const lapic = this.lapics[this.#ports.currentCpu()];
      return lapic?.state.gpa === gpa ? lapic.window : undefined;
    };
    return {
      name: 'lapic',
      start: gpa,
      sizeBytes: APIC_WINDOW_BYTES,
      target: {
        read: (offset, sizeBytes) => current()?.read(offset, sizeBytes) ?? 0xffff_ffff >>> (32 - 8 * sizeBytes),
        write: (offset, sizeBytes, value) => current()?.write(offset, sizeBytes, value),
      },
    };
  }
}
