import type { Clock } from '../../base/clock.ts';
import type { Timer, TimerQueue } from '../../base/timers.ts';
import type { BusRange } from '../../bus/bus.ts';
import type { IrqLine } from '../../bus/irq-line.ts';
import { registerMap } from '../../bus/register-map.ts';

/** ACPI 6.5 §4.8.3.3 "Power Management Timer". */
export const PM_TIMER_HZ = 3_579_545;

/** Where the FADT finds the blocks: bytes from the base port. */
export const ACPI_PM_LAYOUT = {
  pm1aEvent: 0x00,
  pm1aControl: 0x04,
  pmTimer: 0x08,
  gpe0: 0x10,
  gpe0Bytes: 8,
  sizeBytes: 0x18,
} as const;

/** SLP_TYPa of the DSDT's \_S5 package. */
export const S5_SLEEP_TYPE = 5;

const PM1 = { TMR: 1 << 0, GBL: 1 << 5, PWRBTN: 1 << 8, SLPBTN: 1 << 9, RTC: 1 << 10, WAK: 1 << 15 } as const;
const PM1_EVENTS = PM1.TMR | PM1.GBL | PM1.PWRBTN | PM1.SLPBTN | PM1.RTC;
/** // [13] SLP_EN  [12:10] SLP_TYP  [1] BM_RLD  [0] SCI_EN */
const CONTROL = { SCI_EN: 1 << 0, BM_RLD: 1 << 1, SLP_TYP_SHIFT: 10, SLP_TYP: 7 << 10, SLP_EN: 1 << 13 } as const;

export interface AcpiPmState {
  pm1Status: number;
  pm1Enable: number;
  pm1Control: number;
  gpe0Status: number;
  gpe0Enable: number;
  /** How often the timer's top bit had changed when TMR_STS was last looked at. */
  carries: number;
  /** Sleep states asked for that the machine does not have. */
  refusedSleeps: number;
}

export interface AcpiPmPorts {
  readonly sci: IrqLine;
  /** The guest entered S5. */
  powerOff(): void;
}

/** ACPI 6.5 §4.8.3 "PM1 Event Grouping" to §4.8.4 "General-Purpose Event Register Blocks". */
export const ACPI_PM = registerMap<AcpiPm>()({
  PM1a_STS: {
    offset: 0x00,
    bytes: 2,
    partial: 'zero',
    volatile: true,
    reset: 0,
    read: (d) => d.status(),
    write: (d, v) => d.clear(v),
  },
  PM1a_EN: {
    offset: 0x02,
    bytes: 2,
    partial: 'merge',
    writable: PM1_EVENTS,
    reset: 0,
    read: (d) => d.state.pm1Enable,
    write: (d, v) => d.enable(v),
  },
  PM1a_CNT: {
    offset: 0x04,
    bytes: 2,
    partial: 'merge',
    volatile: true,
    reset: CONTROL.SCI_EN,
    read: (d) => d.state.pm1Control,
    write: (d, v) => d.control(v),
  },
  PM_TMR: { offset: 0x08, bytes: 4, read: (d) => d.timerValue() },
  GPE0_STS: {
    offset: 0x10,
    bytes: 4,
    partial: 'zero',
    volatile: true,
    reset: 0,
    read: (d) => d.state.gpe0Status,
    write: (d, v) => d.clearGpe(v),
  },
  GPE0_EN: {
    offset: 0x14,
    bytes: 4,
    partial: 'merge',
    reset: 0,
    read: (d) => d.state.gpe0Enable,
    write: (d, v) => d.enableGpe(v),
  },
});

/** The fixed hardware of ACPI, always in ACPI mode (the FADT's SMI_CMD is 0). */
export class AcpiPm {
  state: AcpiPmState = {
    pm1Status: 0,
    pm1Enable: 0,
    pm1Control: CONTROL.SCI_EN,
    gpe0Status: 0,
    gpe0Enable: 0,
    carries: 0,
    refusedSleeps: 0,
  };
  readonly #clock: Clock;
  readonly #ports: AcpiPmPorts;
  readonly #timer: Timer;
  /** Half a turn of the counter, after which its top bit changes. */
  readonly #halfTurn: number;

  /** `timerBits` is 32 where the FADT sets TMR_VAL_EXT. */
  constructor(timers: TimerQueue, ports: AcpiPmPorts, options: { timerBits?: 24 | 32 } = {}) {
    this.#clock = timers.clock;
    this.#ports = ports;
    this.#timer = timers.createTimer(() => this.#update());
    this.#halfTurn = 2 ** ((options.timerBits ?? 32) - 1);
  }

  portRanges(port: number): BusRange[] {
    return [{ name: 'acpi-pm', start: port, sizeBytes: ACPI_PM_LAYOUT.sizeBytes, target: ACPI_PM.target(this) }];
  }

  restore(state: AcpiPmState): void {
    this.state = state;
    this.#update();
  }

  /** The user pressed the button: a fixed event, ACPI 6.5 §4.8.2.2.1.1 "Fixed Power Button". */
  pressPowerButton(): void {
    this.state.pm1Status |= PM1.PWRBTN;
    this.#update();
  }

  raiseGpe(index: number): void {
    this.state.gpe0Status = (this.state.gpe0Status | (1 << index)) >>> 0;
    this.#update();
  }

  status(): number {
    this.#countCarries();
    return this.state.pm1Status;
  }

  clear(bits: number): void {
    this.#countCarries();
    this.state.pm1Status &= ~bits;
    this.#update();
  }

  enable(bits: number): void {
    this.state.pm1Enable = bits;
    this.#update();
  }

  /** Entering a sleep state is the write of SLP_EN: ACPI 6.5 §4.8.3.2.1 "PM1 Control Registers". */
  control(value: number): void {
    this.state.pm1Control = (value & (CONTROL.BM_RLD | CONTROL.SLP_TYP)) | CONTROL.SCI_EN;
    if ((value & CONTROL.SLP_EN) === 0) return;
    if ((value & CONTROL.SLP_TYP) >> CONTROL.SLP_TYP_SHIFT === S5_SLEEP_TYPE) {
      this.#ports.powerOff();
      return;
    }
    // A state that the DSDT does not offer: the machine is awake again at once.
    this.state.refusedSleeps++;
    this.state.pm1Status |= PM1.WAK;
  }

  timerValue(): number {
    return this.#ticks() % (2 * this.#halfTurn);
  }

  clearGpe(bits: number): void {
    this.state.gpe0Status = (this.state.gpe0Status & ~bits) >>> 0;
    this.#update();
  }

  enableGpe(bits: number): void {
    this.state.gpe0Enable = bits;
    this.#update();
  }

  #ticks(): number {
    return Math.floor((this.#clock.nowNs() * PM_TIMER_HZ) / 1e9);
  }

  /** TMR_STS is set whenever the counter's top bit changes. */
  #countCarries(): void {
    const carries = Math.floor(this.#ticks() / this.#halfTurn);
    if (carries !== this.state.carries) this.state.pm1Status |= PM1.TMR;
    this.state.carries = carries;
  }

  #update(): void {
    this.#countCarries();
    const { pm1Status, pm1Enable, gpe0Status, gpe0Enable } = this.state;
    if ((pm1Status & pm1Enable & PM1_EVENTS) !== 0 || (gpe0Status & gpe0Enable) !== 0) this.#ports.sci.raise();
    else this.#ports.sci.lower();
    if ((pm1Enable & PM1.TMR) === 0 || (pm1Status & PM1.TMR) !== 0) this.#timer.cancel();
    else this.#timer.arm(Math.ceil(((this.state.carries + 1) * this.#halfTurn * 1e9) / PM_TIMER_HZ) + 1);
  }
}
