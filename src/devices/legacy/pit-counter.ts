/**
 * One counter of an 8254, as a function of its clock. Nothing runs: `tick` is the absolute number of CLK pulses, and count
 * and OUT follow from how many have passed since the count was loaded. Intel 8254 data sheet (231164), "Mode Definitions".
 */
export interface CounterState {
  mode: 0 | 1 | 2 | 3 | 4 | 5;
  bcd: boolean;
  /** The initial count, 1 to 65536 (10000 in BCD); 0 until one is written. */
  count: number;
  /** A count written while modes 2 and 3 run: takes over when the present cycle ends. */
  nextCount: number;
  /** The tick at which the count was loaded; for modes 1 and 5 the trigger. */
  loadTick: number;
  /** Pulses counted when GATE went low, or null while counting. */
  frozen: number | null;
  /** Modes 1 and 5 count only after a rising edge of GATE. */
  triggered: boolean;
  gate: boolean;
}

export const newCounter = (gate: boolean): CounterState => ({
  mode: 3,
  bcd: false,
  count: 0,
  nextCount: 0,
  loadTick: 0,
  frozen: null,
  triggered: false,
  gate,
});

const isPeriodic = (counter: CounterState) => counter.mode === 2 || counter.mode === 3;
const isTriggered = (counter: CounterState) => counter.mode === 1 || counter.mode === 5;
const modulus = (counter: CounterState) => (counter.bcd ? 10_000 : 0x1_0000);

/** A control word stops the counter until a count is written. */
export function setMode(counter: CounterState, mode: number, bcd: boolean): void {
  // Mode bits X10 and X11 are modes 2 and 3.
  counter.mode = (mode > 5 ? mode - 4 : mode) as CounterState['mode'];
  counter.bcd = bcd;
  counter.count = 0;
  counter.nextCount = 0;
  counter.frozen = null;
  counter.triggered = false;
}

/** A count is loaded on the CLK pulse after it is written; 0 stands for the largest. */
export function writeCount(counter: CounterState, raw: number, tick: number): void {
  const binary = counter.bcd ? fromBcd(raw) : raw;
  const count = binary === 0 ? modulus(counter) : binary;
  if (isPeriodic(counter) && counter.count !== 0) {
    settle(counter, tick);
    counter.nextCount = count;
    return;
  }
  if (isTriggered(counter)) {
    // The count is used from the next trigger on.
    if (counter.count === 0) counter.count = count;
    else counter.nextCount = count;
    return;
  }
  counter.count = count;
  counter.loadTick = tick + 1;
  counter.frozen = counter.gate ? null : 0;
}

/** "Gate Pin Operations Summary": level-sensitive in modes 0 and 4, a trigger in 1 and 5, both in 2 and 3. */
export function setGate(counter: CounterState, gate: boolean, tick: number): void {
  if (counter.gate === gate) return;
  settle(counter, tick);
  const passed = elapsed(counter, tick);
  counter.gate = gate;
  if (isTriggered(counter)) {
    if (!gate) return;
    if (counter.nextCount !== 0) counter.count = counter.nextCount;
    counter.nextCount = 0;
    counter.triggered = counter.count !== 0;
    counter.loadTick = tick + 1;
    return;
  }
  if (!gate) {
    counter.frozen = passed;
    return;
  }
  counter.loadTick = isPeriodic(counter) ? tick + 1 : tick - (counter.frozen ?? 0);
  counter.frozen = null;
  if (isPeriodic(counter) && counter.nextCount !== 0) {
    counter.count = counter.nextCount;
    counter.nextCount = 0;
  }
}

/** Pulses counted so far; negative before the count is loaded. */
function elapsed(counter: CounterState, tick: number): number {
  return counter.frozen ?? tick - counter.loadTick;
}

const isRunning = (counter: CounterState) =>
  counter.count !== 0 && counter.frozen === null && (!isTriggered(counter) || counter.triggered);

/**
 * Moves a periodic counter's load to the cycle that is running, where a count that waited takes over.
 * Deviation: in mode 3 too it waits for the end of the cycle, not of the half-cycle.
 */
export function settle(counter: CounterState, tick: number): void {
  if (!isPeriodic(counter) || !isRunning(counter)) return;
  if (counter.nextCount !== 0 && tick >= counter.loadTick + counter.count) {
    counter.loadTick += counter.count;
    counter.count = counter.nextCount;
    counter.nextCount = 0;
  }
  const cycles = Math.floor((tick - counter.loadTick) / counter.count);
  if (cycles > 0 && counter.nextCount === 0) counter.loadTick += cycles * counter.count;
}

/** What the counting element holds, in the counter's notation (BCD or binary). */
export function readCount(counter: CounterState, tick: number): number {
  const value = binaryCount(counter, tick) % modulus(counter);
  return counter.bcd ? toBcd(value) : value;
}

function binaryCount(counter: CounterState, tick: number): number {
  const { count } = counter;
  if (count === 0 || (isTriggered(counter) && !counter.triggered)) return count;
  const passed = Math.max(0, elapsed(counter, tick));
  if (counter.mode === 2) return count - (passed % count);
  if (counter.mode === 3) return squareWaveCount(count, passed % count);
  const size = modulus(counter);
  return (((count - passed) % size) + size) % size;
}

/** Mode 3 counts by twos; an odd count is high one pulse longer than low. */
function squareWaveCount(count: number, phase: number): number {
  const half = Math.ceil(count / 2);
  const even = count & ~1;
  return phase < half ? even - 2 * phase : even - 2 * (phase - half);
}

export function readOut(counter: CounterState, tick: number): boolean {
  const { mode, count } = counter;
  if (count === 0) return mode !== 0;
  const passed = elapsed(counter, tick);
  switch (mode) {
    case 0:
      return passed >= count;
    case 1:
      return !counter.triggered || passed < 0 || passed >= count;
    case 2:
      return counter.frozen !== null || passed < 0 || passed % count !== count - 1;
    case 3:
      return counter.frozen !== null || passed < 0 || passed % count < Math.ceil(count / 2);
    default:
      return (mode === 5 && !counter.triggered) || passed !== count;
  }
}

/** The count written has not reached the counting element yet: status bit "null count". */
export function isNullCount(counter: CounterState, tick: number): boolean {
  if (counter.count === 0 || counter.nextCount !== 0) return true;
  return counter.frozen === null && !isTriggered(counter) && tick < counter.loadTick;
}

/** The first tick after `tick` at which OUT rises, or null if it will not without the guest's doing. */
export function nextRise(counter: CounterState, tick: number): number | null {
  if (!isRunning(counter)) return null;
  const { mode, count, loadTick } = counter;
  if (mode === 2 || mode === 3) {
    if (tick < loadTick) return loadTick + count;
    return loadTick + (Math.floor((tick - loadTick) / count) + 1) * count;
  }
  // Modes 4 and 5 strobe low for the pulse that reaches zero.
  const rise = loadTick + count + (mode >= 4 ? 1 : 0);
  return rise > tick ? rise : null;
}

const toBcd = (value: number) =>
  ((Math.floor(value / 1000) % 10) << 12) |
  ((Math.floor(value / 100) % 10) << 8) |
  ((Math.floor(value / 10) % 10) << 4) |
  (value % 10);

const fromBcd = (raw: number) =>
  ((raw >> 12) & 15) * 1000 + ((raw >> 8) & 15) * 100 + ((raw >> 4) & 15) * 10 + (raw & 15);
