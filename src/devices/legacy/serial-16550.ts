import type { BusRange } from '../../bus/bus.ts';
import type { IrqLine } from '../../bus/irq-line.ts';
import { registerMap } from '../../bus/register-map.ts';

const IER = { RDA: 1 << 0, THRE: 1 << 1, RLS: 1 << 2, MS: 1 << 3 } as const;
const IIR = { NONE: 0x01, RLS: 0x06, RDA: 0x04, TIMEOUT: 0x0c, THRE: 0x02, MS: 0x00, FIFO: 0xc0 } as const;
const FCR = { ENABLE: 1 << 0, RESET_RX: 1 << 1, STICKY: 0xc9 } as const;
const LCR = { DLAB: 1 << 7 } as const;
const MCR = { DTR: 1 << 0, RTS: 1 << 1, OUT1: 1 << 2, OUT2: 1 << 3, LOOP: 1 << 4 } as const;
const LSR = { DR: 1 << 0, OE: 1 << 1, THRE: 1 << 5, TEMT: 1 << 6 } as const;
const MSR = { TERI: 1 << 2, DELTAS: 0x0f, CTS: 1 << 4, DSR: 1 << 5, RI: 1 << 6, DCD: 1 << 7 } as const;

const FIFO_BYTES = 16;
/** FCR[7:6] to the number of received bytes that raises the interrupt. */
const TRIGGER_BYTES = [1, 4, 8, 14] as const;
/** A modem that is always there: CTS, DSR and DCD on. */
const MODEM_LINES = MSR.CTS | MSR.DSR | MSR.DCD;

/** Snapshot of a UART. The transmitter is never busy, so its FIFO is always empty. */
export interface SerialState {
  ier: number;
  fcr: number;
  lcr: number;
  mcr: number;
  /** [7:4] lines  [3:0] what changed since the last read */
  msr: number;
  scr: number;
  divisor: number;
  overrun: boolean;
  /** The THRE interrupt: set when the transmitter empties, cleared by reading it from IIR. */
  threPending: boolean;
  rx: number[];
  /** Consecutive reads of LSR that found nothing. */
  emptyPolls: number;
}

export interface SerialPorts {
  tx(byte: number): void;
  readonly irq: IrqLine;
  /** The receiver has room again after `receive` took less than it was offered. */
  onReceiveSpace?(): void;
  /**
   * The host sends only while the guest asks for it, as with RTS/CTS wires. Without them input that comes before the
   * guest's driver is up is lost: Linux empties the receiver when the port is opened and raises RTS afterwards
   * (serial8250_do_startup, uart_port_startup). A guest that only polls the receiver need not raise RTS: asking
   * `POLLS_THAT_ASK` times in a row is asking too.
   */
  readonly heedsRts?: boolean;
}

/** Reads of LSR that find nothing received, with no character sent between them. */
const POLLS_THAT_ASK = 64;

const dlab = (uart: Serial16550) => (uart.state.lcr & LCR.DLAB) !== 0;
const normal = (uart: Serial16550) => !dlab(uart);

/** NS16550A data sheet, Table II "Summary of Registers". Offsets in bytes from the COM base. */
export const SERIAL_16550 = registerMap<Serial16550>()({
  RBR: { offset: 0, when: normal, volatile: true, reset: 0, read: (s) => s.receiveBuffer() },
  THR: { offset: 0, when: normal, write: (s, v) => s.transmit(v) },
  DLL: { offset: 0, when: dlab, read: (s) => s.state.divisor & 0xff, write: (s, v) => s.setDivisor(0, v) },
  IER: { offset: 1, when: normal, writable: 0x0f, reset: 0, read: (s) => s.state.ier, write: (s, v) => s.enable(v) },
  DLM: { offset: 1, when: dlab, read: (s) => s.state.divisor >> 8, write: (s, v) => s.setDivisor(8, v) },
  IIR: { offset: 2, reset: IIR.NONE, read: (s) => s.identify() },
  FCR: { offset: 2, write: (s, v) => s.controlFifo(v) },
  LCR: { offset: 3, reset: 0, read: (s) => s.state.lcr, write: (s, v) => void (s.state.lcr = v) },
  MCR: { offset: 4, writable: 0x1f, reset: 0, read: (s) => s.state.mcr, write: (s, v) => s.controlModem(v) },
  LSR: { offset: 5, reset: LSR.THRE | LSR.TEMT, read: (s) => s.lineStatus() },
  MSR: { offset: 6, reset: MODEM_LINES, read: (s) => s.modemStatus() },
  SCR: { offset: 7, reset: 0, read: (s) => s.state.scr, write: (s, v) => void (s.state.scr = v) },
});

/** NS16550A. Characters take no time: what is written to THR is out at once, and a received one times out at once. */
export class Serial16550 {
  state: SerialState = {
    ier: 0,
    fcr: 0,
    lcr: 0,
    mcr: 0,
    msr: MODEM_LINES,
    scr: 0,
    divisor: 1,
    overrun: false,
    threPending: false,
    rx: [],
    emptyPolls: 0,
  };
  readonly #ports: SerialPorts;
  /** The host offered more than there was room for. */
  #starved = false;
  #asserted = false;

  constructor(ports: SerialPorts) {
    this.#ports = ports;
  }

  portRanges(name: string, port: number): BusRange[] {
    return [{ name, start: port, sizeBytes: 8, target: SERIAL_16550.target(this) }];
  }

  restore(state: SerialState): void {
    this.state = state;
    this.#update();
  }

  /** Bytes from the host; returns how many the receiver took. The rest may come after `onReceiveSpace`. */
  receive(bytes: Uint8Array): number {
    const taken = Math.max(0, Math.min(this.#room(), bytes.length));
    for (let i = 0; i < taken; i++) this.state.rx.push(bytes[i] ?? 0);
    this.#starved = taken < bytes.length;
    if (taken > 0) this.#update();
    return taken;
  }

  receiveBuffer(): number {
    const byte = this.state.rx.shift() ?? 0;
    this.#update();
    this.#offerSpace();
    return byte;
  }

  transmit(byte: number): void {
    this.state.threPending = false;
    if (this.state.emptyPolls < POLLS_THAT_ASK) this.state.emptyPolls = 0;
    // The line drops between two characters, which an edge-triggered interrupt controller needs to see.
    this.#update();
    if (this.#looped()) this.#loopBack(byte);
    else this.#ports.tx(byte);
    this.state.threPending = true;
    this.#update();
  }

  setDivisor(shift: 0 | 8, byte: number): void {
    this.state.divisor = (this.state.divisor & ~(0xff << shift)) | (byte << shift);
  }

  /** Enabling the THRE interrupt while the transmitter is empty raises it: NS16550A §8.4 "Interrupt Enable Register". */
  enable(ier: number): void {
    const enabled = ier & ~this.state.ier;
    this.state.ier = ier;
    if ((enabled & IER.THRE) !== 0) this.state.threPending = true;
    this.#update();
  }

  /** Reading IIR clears the THRE interrupt if that is what it shows: NS16550A Table IV "Interrupt Control Functions". */
  identify(): number {
    const source = this.#source();
    if (source === IIR.THRE) {
      this.state.threPending = false;
      this.#update();
    }
    return source | ((this.state.fcr & FCR.ENABLE) !== 0 ? IIR.FIFO : 0);
  }

  /** Other bits count only together with the enable bit; changing that empties the FIFOs: NS16550A §8.6. */
  controlFifo(value: number): void {
    const toggled = ((value ^ this.state.fcr) & FCR.ENABLE) !== 0;
    if (toggled || (value & (FCR.ENABLE | FCR.RESET_RX)) === (FCR.ENABLE | FCR.RESET_RX)) this.state.rx = [];
    this.state.fcr = (value & FCR.ENABLE) !== 0 ? value & FCR.STICKY : 0;
    this.#update();
    this.#offerSpace();
  }

  controlModem(mcr: number): void {
    this.state.mcr = mcr;
    const lines = this.#looped() ? loopedLines(mcr) : MODEM_LINES;
    const before = this.state.msr & ~MSR.DELTAS;
    const changed = (lines ^ before) >> 4;
    // RI reports only its trailing edge.
    const deltas = (lines & MSR.RI) !== 0 ? changed & ~MSR.TERI : changed;
    this.state.msr = lines | (this.state.msr & MSR.DELTAS) | deltas;
    this.#update();
    this.#offerSpace();
  }

  lineStatus(): number {
    const { overrun } = this.state;
    this.state.overrun = false;
    if (overrun) this.#update();
    if (this.state.rx.length === 0 && this.state.emptyPolls < POLLS_THAT_ASK) {
      this.state.emptyPolls++;
      this.#offerSpace();
    }
    return LSR.THRE | LSR.TEMT | (this.state.rx.length > 0 ? LSR.DR : 0) | (overrun ? LSR.OE : 0);
  }

  modemStatus(): number {
    const { msr } = this.state;
    this.state.msr &= ~MSR.DELTAS;
    this.#update();
    return msr;
  }

  #looped(): boolean {
    return (this.state.mcr & MCR.LOOP) !== 0;
  }

  #capacity(): number {
    return (this.state.fcr & FCR.ENABLE) !== 0 ? FIFO_BYTES : 1;
  }

  /** An overrun keeps the FIFO and loses the new character; without FIFO the old one is overwritten. */
  #loopBack(byte: number): void {
    const { rx } = this.state;
    if (rx.length < this.#capacity()) {
      rx.push(byte);
      return;
    }
    this.state.overrun = true;
    if (this.#capacity() === 1) rx[0] = byte;
  }

  /** The pending interrupt of highest priority: NS16550A Table IV. */
  #source(): number {
    const { ier, rx, fcr, msr, overrun, threPending } = this.state;
    if ((ier & IER.RLS) !== 0 && overrun) return IIR.RLS;
    if ((ier & IER.RDA) !== 0 && rx.length > 0) {
      const trigger = (fcr & FCR.ENABLE) !== 0 ? (TRIGGER_BYTES[fcr >> 6] ?? 1) : 1;
      return rx.length >= trigger ? IIR.RDA : IIR.TIMEOUT;
    }
    if ((ier & IER.THRE) !== 0 && threPending) return IIR.THRE;
    if ((ier & IER.MS) !== 0 && (msr & MSR.DELTAS) !== 0) return IIR.MS;
    return IIR.NONE;
  }

  /** On a PC, OUT2 connects the chip's INTR to the bus; loopback takes OUT2 off the pin: NS16550A §8.7. */
  #update(): void {
    const connected = (this.state.mcr & (MCR.OUT2 | MCR.LOOP)) === MCR.OUT2;
    const asserted = connected && this.#source() !== IIR.NONE;
    if (asserted === this.#asserted) return;
    this.#asserted = asserted;
    if (asserted) this.#ports.irq.raise();
    else this.#ports.irq.lower();
  }

  #room(): number {
    const asks = (this.state.mcr & MCR.RTS) !== 0 || this.state.emptyPolls >= POLLS_THAT_ASK;
    const isHeld = this.#ports.heedsRts === true && !asks;
    return this.#looped() || isHeld ? 0 : this.#capacity() - this.state.rx.length;
  }

  #offerSpace(): void {
    if (!this.#starved || this.#room() <= 0) return;
    this.#starved = false;
    this.#ports.onReceiveSpace?.();
  }
}

/** In loopback RTS, DTR, OUT1 and OUT2 come back as CTS, DSR, RI and DCD: NS16550A §8.7 "Modem Control Register". */
function loopedLines(mcr: number): number {
  return (
    ((mcr & MCR.RTS) !== 0 ? MSR.CTS : 0) |
    ((mcr & MCR.DTR) !== 0 ? MSR.DSR : 0) |
    ((mcr & MCR.OUT1) !== 0 ? MSR.RI : 0) |
    ((mcr & MCR.OUT2) !== 0 ? MSR.DCD : 0)
  );
}
