import type { Clock } from '../../base/clock.ts';
import type { Timer, TimerQueue } from '../../base/timers.ts';
import type { BusRange } from '../../bus/bus.ts';
import type { IrqLine } from '../../bus/irq-line.ts';
import { registerMap } from '../../bus/register-map.ts';
import {
  type CivilTime,
  civilFromSeconds,
  decodeTime,
  encodeTime,
  nextAlarm,
  secondsFromCivil,
} from './rtc-calendar.ts';

/** CMOS RAM offsets: MC146818 data sheet "Address Map", and the PC/AT's use of the RAM above it. */
export const CMOS = {
  SECONDS: 0x00,
  SECONDS_ALARM: 0x01,
  MINUTES: 0x02,
  MINUTES_ALARM: 0x03,
  HOURS: 0x04,
  HOURS_ALARM: 0x05,
  DAY_OF_WEEK: 0x06,
  DAY: 0x07,
  MONTH: 0x08,
  YEAR: 0x09,
  A: 0x0a,
  B: 0x0b,
  C: 0x0c,
  D: 0x0d,
  BASE_MEMORY: 0x15,
  EXTENDED_MEMORY: 0x17,
  EXTENDED_MEMORY_POST: 0x30,
  CENTURY: 0x32,
  /** In units of 64 KiB. */
  MEMORY_ABOVE_16M: 0x34,
  MEMORY_ABOVE_4G: 0x5b,
} as const;

const A = { UIP: 1 << 7, RATE: 0x0f, DEFAULT: 0x26 } as const;
const B = { SET: 1 << 7, PIE: 1 << 6, AIE: 1 << 5, UIE: 1 << 4, DM: 1 << 2, HOURS24: 1 << 1, DEFAULT: 0x02 } as const;
const C = { IRQF: 1 << 7, PF: 1 << 6, AF: 1 << 5, UF: 1 << 4 } as const;
/** Valid RAM and time. */
const D_VRT = 0x80;

const RAM_BYTES = 128;
const SECOND_NS = 1e9;
/** UIP precedes the update by 244 µs and lasts through its 1984 µs: MC146818 Table 6 at 32.768 kHz. */
const UPDATE_NS = 244_000 + 1_984_000;

const isTimeRegister = (index: number) =>
  (index <= CMOS.YEAR && (index & 1) === 0) || index === CMOS.DAY || index === CMOS.YEAR || index === CMOS.CENTURY;
const isAlarmRegister = (index: number) => index <= CMOS.HOURS_ALARM && (index & 1) === 1;

export interface CmosRtcState {
  index: number;
  /** Registers A and B, alarms, RAM, and while SET the time registers. */
  ram: number[];
  /** PF, AF, UF. */
  flags: number;
  /** Civil seconds since 1970 at clock 0, and the part of a second already gone then. */
  baseSeconds: number;
  phaseNs: number;
  /** When each event comes next, on the machine's clock; null for never. */
  updateNs: number;
  periodicNs: number | null;
  alarmNs: number | null;
}

/** Ports 0x70 and 0x71 of the PC/AT. */
export const CMOS_PORTS = registerMap<CmosRtc>()({
  // [7] NMI disable, not kept  [6:0] index
  INDEX: { offset: 0, writable: 0x7f, reset: 0, read: (d) => d.state.index, write: (d, v) => void (d.state.index = v) },
  DATA: {
    offset: 1,
    volatile: true,
    read: (d) => d.readRegister(d.state.index),
    write: (d, v) => d.writeRegister(d.state.index, v),
  },
});

export interface CmosRtcOptions {
  readonly irq: IrqLine;
  /** Milliseconds since 1970, UTC, at the machine's clock 0. */
  readonly wallClockMs: number;
}

/** Motorola MC146818 and the PC/AT's CMOS RAM. The time is a function of the clock; interrupts are IRQ 8. */
export class CmosRtc {
  state: CmosRtcState;
  readonly #clock: Clock;
  readonly #irq: IrqLine;
  readonly #timer: Timer;

  constructor(timers: TimerQueue, options: CmosRtcOptions) {
    this.#clock = timers.clock;
    this.#irq = options.irq;
    this.#timer = timers.createTimer(() => this.#update());
    const ram = new Array<number>(RAM_BYTES).fill(0);
    ram[CMOS.A] = A.DEFAULT;
    ram[CMOS.B] = B.DEFAULT;
    ram[CMOS.D] = D_VRT;
    const baseSeconds = Math.floor(options.wallClockMs / 1000);
    const phaseNs = Math.round((options.wallClockMs - baseSeconds * 1000) * 1e6) % SECOND_NS;
    this.state = { index: 0, ram, flags: 0, baseSeconds, phaseNs, updateNs: 0, periodicNs: null, alarmNs: null };
    this.#schedule();
  }

  portRanges(): BusRange[] {
    return [{ name: 'cmos-rtc', start: 0x70, sizeBytes: 2, target: CMOS_PORTS.target(this) }];
  }

  restore(state: CmosRtcState): void {
    this.state = state;
    this.#update();
  }

  /** What firmware leaves in CMOS RAM about memory: `lowBytes` below 4 GiB, `highBytes` above. */
  describeMemory(lowBytes: number, highBytes: number): void {
    const extendedKiB = Math.min(0xffff, Math.max(0, Math.floor(lowBytes / 1024) - 1024));
    this.#store(CMOS.BASE_MEMORY, 640, 2);
    this.#store(CMOS.EXTENDED_MEMORY, extendedKiB, 2);
    this.#store(CMOS.EXTENDED_MEMORY_POST, extendedKiB, 2);
    this.#store(CMOS.MEMORY_ABOVE_16M, Math.min(0xffff, Math.max(0, (lowBytes - 16 * 2 ** 20) / 65_536)), 2);
    this.#store(CMOS.MEMORY_ABOVE_4G, highBytes / 65_536, 3);
  }

  readRegister(index: number): number {
    if (index === CMOS.A) return this.#at(CMOS.A) | (this.#isUpdating() ? A.UIP : 0);
    if (index === CMOS.C) return this.#takeFlags();
    if (isTimeRegister(index) && !this.#isSet()) return encodeTime(this.#civil(), this.#at(CMOS.B)).get(index) ?? 0;
    return this.#at(index);
  }

  writeRegister(index: number, value: number): void {
    if (index === CMOS.C || index === CMOS.D) return;
    if (index === CMOS.B) {
      this.#writeB(value);
      return;
    }
    if (isTimeRegister(index)) {
      this.#writeTime(index, value);
      return;
    }
    this.state.ram[index] = index === CMOS.A ? value & ~A.UIP : value;
    if (index === CMOS.A || isAlarmRegister(index)) {
      this.#collect();
      this.#schedule();
      this.#update();
    }
  }

  #at(index: number): number {
    return this.state.ram[index] ?? 0;
  }

  #store(index: number, value: number, sizeBytes: number): void {
    for (let i = 0; i < sizeBytes; i++) this.state.ram[index + i] = Math.floor(value / 256 ** i) & 0xff;
  }

  #isSet(): boolean {
    return (this.#at(CMOS.B) & B.SET) !== 0;
  }

  /** Seconds of the RTC since 1970. */
  #seconds(): number {
    return this.state.baseSeconds + Math.floor((this.#clock.nowNs() + this.state.phaseNs) / SECOND_NS);
  }

  #civil(): CivilTime {
    return civilFromSeconds(this.#seconds());
  }

  #isUpdating(): boolean {
    return !this.#isSet() && (this.#clock.nowNs() + this.state.phaseNs) % SECOND_NS >= SECOND_NS - UPDATE_NS;
  }

  /** SET freezes the time registers for writing, and clears UIE: MC146818 "Register B". */
  #writeB(value: number): void {
    this.#collect();
    const was = this.#isSet();
    const now = (value & B.SET) !== 0;
    if (now && !was) this.#copyTime();
    this.state.ram[CMOS.B] = now ? value & ~B.UIE : value;
    if (was && !now) this.#commitTime();
    this.#schedule();
    this.#update();
  }

  #writeTime(index: number, value: number): void {
    if (!this.#isSet()) this.#copyTime();
    this.state.ram[index] = value;
    if (this.#isSet()) return;
    this.#collect();
    this.#commitTime();
    this.#schedule();
    this.#update();
  }

  #copyTime(): void {
    for (const [index, value] of encodeTime(this.#civil(), this.#at(CMOS.B))) this.state.ram[index] = value;
  }

  /** Deviation: the day of the week follows from the date, where the chip counts it on its own. */
  #commitTime(): void {
    const seconds = secondsFromCivil(decodeTime(this.state.ram, this.#at(CMOS.B)));
    this.state.baseSeconds += seconds - this.#seconds();
  }

  /** Sets the flags of what has come to pass since the last look. */
  #collect(): void {
    const nowNs = this.#clock.nowNs();
    const { updateNs, periodicNs, alarmNs } = this.state;
    if (!this.#isSet() && nowNs >= updateNs) this.state.flags |= C.UF;
    if (periodicNs !== null && nowNs >= periodicNs) this.state.flags |= C.PF;
    if (alarmNs !== null && nowNs >= alarmNs) this.state.flags |= C.AF;
  }

  /** Works out when each event comes next. */
  #schedule(): void {
    const nowNs = this.#clock.nowNs();
    const secondStartNs = (second: number) => (second - this.state.baseSeconds) * SECOND_NS - this.state.phaseNs;
    const seconds = this.#seconds();
    this.state.updateNs = secondStartNs(seconds + 1);
    const periodNs = periodicNs(this.#at(CMOS.A) & A.RATE);
    this.state.periodicNs = periodNs === null ? null : (Math.floor(nowNs / periodNs) + 1) * periodNs;
    const alarm = this.#isSet() ? null : nextAlarm(seconds, this.state.ram, this.#at(CMOS.B));
    this.state.alarmNs = alarm === null ? null : secondStartNs(alarm);
  }

  /** Reading C clears it and lowers the interrupt. */
  #takeFlags(): number {
    this.#collect();
    const { flags } = this.state;
    const irqf = (flags & this.#at(CMOS.B)) !== 0 ? C.IRQF : 0;
    this.state.flags = 0;
    this.#schedule();
    this.#update();
    return flags | irqf;
  }

  /** An event wakes the machine only if it is enabled and not flagged already. */
  #update(): void {
    this.#collect();
    const { flags, updateNs, periodicNs: nextPeriodicNs, alarmNs } = this.state;
    const enabled = this.#at(CMOS.B) & (B.PIE | B.AIE | B.UIE);
    if ((flags & enabled) !== 0) this.#irq.raise();
    else this.#irq.lower();
    const wanted = enabled & ~flags;
    const nextNs = Math.min(
      (wanted & B.UIE) !== 0 && !this.#isSet() ? updateNs : Number.POSITIVE_INFINITY,
      (wanted & B.PIE) !== 0 ? (nextPeriodicNs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
      (wanted & B.AIE) !== 0 ? (alarmNs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
    );
    if (nextNs === Number.POSITIVE_INFINITY) this.#timer.cancel();
    else this.#timer.arm(nextNs);
  }
}

/** MC146818 Table 5 with the 32.768 kHz time base: rates 1 and 2 are 256 and 128 Hz. */
function periodicNs(rate: number): number | null {
  if (rate === 0) return null;
  const hz = 32_768 >> ((rate <= 2 ? rate + 7 : rate) - 1);
  return SECOND_NS / hz;
}
