import type { Clock } from '../../base/clock.ts';
import type { Timer, TimerQueue } from '../../base/timers.ts';
import type { BusRange } from '../../bus/bus.ts';
import type { IrqLine } from '../../bus/irq-line.ts';
import { registerMap } from '../../bus/register-map.ts';
import { MIN_PERIOD_NS } from '../timer-pace.ts';
import {
  type CounterState,
  isNullCount,
  newCounter,
  nextRise,
  readCount,
  readOut,
  setGate,
  setMode,
  settle,
  writeCount,
} from './pit-counter.ts';

/** A third of the NTSC colour burst: 14.31818 MHz / 12. */
export const PIT_HZ = 1_193_182;

/** The PC/AT toggles this bit at each DRAM refresh request, every 15.085 µs. */
const REFRESH_NS = 15_085;
const SPEAKER = { GATE2: 1 << 0, DATA: 1 << 1, WRITABLE: 0x0f, REFRESH: 1 << 4, OUT2: 1 << 5 } as const;
const MIN_PERIOD_TICKS = Math.ceil((MIN_PERIOD_NS * PIT_HZ) / 1e9);
/** Control word, [5:4] RW field. */
const RW = { LATCH: 0, LSB: 1, MSB: 2, BOTH: 3 } as const;
const READ_BACK = 3;

type ChannelIndex = 0 | 1 | 2;

interface ChannelState {
  counter: CounterState;
  rw: number;
  /** Mode field as written, for the status byte. */
  modeField: number;
  /** First byte of a two-byte write, or null. */
  low: number | null;
  readHigh: boolean;
  latchedCount: number | null;
  latchedStatus: number | null;
}

export interface PitState {
  channels: [ChannelState, ChannelState, ChannelState];
  /** Port 0x61 [3:0] as written. */
  speaker: number;
}

const newChannel = (gate: boolean): ChannelState => ({
  counter: newCounter(gate),
  rw: RW.BOTH,
  modeField: 3,
  low: null,
  readHigh: false,
  latchedCount: null,
  latchedStatus: null,
});

/** Ports 0x40 to 0x43: Intel 8254 data sheet (231164), "Control Word Format". */
export const PIT_8254 = registerMap<Pit8254>()({
  COUNTER0: { offset: 0, volatile: true, read: (p) => p.readCounter(0), write: (p, v) => p.writeCounter(0, v) },
  COUNTER1: { offset: 1, volatile: true, read: (p) => p.readCounter(1), write: (p, v) => p.writeCounter(1, v) },
  COUNTER2: { offset: 2, volatile: true, read: (p) => p.readCounter(2), write: (p, v) => p.writeCounter(2, v) },
  CONTROL: { offset: 3, write: (p, v) => p.control(v) },
});

/** Port 0x61, "System Control Port B" of the PC/AT. */
export const SPEAKER_PORT = registerMap<Pit8254>()({
  SPEAKER: { offset: 0, volatile: true, read: (p) => p.readSpeaker(), write: (p, v) => p.writeSpeaker(v) },
});

/** Intel 8254 and the port that gates its third channel. Channel 0's OUT is IRQ 0. */
export class Pit8254 {
  state: PitState = { channels: [newChannel(true), newChannel(true), newChannel(false)], speaker: 0 };
  readonly #clock: Clock;
  readonly #irq: IrqLine;
  readonly #timer: Timer;

  constructor(timers: TimerQueue, irq: IrqLine) {
    this.#clock = timers.clock;
    this.#irq = irq;
    this.#timer = timers.createTimer(() => this.#rise());
  }

  portRanges(): BusRange[] {
    return [
      { name: 'pit', start: 0x40, sizeBytes: 4, target: PIT_8254.target(this) },
      { name: 'speaker', start: 0x61, sizeBytes: 1, target: SPEAKER_PORT.target(this) },
    ];
  }

  restore(state: PitState): void {
    this.state = state;
    this.#follow();
  }

  readCounter(index: ChannelIndex): number {
    const channel = this.state.channels[index];
    if (channel.latchedStatus !== null) {
      const status = channel.latchedStatus;
      channel.latchedStatus = null;
      return status;
    }
    const count = channel.latchedCount ?? this.#count(channel);
    const high = channel.rw === RW.MSB || (channel.rw === RW.BOTH && channel.readHigh);
    if (channel.rw === RW.BOTH) channel.readHigh = !channel.readHigh;
    if (high || channel.rw === RW.LSB) channel.latchedCount = null;
    return high ? count >> 8 : count & 0xff;
  }

  writeCounter(index: ChannelIndex, byte: number): void {
    const channel = this.state.channels[index];
    const { counter } = channel;
    if (channel.rw === RW.BOTH && channel.low === null) {
      channel.low = byte;
      // "Writing the first byte disables counting. OUT is set low immediately."
      if (counter.mode === 0) counter.count = 0;
    } else {
      const raw = channel.rw === RW.LSB ? byte : (byte << 8) | (channel.low ?? 0);
      channel.low = null;
      writeCount(counter, raw, this.#tick());
    }
    if (index === 0) this.#follow();
  }

  /** // [7:6] counter or read-back  [5:4] RW  [3:1] mode  [0] BCD */
  control(word: number): void {
    const select = word >> 6;
    if (select === READ_BACK) {
      this.#readBack(word);
      return;
    }
    const channel = this.state.channels[select as ChannelIndex];
    const rw = (word >> 4) & 3;
    if (rw === RW.LATCH) {
      channel.latchedCount ??= this.#count(channel);
      return;
    }
    channel.rw = rw;
    channel.modeField = (word >> 1) & 7;
    channel.low = null;
    channel.readHigh = false;
    channel.latchedCount = null;
    channel.latchedStatus = null;
    setMode(channel.counter, channel.modeField, (word & 1) !== 0);
    if (select === 0) this.#follow();
  }

  readSpeaker(): number {
    const refresh = Math.floor(this.#clock.nowNs() / REFRESH_NS) & 1;
    return (
      this.state.speaker |
      (refresh !== 0 ? SPEAKER.REFRESH : 0) |
      (readOut(this.#settled(this.state.channels[2]), this.#tick()) ? SPEAKER.OUT2 : 0)
    );
  }

  writeSpeaker(value: number): void {
    this.state.speaker = value & SPEAKER.WRITABLE;
    setGate(this.state.channels[2].counter, (value & SPEAKER.GATE2) !== 0, this.#tick());
  }

  /** Hertz of the tone on the speaker, or 0 when it is silent. */
  toneHz(): number {
    const { counter } = this.state.channels[2];
    const sounding = (this.state.speaker & (SPEAKER.GATE2 | SPEAKER.DATA)) === (SPEAKER.GATE2 | SPEAKER.DATA);
    return sounding && counter.mode === 3 && counter.count !== 0 ? PIT_HZ / counter.count : 0;
  }

  /** Pulses since the machine was created: derived from the clock, so it cannot drift. */
  #tick(): number {
    return tickAt(this.#clock.nowNs());
  }

  #settled(channel: ChannelState): CounterState {
    settle(channel.counter, this.#tick());
    return channel.counter;
  }

  #count(channel: ChannelState): number {
    return readCount(this.#settled(channel), this.#tick());
  }

  /** // [5] do not latch count  [4] do not latch status  [3:1] counters */
  #readBack(word: number): void {
    this.state.channels.forEach((channel, index) => {
      if ((word & (2 << index)) === 0) return;
      if ((word & 0x20) === 0) channel.latchedCount ??= this.#count(channel);
      if ((word & 0x10) === 0) channel.latchedStatus ??= this.#status(channel);
    });
  }

  /** // [7] OUT  [6] null count  [5:4] RW  [3:1] mode  [0] BCD */
  #status(channel: ChannelState): number {
    const counter = this.#settled(channel);
    const tick = this.#tick();
    return (
      (readOut(counter, tick) ? 0x80 : 0) |
      (isNullCount(counter, tick) ? 0x40 : 0) |
      (channel.rw << 4) |
      (channel.modeField << 1) |
      (counter.bcd ? 1 : 0)
    );
  }

  /** Puts IRQ 0 where OUT is, and sleeps until it rises next. */
  #follow(): void {
    const tick = this.#tick();
    const counter = this.#settled(this.state.channels[0]);
    if (readOut(counter, tick)) this.#irq.raise();
    else this.#irq.lower();
    this.#sleepUntilRise(nextRise(counter, tick));
  }

  /** OUT rose; that it was low in between only shows as the edge. */
  #rise(): void {
    this.#irq.lower();
    this.#irq.raise();
    const tick = this.#tick();
    const counter = this.#settled(this.state.channels[0]);
    const rise = nextRise(counter, tick);
    const skipped = rise === null ? 0 : Math.ceil(Math.max(0, MIN_PERIOD_TICKS - counter.count) / counter.count);
    this.#sleepUntilRise(rise === null ? null : rise + skipped * counter.count);
  }

  #sleepUntilRise(tick: number | null): void {
    if (tick === null) this.#timer.cancel();
    else this.#timer.arm(nsAt(tick));
  }
}

const tickAt = (nowNs: number) => Math.floor((nowNs * PIT_HZ) / 1e9);

/** The first nanosecond of a tick. */
function nsAt(tick: number): number {
  const ns = Math.ceil((tick * 1e9) / PIT_HZ);
  return tickAt(ns) < tick ? ns + 1 : ns;
}
