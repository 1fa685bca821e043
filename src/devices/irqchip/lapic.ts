import type { TimerQueue } from '../../base/timers.ts';
import type { BusTarget } from '../../bus/bus.ts';
import { type ApicBus, type ApicBusMember, type ApicMessage, DELIVERY, SHORTHAND } from './apic-bus.ts';
import { isDestination, logicalX2apicId } from './lapic-destination.ts';
import { LAPIC_REGISTERS, LAPIC_VERSION, VERSION_DIRECTED_EOI } from './lapic-registers.ts';
import { APIC_DEFAULT_GPA, ENTRY, ESR, ICR, type LapicState, LVT, resetRegisters, SVR } from './lapic-state.ts';
import { LapicTimer, type LapicTimerState } from './lapic-timer.ts';
import { addVector, hasVector, highestVector, removeVector } from './vector-set.ts';

export interface LapicOptions {
  readonly id: number;
  readonly bootstrap: boolean;
  /** Divided by the timer; 1 GHz unless said. */
  readonly busHz?: number;
  /** When the guest's TSC reaches a value, on the machine's clock; a TSC of 1 GHz that started at 0 unless said. */
  readonly tscToNs?: (tsc: bigint) => number;
  readonly x2apic?: boolean;
  readonly tscDeadline?: boolean;
  readonly maxPhysicalAddressBits?: number;
  /** Offers the suppression of EOI broadcasts. */
  readonly directedEoi?: boolean;
  /** LINT0 takes the 8259's interrupts, as firmware leaves it on the bootstrap processor. */
  readonly virtualWire?: boolean;
}

export interface LapicPorts {
  nmi(): void;
  init(): void;
  sipi(vector: number): void;
  smi?(): void;
  /** What `hasPendingInterrupt` or `acceptsExtInt` say may have changed. */
  onChange(): void;
  /** The mode or the window's address changed. */
  onBaseChange?(): void;
}

/** Vectors 0 to 15 are illegal in messages: SDM Vol. 3A §11.5.2 "Valid Interrupt Vectors". */
const FIRST_LEGAL_VECTOR = 16;
const ALL_ONES = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const;

/** The local APIC of one processor: SDM Vol. 3A chapter 11. Its MSRs are in lapic-msr.ts. */
export class Lapic implements ApicBusMember {
  state: LapicState;
  readonly timer: LapicTimer;
  readonly options: LapicOptions;
  /** Accesses to its window; all-ones while it has none. */
  readonly window: BusTarget;
  readonly #bus: ApicBus;
  readonly #ports: LapicPorts;

  constructor(timers: TimerQueue, bus: ApicBus, ports: LapicPorts, options: LapicOptions) {
    this.options = options;
    this.#bus = bus;
    this.#ports = ports;
    this.timer = new LapicTimer(
      timers,
      { busHz: options.busHz ?? 1e9, tscToNs: options.tscToNs ?? Number },
      () => void this.#deliverLocal(LVT.TIMER),
    );
    this.state = this.#powerUp();
    const registers = LAPIC_REGISTERS.target(this);
    this.window = {
      read: (offset, sizeBytes) => (this.hasWindow() ? registers.read(offset, sizeBytes) : ALL_ONES[sizeBytes]),
      write: (offset, sizeBytes, value) => {
        if (this.hasWindow()) registers.write(offset, sizeBytes, value);
      },
    };
    bus.attach(this);
  }

  /** Power-up and RESET#. */
  reset(): void {
    this.state = this.#powerUp();
    this.timer.reset();
    this.#ports.onBaseChange?.();
    this.#ports.onChange();
  }

  /** What disabling the APIC and INIT leave: SDM Vol. 3A §11.4.7.3; the mode and the window stay. */
  resetRegisters(): void {
    Object.assign(this.state, resetRegisters(this.options.id));
    this.timer.reset();
    this.#ports.onChange();
  }

  restore(state: LapicState, timer: LapicTimerState): void {
    this.state = state;
    this.timer.restore(timer);
    this.#ports.onBaseChange?.();
    this.#ports.onChange();
  }

  /** Enabled in xAPIC mode, so that it has a window in memory. */
  hasWindow(): boolean {
    return this.state.enabled && !this.state.extended;
  }

  isX2apic(): boolean {
    return this.state.enabled && this.state.extended;
  }

  /** IA32_APIC_BASE was written: lapic-msr.ts. */
  changeBase(change: Pick<LapicState, 'gpa' | 'bootstrap' | 'enabled' | 'extended'>): void {
    const wasEnabled = this.state.enabled;
    Object.assign(this.state, change);
    if (wasEnabled && !change.enabled) this.resetRegisters();
    this.#ports.onBaseChange?.();
    this.#ports.onChange();
  }

  // The processor's side.

  /** A vector of higher priority class than the processor waits. Hot: asked whenever something changes. */
  hasPendingInterrupt(): boolean {
    const vector = highestVector(this.state.irr);
    return vector >= 0 && vector >> 4 > this.processorPriority() >> 4;
  }

  /** Takes the vector into service; the spurious vector if none waits any more: SDM Vol. 3A §11.9. */
  acknowledge(): number {
    if (!this.hasPendingInterrupt()) return this.state.svr & SVR.VECTOR;
    const vector = highestVector(this.state.irr);
    removeVector(this.state.irr, vector);
    addVector(this.state.isr, vector);
    this.#ports.onChange();
    return vector;
  }

  /** The 8259's INTR reaches the processor: through LINT0 as ExtINT, or directly while the APIC is off. */
  acceptsExtInt(): boolean {
    if (!this.state.enabled) return true;
    const lint0 = this.state.lvt[LVT.LINT0] ?? 0;
    return (lint0 & ENTRY.MASKED) === 0 && (lint0 & ENTRY.DELIVERY) >> ENTRY.DELIVERY_SHIFT === DELIVERY.EXTINT;
  }

  get cr8(): number {
    return this.state.tpr >> 4;
  }

  set cr8(value: number) {
    this.writeTpr((value & 15) << 4);
  }

  // Registers.

  readId(): number {
    return this.state.extended ? this.options.id : (this.state.id << 24) >>> 0;
  }

  writeId(value: number): void {
    this.state.id = value >>> 24;
  }

  version(): number {
    return LAPIC_VERSION | (this.options.directedEoi === true ? VERSION_DIRECTED_EOI : 0);
  }

  writeTpr(value: number): void {
    this.state.tpr = value;
    this.#ports.onChange();
  }

  /** SDM Vol. 3A §11.8.3.1 "Task and Processor Priorities". */
  processorPriority(): number {
    const inService = highestVector(this.state.isr);
    const { tpr } = this.state;
    return inService < 0 || tpr >> 4 >= inService >> 4 ? tpr : inService & 0xf0;
  }

  logicalId(): number {
    return this.state.extended ? logicalX2apicId(this.options.id) : this.state.ldr;
  }

  writeSvr(value: number): void {
    const started = (value & ~this.state.svr & SVR.ENABLE) !== 0;
    this.state.svr = this.options.directedEoi === true ? value : value & ~SVR.NO_EOI_BROADCAST;
    // Software-disabled, every entry is masked and stays so: §11.4.7.2.
    if ((value & SVR.ENABLE) === 0) this.state.lvt = this.state.lvt.map((entry) => entry | ENTRY.MASKED);
    this.#ports.onChange();
    if (started) this.#bus.retry();
  }

  endOfInterrupt(): void {
    const vector = highestVector(this.state.isr);
    if (vector < 0) return;
    removeVector(this.state.isr, vector);
    this.#endLocalLevel(vector);
    if (hasVector(this.state.tmr, vector) && (this.state.svr & SVR.NO_EOI_BROADCAST) === 0) {
      this.#bus.broadcastEoi(vector);
    }
    this.#ports.onChange();
  }

  /** A write to ESR shows what has gathered: SDM Vol. 3A §11.5.3 "Error Handling". */
  latchErrors(): void {
    this.state.esr = this.state.errors;
    this.state.errors = 0;
  }

  illegalRegister(): void {
    this.#error(ESR.ILLEGAL_REGISTER);
  }

  writeIcr(value: number): void {
    this.state.icrLow = value;
    this.sendIpi(value, this.state.extended ? this.state.icrHigh : this.state.icrHigh >>> 24);
  }

  /** Self-IPI register of x2APIC mode: SDM Vol. 3A §11.12.11. */
  selfIpi(vector: number): void {
    this.sendIpi(vector | (SHORTHAND.SELF << ICR.SHORTHAND_SHIFT), 0);
  }

  sendIpi(icr: number, destination: number): void {
    const vector = icr & ICR.VECTOR;
    const deliveryMode = (icr >> ICR.DELIVERY_SHIFT) & 7;
    const fixed = deliveryMode === DELIVERY.FIXED || deliveryMode === DELIVERY.LOWEST;
    if (fixed && vector < FIRST_LEGAL_VECTOR) {
      this.#error(ESR.SEND_ILLEGAL);
      return;
    }
    // INIT level de-assert set arbitration IDs on processors before the Pentium 4; there is nothing to do since.
    if (deliveryMode === DELIVERY.INIT && (icr & (ICR.ASSERT | ICR.LEVEL)) === ICR.LEVEL) return;
    const wide = this.state.extended;
    const logical = (icr & ICR.LOGICAL) !== 0;
    const message = { vector, deliveryMode, destination, logical, level: false, wide };
    this.#bus.send(message, (icr >> ICR.SHORTHAND_SHIFT) & 3, this);
  }

  /** `value` has the writable bits only. */
  writeLvt(index: number, value: number): void {
    const disabled = (this.state.svr & SVR.ENABLE) === 0;
    const remoteIrr = (this.state.lvt[index] ?? 0) & ENTRY.REMOTE_IRR & ((value & ENTRY.LEVEL) !== 0 ? -1 : 0);
    let entry = value | remoteIrr | (disabled ? ENTRY.MASKED : 0);
    if (index === LVT.TIMER && this.options.tscDeadline === false) entry &= ~ENTRY.TSC_DEADLINE;
    if (index === LVT.TIMER) this.timer.catchUp();
    this.state.lvt[index] = entry;
    if (index === LVT.TIMER) this.timer.setMode((entry >> ENTRY.TIMER_MODE_SHIFT) & 3);
    if (index === LVT.LINT0 || index === LVT.LINT1) this.#serviceLint(index, false);
    this.#ports.onChange();
  }

  // The wires and the bus.

  /** LINT0 is the 8259's INT, LINT1 is NMI. */
  setLint(pin: 0 | 1, level: boolean): void {
    const rose = level && !this.state.lint[pin];
    this.state.lint[pin] = level;
    if (rose) this.#serviceLint(LVT.LINT0 + pin, true);
  }

  canArbitrate(): boolean {
    return this.state.enabled && (this.state.svr & SVR.ENABLE) !== 0;
  }

  matches(message: ApicMessage): boolean {
    return isDestination(this.state, this.options.id, message);
  }

  accept(message: ApicMessage): boolean {
    if (!this.state.enabled) return false;
    switch (message.deliveryMode) {
      case DELIVERY.FIXED:
      case DELIVERY.LOWEST:
        return this.#request(message.vector, message.level);
      case DELIVERY.INIT:
        this.resetRegisters();
        this.#ports.init();
        return true;
      case DELIVERY.STARTUP:
        this.#ports.sipi(message.vector);
        return true;
      default:
        return this.#signal(message.deliveryMode);
    }
  }

  /** The modes without a vector, alike for messages and LVT entries. */
  #signal(deliveryMode: number): boolean {
    if (deliveryMode === DELIVERY.NMI) this.#ports.nmi();
    else if (deliveryMode === DELIVERY.SMI) this.#ports.smi?.();
    else if (deliveryMode === DELIVERY.EXTINT) {
      this.state.extInt = true;
      this.#ports.onChange();
    } else return false;
    return true;
  }

  #request(vector: number, level: boolean): boolean {
    if ((this.state.svr & SVR.ENABLE) === 0) return false;
    if (vector < FIRST_LEGAL_VECTOR) {
      this.#error(ESR.RECEIVE_ILLEGAL);
      return false;
    }
    if (level) addVector(this.state.tmr, vector);
    else removeVector(this.state.tmr, vector);
    addVector(this.state.irr, vector);
    this.#ports.onChange();
    return true;
  }

  /** An interrupt of the local vector table; false if it is masked or not taken. */
  #deliverLocal(index: number, level = false): boolean {
    const entry = this.state.lvt[index] ?? ENTRY.MASKED;
    if (!this.state.enabled || (entry & ENTRY.MASKED) !== 0) return false;
    // The timer and the error entry have no mode field: it is 0, fixed.
    const deliveryMode = (entry & ENTRY.DELIVERY) >> ENTRY.DELIVERY_SHIFT;
    if (deliveryMode === DELIVERY.FIXED) return this.#request(entry & ENTRY.VECTOR, level);
    if (deliveryMode === DELIVERY.INIT) {
      this.resetRegisters();
      this.#ports.init();
      return true;
    }
    // ExtINT on LINT0 is the 8259's INTR itself: `acceptsExtInt`.
    return deliveryMode !== DELIVERY.EXTINT && this.#signal(deliveryMode);
  }

  #serviceLint(index: number, edge: boolean): void {
    const entry = this.state.lvt[index] ?? 0;
    const level = this.state.lint[index === LVT.LINT0 ? 0 : 1];
    const levelTriggered = (entry & (ENTRY.LEVEL | ENTRY.DELIVERY)) === ENTRY.LEVEL;
    if (!levelTriggered) {
      if (edge) this.#deliverLocal(index);
    } else if (level && (entry & ENTRY.REMOTE_IRR) === 0 && this.#deliverLocal(index, true)) {
      this.state.lvt[index] = entry | ENTRY.REMOTE_IRR;
    }
  }

  #endLocalLevel(vector: number): void {
    for (const index of [LVT.LINT0, LVT.LINT1]) {
      const entry = this.state.lvt[index] ?? 0;
      if ((entry & ENTRY.REMOTE_IRR) === 0 || (entry & ENTRY.VECTOR) !== vector) continue;
      this.state.lvt[index] = entry & ~ENTRY.REMOTE_IRR;
      this.#serviceLint(index, false);
    }
  }

  /** A new kind of error interrupts; the same one again does not, so an illegal error vector cannot recurse. */
  #error(bit: number): void {
    if ((this.state.errors & bit) !== 0) return;
    this.state.errors |= bit;
    this.#deliverLocal(LVT.ERROR);
  }

  #powerUp(): LapicState {
    const registers = resetRegisters(this.options.id);
    if (this.options.virtualWire === true) registers.lvt[LVT.LINT0] = DELIVERY.EXTINT << ENTRY.DELIVERY_SHIFT;
    return {
      ...registers,
      gpa: APIC_DEFAULT_GPA,
      bootstrap: this.options.bootstrap,
      enabled: true,
      extended: false,
      lint: [false, false],
    };
  }
}
