/** What is delivered through the IDT. */
export interface InterruptEvent {
  readonly vector: number;
  /**
   * exception: raised by the CPU. external: an interrupt request or NMI. software: INT n, INT3, INTO, which check the
   * gate's DPL and never set an error code's EXT bit. privileged: INT1, an exception that pushes the next RIP.
   */
  readonly kind: 'exception' | 'external' | 'software' | 'privileged';
  readonly errorCode: number | undefined;
  /** RIP to push, as 32-bit halves. */
  readonly returnLow: number;
  readonly returnHigh: number;
  /**
   * RFLAGS.RF in the pushed image is set: for faults, so that an instruction breakpoint does not repeat. Else it is as it
   * is (SDM Vol. 3B §18.3.1.1 "Instruction-Breakpoint Exception Condition").
   */
  readonly resumeFlag: boolean;
}

/** EXT, bit 0 of error codes: the event was not caused by the program (SDM Vol. 3A §7.13 "Error Code"). */
export const extOf = (event: InterruptEvent): 0 | 1 => (event.kind === 'software' ? 0 : 1);

/** The error code that names an IDT entry. */
export const idtErrorCode = (event: InterruptEvent): number => (event.vector << 3) | 2 | extOf(event);
