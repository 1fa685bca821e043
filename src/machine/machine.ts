import type { EntropySource } from '../backends/host-clock.ts';
import { assert } from '../base/errors.ts';
import type { Vcpu, Vm } from '../engine/engine.ts';
import { softEngine } from '../engine/soft/soft-vm.ts';
import { PERSONALITY_CATALOG } from '../hypervisor/catalog.ts';
import type { Personality } from '../hypervisor/personality.ts';
import { loadGuest } from '../loaders/load.ts';
import { writeAcpiTables } from '../loaders/tables/acpi/tables.ts';
import { writeBiosDataArea } from '../loaders/tables/bios-data-area.ts';
import { INTERRUPT_HANDLERS_BYTES } from '../loaders/tables/interrupt-vectors.ts';
import { createCpuid } from '../x86/cpuid/cpuid.ts';
import { leaveBiosState } from './bios-state.ts';
import { Board, type BoardPorts, boardAcpiHardware } from './board.ts';
import type { MachineConfig } from './config.ts';
import type { ExitReason } from './events.ts';
import { CountedClock, type GuestClock, RealClock } from './guest-clock.ts';
import { MachineOps } from './machine-ops.ts';
import { e820, MEMORY_LAYOUT } from './memory-layout.ts';
import { PanicWatch } from './panic-watch.ts';
import { RunLoop } from './run-loop.ts';
import { seededEntropy } from './seeded-entropy.ts';

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
export function createMachine(config: MachineConfig): Machine {
  return new PcMachine(config);
}

/** 2024-01-01 00:00 UTC, where the real-time clock starts in counted time. */
const COUNTED_EPOCH_MS = 1_704_067_200_000;
const ENTROPY_SEED = 0x5eed;
const CONVENTIONAL_BYTES = 0x10_0000;

class PcMachine implements Machine {
  readonly #config: MachineConfig;
  readonly #ops: MachineOps;
  readonly #vm: Vm;
  readonly #vcpu: Vcpu;
  readonly #personality: Personality;
  readonly #clock: GuestClock;
  readonly #loop: RunLoop;
  readonly #wallClockMs: number;
  readonly #has64Bit: boolean;
  #board: Board;
  #panic = new PanicWatch();
  #resetRequested: 'guest' | 'host' | undefined;
  #resets = 0;

  constructor(config: MachineConfig) {
    this.#config = config;
    const { cpuCount, memoryBytes, host } = config;
    const isCounted = config.clock === 'counted';
    this.#wallClockMs = isCounted ? COUNTED_EPOCH_MS : host.clock.unixTimeMs();
    this.#personality = this.#createPersonality();
    const cpuid = createCpuid({ model: config.cpuModel, cpuCount, hypervisorLeaf: this.#personality.cpuidLeaf });
    this.#has64Bit = cpuid.traits.features.has('lm');
    const entropy: EntropySource = isCounted ? seededEntropy(ENTROPY_SEED) : host.entropy;
    this.#ops = new MachineOps(cpuid, this.#personality, entropy);
    this.#vm = softEngine.createVm({ memoryBytes, cpuCount, traits: cpuid.traits, ops: this.#ops });
    const vcpu = this.#vm.vcpus[0];
    assert(vcpu !== undefined, 'a machine has a processor');
    this.#vcpu = vcpu;
    this.#clock = isCounted ? new CountedClock(() => vcpu.instructions()) : new RealClock(host.clock);
    this.#loop = new RunLoop({
      vcpu,
      clock: this.#clock,
      hostClock: host.clock,
      console: config.serial,
      timers: () => this.#board.timers,
      betweenSlices: (halted) => this.#betweenSlices(halted),
    });
    this.#board = this.#powerOn();
  }

  run(): Promise<ExitReason> {
    return this.#loop.run();
  }

  stop(reason: ExitReason): void {
    this.#loop.end(reason);
  }

  powerButton(): void {
    this.#board.acpi.pressPowerButton();
    this.#loop.wake();
  }

  reset(): void {
    this.#requestReset('host');
  }

  info(): MachineInfo {
    const { rip, cr3, rflags } = this.#vcpu.registers();
    return {
      engine: softEngine.name,
      rip: `0x${rip.toString(16)}`,
      cr3: `0x${cr3.toString(16)}`,
      rflags: `0x${rflags.toString(16)}`,
      instructions: this.#vcpu.instructions(),
      guestTimeNs: Math.floor(this.#clock.nowNs()),
      busyNs: Math.floor(this.#loop.busyNs),
      resets: this.#resets,
      unclaimedPortAccesses: this.#board.ports.unclaimed,
      unclaimedMmioAccesses: this.#board.mmio.unclaimed,
    };
  }

  #createPersonality(): Personality {
    const memory = () => this.#vm.memory;
    return PERSONALITY_CATALOG[this.#config.personality]({
      get memory() {
        return memory();
      },
      nowNs: () => this.#clock.nowNs(),
      bootUnixNs: BigInt(Math.round(this.#wallClockMs * 1e6)),
      readTsc: (cpu) => this.#ops.readTsc(cpu),
    });
  }

  /** New chips, a freshly loaded kernel, the processor at its entry. */
  #powerOn(): Board {
    const { cpuCount, serial, devices } = this.#config;
    this.#vcpu.setInterruptRequest(false);
    this.#panic = new PanicWatch();
    const board = new Board(
      {
        clock: this.#clock,
        memory: this.#vm.memory,
        cpuCount,
        console: serial,
        consoleEvents: {
          onOutput: (bytes) => this.#panic.output(bytes),
          onOverfull: () => this.#vcpu.requestExit(),
        },
        devices,
        wallClockMs: this.#wallClockMs,
      },
      this.#boardPorts(),
    );
    board.timers.onArm = (deadlineNs) => this.#loop.deadlineArmed(deadlineNs);
    this.#ops.board = board;
    this.#ops.collectWindows();
    this.#personality.reset();
    this.#vm.setA20(true);
    this.#load(board);
    return board;
  }

  #load(board: Board): void {
    const { kernel, modules, commandLine, cpuCount } = this.#config;
    const { memory } = this.#vm;
    memory.bytes.fill(0, 0, CONVENTIONAL_BYTES);
    const window = { gpa: MEMORY_LAYOUT.acpiGpa, endGpa: MEMORY_LAYOUT.acpiEndGpa - INTERRUPT_HANDLERS_BYTES };
    const rsdpGpa = writeAcpiTables(memory, window, boardAcpiHardware(cpuCount));
    writeBiosDataArea(memory, MEMORY_LAYOUT.ebdaGpa);
    const { boot, format } = loadGuest({
      memory,
      kernel: kernel.bytes,
      kernelName: kernel.name,
      modules,
      commandLine,
      memoryMap: e820(memory.sizeBytes),
      rsdpGpa,
      cpuHas64Bit: this.#has64Bit,
    });
    if (format === 'multiboot') leaveBiosState(board.ports, memory);
    this.#vcpu.reset(boot);
  }

  #boardPorts(): BoardPorts {
    return {
      interruptRequest: (_cpu, pending) => {
        this.#vcpu.setInterruptRequest(pending);
        if (pending) this.#loop.wake();
      },
      nmi: () => {
        this.#vcpu.injectNmi();
        this.#loop.wake();
      },
      // Deviation: INIT starts at the reset vector, where no firmware is; the machine starts again instead.
      init: () => this.#requestReset('guest'),
      windowsChanged: () => {
        this.#ops.collectWindows();
        this.#vm.windowsChanged();
      },
      a20: (open) => this.#vm.setA20(open),
      reset: () => this.#requestReset('guest'),
      powerOff: () => this.#loop.end({ kind: 'poweroff' }),
      debugExit: (value) => this.#loop.end({ kind: 'debug-exit', value }),
      currentCpu: () => 0,
    };
  }

  #requestReset(by: 'guest' | 'host'): void {
    this.#resetRequested ??= by;
    this.#vcpu.requestExit();
    this.#loop.wake();
  }

  /** A kernel that panics resets the machine when it was told to (`panic=`); to start it again would be in vain. */
  #betweenSlices(halted: boolean): void {
    this.#board.serial.flush();
    if (this.#panic.isArmed && this.#panic.isDead({ nowNs: this.#clock.nowNs(), halted, cpl: this.#cpl() })) {
      this.#loop.end(this.#panicReason());
    }
    const by = this.#resetRequested;
    this.#resetRequested = undefined;
    if (by === 'guest' && this.#panic.message !== undefined) this.#loop.end(this.#panicReason());
    else if (by === 'guest' && this.#config.onReset === 'exit') this.#loop.end({ kind: 'reset' });
    else if (by !== undefined) this.#restart();
  }

  #cpl(): number {
    return this.#vcpu.registers().cpl;
  }

  #panicReason(): ExitReason {
    const { message } = this.#panic;
    return { kind: 'panic', ...(message === undefined ? {} : { message }) };
  }

  #restart(): void {
    this.#resets++;
    this.#board = this.#powerOn();
  }
}
