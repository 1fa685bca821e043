import type { BusRange } from '../../bus/bus.ts';
import { registerMap } from '../../bus/register-map.ts';

export const RESET_CONTROL_PORT = 0xcf9;
/** What the FADT's RESET_VALUE writes there: a hard reset. */
export const RESET_CONTROL_VALUE = 0x06;

const CF9 = { SYS_RST: 1 << 1, RST_CPU: 1 << 2, FULL_RST: 1 << 3 } as const;
const PORT92 = { INIT_NOW: 1 << 0, ALT_A20: 1 << 1 } as const;

export interface ResetPorts {
  reset(): void;
  /** The fast A20 gate changed. */
  a20(enabled: boolean): void;
}

export interface ResetPortsState {
  resetControl: number;
  /** Port 0x92 [1] as written; A20 is open on a machine that boots kernels. */
  systemControl: number;
}

/** Reset Control Register, Intel ICH9 data sheet (316972) §13.7.5. */
export const RESET_CONTROL = registerMap<SystemReset>()({
  RST_CNT: {
    offset: 0,
    volatile: true,
    reset: 0,
    read: (d) => d.state.resetControl,
    write: (d, v) => d.writeResetControl(v),
  },
});

/** System Control Port A of the PS/2, ICH9 data sheet §13.7.3 "PORT92". */
export const SYSTEM_CONTROL = registerMap<SystemReset>()({
  PORT92: {
    offset: 0,
    writable: 0x03,
    volatile: true,
    reset: PORT92.ALT_A20,
    read: (d) => d.state.systemControl,
    write: (d, v) => d.writeSystemControl(v),
  },
});

/** The two ports by which a chipset lets software reset the machine; 0x92 has the fast A20 gate too. */
export class SystemReset {
  state: ResetPortsState = { resetControl: 0, systemControl: PORT92.ALT_A20 };
  readonly #ports: ResetPorts;

  constructor(ports: ResetPorts) {
    this.#ports = ports;
  }

  portRanges(): BusRange[] {
    return [
      { name: 'reset-control', start: RESET_CONTROL_PORT, sizeBytes: 1, target: RESET_CONTROL.target(this) },
      { name: 'port92', start: 0x92, sizeBytes: 1, target: SYSTEM_CONTROL.target(this) },
    ];
  }

  restore(state: ResetPortsState): void {
    this.state = state;
    this.#ports.a20((state.systemControl & PORT92.ALT_A20) !== 0);
  }

  /** The rising edge of RST_CPU resets. */
  writeResetControl(value: number): void {
    const before = this.state.resetControl;
    this.state.resetControl = value & (CF9.SYS_RST | CF9.RST_CPU | CF9.FULL_RST);
    if ((value & ~before & CF9.RST_CPU) === 0) return;
    this.state.resetControl &= ~CF9.RST_CPU;
    this.#ports.reset();
  }

  writeSystemControl(value: number): void {
    const changed = value ^ this.state.systemControl;
    this.state.systemControl = value & PORT92.ALT_A20;
    if ((changed & PORT92.ALT_A20) !== 0) this.#ports.a20((value & PORT92.ALT_A20) !== 0);
    if ((value & PORT92.INIT_NOW) !== 0) this.#ports.reset();
  }
}
