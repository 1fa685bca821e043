import { VmmError } from '../base/errors.ts';
import type { MachineConfig } from './config.ts';
import type { ExitReason } from './events.ts';

/** Counters and state for people, by name: the monitor's `info`. */
export type MachineInfo = Readonly<Record<string, string | number>>;

/** A wired machine. `run` may be called once. */
export interface Machine {
  /** Runs until the machine stops. Rejects only for failures of ours. */
  run(): Promise<ExitReason>;
  /** Makes `run` resolve soon, with the reason given. Does nothing on a machine that has stopped. */
  stop(reason: ExitReason): void;
  /** A press of the ACPI power button. */
  powerButton(): void;
  /** The reset button. */
  reset(): void;
  info(): MachineInfo;
}

/** Builds the machine: loads the kernel, wires the devices. Throws `VmmError` for what the user got wrong. */
export function createMachine(_config: MachineConfig): Machine {
  throw new VmmError('VMM_MACHINE', 'This build has no machine yet');
}
