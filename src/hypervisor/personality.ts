import type { GuestMemory } from '../memory/guest-memory.ts';

/** EAX, EBX, ECX, EDX. */
export type CpuidLeaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

/** What a personality needs of the machine. */
export interface PersonalityHost {
  readonly memory: GuestMemory;
  /** Nanoseconds of guest time since the machine started. */
  nowNs(): number;
  /** Wall-clock time when guest time was 0, in nanoseconds since 1970-01-01 UTC. */
  readonly bootUnixNs: bigint;
  /** The vCPU's time-stamp counter. */
  readTsc(vcpu: number): bigint;
}

/** What the guest sees of its hypervisor: CPUID leaves from 40000000H on, MSRs and hypercalls. */
export interface Personality {
  readonly name: string;
  /** undefined: bare hardware, without CPUID.1:ECX[31]. */
  readonly cpuidLeaf: ((leaf: number) => CpuidLeaf) | undefined;
  /** undefined: not an MSR of this personality. */
  readMsr(vcpu: number, index: number): bigint | undefined;
  /** undefined: not an MSR of this personality; false: #GP(0). */
  writeMsr(vcpu: number, index: number, value: bigint): boolean | undefined;
  /** undefined: #UD. */
  hypercall(vcpu: number, number: bigint, args: readonly bigint[], cpl: number): bigint | undefined;
  /** Rewrites what lies in guest memory: after a snapshot was restored, or the clock was stopped. */
  refresh(): void;
  /** The machine was reset. */
  reset(): void;
}
