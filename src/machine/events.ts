/** Why a machine stopped. */
export type ExitReason =
  /** ACPI S5. */
  | { readonly kind: 'poweroff' }
  /** The guest asked for a reset (ACPI reset register, i8042, port 0xCF9). */
  | { readonly kind: 'reset' }
  /** The guest's kernel gave up; `message` is what it said, if it said something. */
  | { readonly kind: 'panic'; readonly message?: string }
  /** A fault while delivering a double fault: the processor shuts down. SDM Vol. 3A §6.15 "Interrupt 8". */
  | { readonly kind: 'triple-fault'; readonly rip?: bigint }
  /** A write to the isa-debug-exit port. */
  | { readonly kind: 'debug-exit'; readonly value: number }
  /** The time limit of the run. */
  | { readonly kind: 'timeout' }
  /** The host asked: `stop()`. */
  | { readonly kind: 'stopped' };

export type MachineEvent =
  | { readonly kind: 'started'; readonly engine: string; readonly memoryBytes: number; readonly cpuCount: number }
  | { readonly kind: 'console'; readonly bytes: Uint8Array }
  | { readonly kind: 'exit'; readonly reason: ExitReason };
