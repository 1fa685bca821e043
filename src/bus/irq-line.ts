/** A level-triggered wire from a device to an interrupt controller. A pulse (raise, lower) is an edge. */
export interface IrqLine {
  raise(): void;
  lower(): void;
}

/** Where message-signalled interrupts go. SDM Vol. 3A §11.11 "Message Signalled Interrupts". */
export interface MsiSink {
  /** `gpa` is the message address (0xFEExxxxx), `data` its 32-bit payload. */
  send(gpa: number, data: number): void;
}

export const unconnectedIrq: IrqLine = { raise() {}, lower() {} };
