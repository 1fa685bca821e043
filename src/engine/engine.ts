import type { BootState, GprName } from '../loaders/boot-state.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { CpuTraits } from '../x86/cpuid/traits.ts';

/*
 * The cut between whoever executes guest code (an engine: the software CPU, KVM) and the machine around it. Calls go
 * down through Engine, Vm and Vcpu, and up through VmOps; devices see neither. ENGINE_OPERATIONS lists all of it.
 */

export type EngineProbe =
  | { readonly available: true }
  /** `reason` is one sentence for people. */
  | { readonly available: false; readonly reason: string };

export interface Engine {
  readonly name: string;
  /** Whether it can run here. */
  probe(): EngineProbe;
  createVm(options: VmOptions): Vm;
}

export interface VmOptions {
  readonly memoryBytes: number;
  readonly cpuCount: number;
  readonly traits: CpuTraits;
  readonly ops: VmOps;
}

/** Guest memory and the processors that run in it. */
export interface Vm {
  /** Its `written` tells the engine of writes by devices. */
  readonly memory: GuestMemory;
  readonly vcpus: readonly Vcpu[];
  /** VmOps.isMmio answers differently from now on. */
  windowsChanged(): void;
  /** The A20 gate: closed, address bit 20 reads as 0. */
  setA20(open: boolean): void;
}

/** Why `Vcpu.run` returned. Port I/O, device memory and hypercalls do not: they go through VmOps. */
export type VmExit =
  /** The budget is spent, or `requestExit` was called. */
  | { readonly kind: 'interrupted' }
  /** HLT, and no event that ends it. */
  | { readonly kind: 'halt' }
  /** A fault while delivering a double fault: SDM Vol. 3A §6.15 "Interrupt 8—Double Fault Exception (#DF)". */
  | { readonly kind: 'shutdown' }
  /** The engine cannot go on. */
  | { readonly kind: 'error'; readonly message: string };

export interface VcpuRegisters {
  readonly gprs: Readonly<Record<GprName, bigint>>;
  readonly rip: bigint;
  readonly rflags: number;
  readonly cpl: number;
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
}

export interface Vcpu {
  /** As after RESET#, or as a loader wants it. */
  reset(boot?: BootState): void;
  /** Runs about `instructions` instructions, fewer when something needs the machine. */
  run(instructions: number): VmExit;
  /** Makes `run` return soon. From device callbacks. */
  requestExit(): void;
  /** The level of INTR: VmOps.acknowledgeInterrupt has a vector. */
  setInterruptRequest(pending: boolean): void;
  injectNmi(): void;
  /** Retired so far, this very moment. */
  instructions(): number;
  registers(): VcpuRegisters;
}

/** What an engine asks of the machine. `cpu` counts from 0. Values are unsigned. */
export interface VmOps {
  portRead(port: number, sizeBytes: 1 | 2 | 4): number;
  portWrite(port: number, sizeBytes: 1 | 2 | 4, value: number): void;
  /** A device claims the page of this gpa, though RAM may lie below it. */
  isMmio(gpa: number): boolean;
  mmioRead(gpa: number, sizeBytes: 1 | 2 | 4): number;
  mmioWrite(gpa: number, sizeBytes: 1 | 2 | 4, value: number): void;
  /** MSRs outside the processor core. undefined or false: #GP(0). */
  readMsr(cpu: number, index: number): bigint | undefined;
  writeMsr(cpu: number, index: number, value: bigint): boolean;
  /** TPR[7:4], which is CR8. */
  readTaskPriority(cpu: number): number;
  writeTaskPriority(cpu: number, value: number): void;
  readTsc(cpu: number): bigint;
  writeTsc(cpu: number, value: bigint): void;
  /** EAX EBX ECX EDX. */
  cpuid(cpu: number, leaf: number, subleaf: number): readonly [number, number, number, number];
  /** VMCALL and VMMCALL; undefined: #UD. */
  hypercall(cpu: number, number: bigint, args: readonly bigint[], cpl: number): bigint | undefined;
  /** The vector to deliver, or -1 if the request went away. */
  acknowledgeInterrupt(cpu: number): number;
  /** FERR#. */
  floatError(cpu: number): void;
  /** 64 bits for RDRAND and RDSEED. */
  random(): bigint;
}

type Members<T> = Readonly<Record<keyof T, true>>;

/** Every member of the cut, by interface; the types keep it complete. A test bounds its length. */
export const ENGINE_OPERATIONS: {
  readonly Engine: Members<Engine>;
  readonly Vm: Members<Vm>;
  readonly Vcpu: Members<Vcpu>;
  readonly VmOps: Members<VmOps>;
  readonly VmExit: Readonly<Record<VmExit['kind'], true>>;
} = {
  Engine: { name: true, probe: true, createVm: true },
  Vm: { memory: true, vcpus: true, windowsChanged: true, setA20: true },
  Vcpu: {
    reset: true,
    run: true,
    requestExit: true,
    setInterruptRequest: true,
    injectNmi: true,
    instructions: true,
    registers: true,
  },
  VmOps: {
    portRead: true,
    portWrite: true,
    isMmio: true,
    mmioRead: true,
    mmioWrite: true,
    readMsr: true,
    writeMsr: true,
    readTaskPriority: true,
    writeTaskPriority: true,
    readTsc: true,
    writeTsc: true,
    cpuid: true,
    hypercall: true,
    acknowledgeInterrupt: true,
    floatError: true,
    random: true,
  },
  VmExit: { interrupted: true, halt: true, shutdown: true, error: true },
};
