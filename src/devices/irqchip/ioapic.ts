import type { BusRange } from '../../bus/bus.ts';
import { type Register, registerMap } from '../../bus/register-map.ts';
import { type ApicBus, DELIVERY, type EoiListener } from './apic-bus.ts';

export const IOAPIC_PIN_COUNT = 24;
export const IOAPIC_DEFAULT_GPA = 0xfec0_0000;
const WINDOW_BYTES = 0x1000;
/** [23:16] highest entry  [7:0] version; from 0x20 on there is an EOI register. */
const VERSION = ((IOAPIC_PIN_COUNT - 1) << 16) | 0x20;
const ID_MASK = 0x0f00_0000;

/** Redirection entry, low half: 82093AA data sheet (290566) §3.2.4 "IOREDTBL[23:0]". */
const ENTRY = {
  VECTOR: 0xff,
  DELIVERY_SHIFT: 8,
  LOGICAL: 1 << 11,
  REMOTE_IRR: 1 << 14,
  LEVEL: 1 << 15,
  MASKED: 1 << 16,
  /** All but delivery status and remote IRR. */
  WRITABLE: 0x0001_afff,
} as const;
const DESTINATION_SHIFT = 24;
const DESTINATION_MASK = 0xff00_0000;

export interface IoApicState {
  /** In bits 27:24, as the register has it. */
  id: number;
  select: number;
  low: number[];
  high: number[];
  /** Levels of the pins, one bit each. */
  lines: number;
}

const redirectionEntry = (pin: number): [string, Register<IoApic>][] => [
  [
    `IOREDTBL${pin}_LOW`,
    {
      offset: (0x10 + 2 * pin) * 4,
      bytes: 4,
      writable: ENTRY.WRITABLE,
      reset: ENTRY.MASKED,
      read: (d) => d.state.low[pin] ?? 0,
      write: (d, v) => d.writeEntry(pin, v),
    },
  ],
  [
    `IOREDTBL${pin}_HIGH`,
    {
      offset: (0x11 + 2 * pin) * 4,
      bytes: 4,
      writable: DESTINATION_MASK,
      reset: 0,
      read: (d) => d.state.high[pin] ?? 0,
      write: (d, v) => void (d.state.high[pin] = v),
    },
  ],
];

/** What IOREGSEL selects: 82093AA data sheet Table 2. An index is four bytes here. */
export const IOAPIC_INDEXED = registerMap<IoApic>({ unknownByte: 0 })({
  IOAPICID: { offset: 0, bytes: 4, writable: ID_MASK, read: (d) => d.state.id, write: (d, v) => void (d.state.id = v) },
  IOAPICVER: { offset: 4, bytes: 4, reset: VERSION, read: () => VERSION },
  IOAPICARB: { offset: 8, bytes: 4, read: (d) => d.state.id },
  ...Object.fromEntries(Array.from({ length: IOAPIC_PIN_COUNT }, (_, pin) => redirectionEntry(pin)).flat()),
});

/** 82093AA data sheet Table 1, and the EOI register of later I/O APICs (ICH9 data sheet §13.5.7). */
export const IOAPIC_WINDOW = registerMap<IoApic>({ unknownByte: 0 })({
  IOREGSEL: {
    offset: 0x00,
    bytes: 4,
    partial: 'merge',
    writable: 0xff,
    reset: 0,
    read: (d) => d.state.select,
    write: (d, v) => void (d.state.select = v),
  },
  IOWIN: { offset: 0x10, bytes: 4, volatile: true, read: (d) => d.readSelected(), write: (d, v) => d.writeSelected(v) },
  EOIR: { offset: 0x40, bytes: 4, partial: 'zero', writable: 0xff, write: (d, v) => d.endOfInterrupt(v) },
});

/** Intel 82093AA, with 24 inputs. Polarity is stored only: a raised line is an active one. */
export class IoApic implements EoiListener {
  state: IoApicState;
  readonly #bus: ApicBus;
  readonly #indexed = IOAPIC_INDEXED.target(this);

  constructor(bus: ApicBus, id: number) {
    this.#bus = bus;
    this.state = {
      id: (id << DESTINATION_SHIFT) & ID_MASK,
      select: 0,
      low: new Array<number>(IOAPIC_PIN_COUNT).fill(ENTRY.MASKED),
      high: new Array<number>(IOAPIC_PIN_COUNT).fill(0),
      lines: 0,
    };
    bus.listen(this);
  }

  mmioRange(gpa: number = IOAPIC_DEFAULT_GPA): BusRange {
    return { name: 'ioapic', start: gpa, sizeBytes: WINDOW_BYTES, target: IOAPIC_WINDOW.target(this) };
  }

  restore(state: IoApicState): void {
    this.state = state;
  }

  setLine(pin: number, level: boolean): void {
    const bit = 1 << pin;
    const rose = level && (this.state.lines & bit) === 0;
    this.state.lines = level ? this.state.lines | bit : this.state.lines & ~bit;
    if (rose) this.#service(pin, true);
  }

  readSelected(): number {
    return this.#indexed.read(this.state.select * 4, 4);
  }

  writeSelected(value: number): void {
    this.#indexed.write(this.state.select * 4, 4, value);
  }

  /** Making an entry edge-triggered clears its remote IRR, by which software can do without an EOI register. */
  writeEntry(pin: number, value: number): void {
    const status = (value & ENTRY.LEVEL) !== 0 ? (this.state.low[pin] ?? 0) & ENTRY.REMOTE_IRR : 0;
    this.state.low[pin] = value | status;
    this.#service(pin, false);
  }

  /** An EOI for a level-triggered vector: the line is looked at again. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
      const low = this.state.low[pin] ?? 0;
      if ((low & ENTRY.VECTOR) !== vector || (low & ENTRY.REMOTE_IRR) === 0) continue;
      this.state.low[pin] = low & ~ENTRY.REMOTE_IRR;
      this.#service(pin, false);
    }
  }

  retry(): void {
    for (let pin = 0; pin < IOAPIC_PIN_COUNT; pin++) this.#service(pin, false);
  }

  /** Edges on a masked pin are lost, levels are seen when it is unmasked: 82093AA §3.2.4, bit 16. */
  #service(pin: number, edge: boolean): void {
    const low = this.state.low[pin] ?? 0;
    if ((low & ENTRY.MASKED) !== 0) return;
    const level = (low & ENTRY.LEVEL) !== 0;
    if (level ? (this.state.lines & (1 << pin)) === 0 || (low & ENTRY.REMOTE_IRR) !== 0 : !edge) return;
    const deliveryMode = (low >> ENTRY.DELIVERY_SHIFT) & 7;
    // The other modes are edge-triggered whatever the entry says.
    const confirmed = level && (deliveryMode === DELIVERY.FIXED || deliveryMode === DELIVERY.LOWEST);
    if (level && !confirmed && !edge) return;
    const accepted = this.#bus.deliver({
      vector: low & ENTRY.VECTOR,
      deliveryMode,
      destination: (this.state.high[pin] ?? 0) >>> DESTINATION_SHIFT,
      logical: (low & ENTRY.LOGICAL) !== 0,
      level: confirmed,
    });
    // The local APIC's EOI cannot come before this: it takes the guest to run.
    if (confirmed && accepted) this.state.low[pin] = (this.state.low[pin] ?? 0) | ENTRY.REMOTE_IRR;
  }
}
