import type { BusRange } from '../../bus/bus.ts';
import { registerMap } from '../../bus/register-map.ts';
import {
  acknowledgeInput,
  CASCADE,
  followLevels,
  newPicChip,
  type PicChipState,
  pendingInput,
  readPort,
  SPURIOUS,
  setInput,
  writeCommand,
  writeData,
} from './pic-chip.ts';

export interface PicState {
  master: PicChipState;
  slave: PicChipState;
}

type ChipName = keyof PicState;

/** Inputs whose trigger cannot change: the timer, the keyboard, the cascade; the clock and the coprocessor. */
const ELCR_WRITABLE: Readonly<Record<ChipName, number>> = { master: 0xf8, slave: 0xde };

/** A chip's two ports, as A0 selects. */
const chipPorts = (name: ChipName) =>
  registerMap<Pic8259>()({
    COMMAND: {
      offset: 0,
      volatile: true,
      reset: 0,
      read: (p) => p.read(name, false),
      write: (p, v) => p.command(name, v),
    },
    DATA: { offset: 1, reset: 0xff, read: (p) => p.read(name, true), write: (p, v) => p.data(name, v) },
  });

export const PIC_MASTER = chipPorts('master');
export const PIC_SLAVE = chipPorts('slave');

const elcr = (name: ChipName, offset: number) => ({
  offset,
  writable: ELCR_WRITABLE[name],
  reset: 0,
  read: (p: Pic8259) => p.state[name].elcr,
  write: (p: Pic8259, v: number) => p.setTriggers(name, v),
});

/** Edge/Level Control Registers, Intel ICH9 data sheet (316972) §13.4.10, ports 0x4d0 and 0x4d1. */
export const PIC_ELCR = registerMap<Pic8259>()({ ELCR1: elcr('master', 0), ELCR2: elcr('slave', 1) });

/** The PC's two 8259As: the slave's INT is the master's IR2. */
export class Pic8259 {
  state: PicState = { master: newPicChip(0x08), slave: newPicChip(0x70) };
  /** The master's INT. */
  output = false;
  readonly #onOutput: (asserted: boolean) => void;

  constructor(onOutput: (asserted: boolean) => void) {
    this.#onOutput = onOutput;
  }

  portRanges(): BusRange[] {
    return [
      { name: 'pic-master', start: 0x20, sizeBytes: 2, target: PIC_MASTER.target(this) },
      { name: 'pic-slave', start: 0xa0, sizeBytes: 2, target: PIC_SLAVE.target(this) },
      { name: 'pic-elcr', start: 0x4d0, sizeBytes: 2, target: PIC_ELCR.target(this) },
    ];
  }

  restore(state: PicState): void {
    this.state = state;
    this.#update();
  }

  setIrq(irq: number, level: boolean): void {
    setInput(irq < 8 ? this.state.master : this.state.slave, irq & 7, level);
    this.#update();
  }

  /** The INTA cycle: the vector, a spurious one where the request has gone. */
  acknowledge(): number {
    const { master, slave } = this.state;
    const ir = pendingInput(master, true);
    let vector = master.base + (ir < 0 ? SPURIOUS : ir);
    if (ir >= 0) acknowledgeInput(master, ir);
    if (ir === CASCADE && !master.single) {
      const slaveIr = pendingInput(slave, false);
      vector = slave.base + (slaveIr < 0 ? SPURIOUS : slaveIr);
      if (slaveIr >= 0) acknowledgeInput(slave, slaveIr);
      // INT drops during INTA, so the master sees an edge for each request of the slave.
      setInput(master, CASCADE, false);
    }
    this.#update();
    return vector;
  }

  command(name: ChipName, value: number): void {
    writeCommand(this.state[name], value);
    this.#update();
  }

  data(name: ChipName, value: number): void {
    writeData(this.state[name], value);
    this.#update();
  }

  read(name: ChipName, isData: boolean): number {
    const value = readPort(this.state[name], isData, name === 'master');
    this.#update();
    return value;
  }

  setTriggers(name: ChipName, value: number): void {
    this.state[name].elcr = value;
    followLevels(this.state[name]);
    this.#update();
  }

  #update(): void {
    const { master, slave } = this.state;
    const slaveInt = pendingInput(slave, false) >= 0;
    if (slaveInt !== ((master.lines & (1 << CASCADE)) !== 0)) setInput(master, CASCADE, slaveInt);
    if (!slaveInt) master.irr &= ~(1 << CASCADE);
    const output = pendingInput(master, true) >= 0;
    if (output === this.output) return;
    this.output = output;
    this.#onOutput(output);
  }
}
