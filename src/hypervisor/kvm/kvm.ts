import type { CpuidLeaf, Personality, PersonalityHost } from '../personality.ts';
import { writeTimeInfo, writeWallClock } from './pvclock.ts';

/** The KVM paravirtual interface (Linux Documentation/virt/kvm/x86: cpuid.rst, msr.rst, hypercalls.rst). */

const LEAF = { SIGNATURE: 0x4000_0000, FEATURES: 0x4000_0001 } as const;

/** KVM_FEATURE_* bits. */
const FEATURE = { CLOCKSOURCE: 0, NOP_IO_DELAY: 1, CLOCKSOURCE2: 3, CLOCKSOURCE_STABLE: 24 } as const;
const FEATURES =
  (1 << FEATURE.CLOCKSOURCE) |
  (1 << FEATURE.NOP_IO_DELAY) |
  (1 << FEATURE.CLOCKSOURCE2) |
  (1 << FEATURE.CLOCKSOURCE_STABLE);

/** "KVMKVMKVM\0\0\0" */
const LEAVES: Readonly<Record<number, CpuidLeaf>> = {
  [LEAF.SIGNATURE]: [LEAF.FEATURES, 0x4b4d_564b, 0x564b_4d56, 0x0000_004d],
  [LEAF.FEATURES]: [FEATURES, 0, 0, 0],
};

const MSR = {
  WALL_CLOCK_OLD: 0x11,
  SYSTEM_TIME_OLD: 0x12,
  WALL_CLOCK: 0x4b56_4d00,
  SYSTEM_TIME: 0x4b56_4d01,
  POLL_CONTROL: 0x4b56_4d05,
} as const;

const ENABLED = 1n;

/** Results of hypercalls. */
const KVM_EPERM = -1n;
const KVM_ENOSYS = -1000n;
const HYPERCALL_VAPIC_POLL_IRQ = 1n;

export function createKvmPersonality(host: PersonalityHost): Personality {
  return new KvmPersonality(host);
}

class KvmPersonality implements Personality {
  readonly name = 'kvm';
  readonly #host: PersonalityHost;
  #wallClock = 0n;
  /** By vCPU. */
  readonly #systemTime = new Map<number, bigint>();
  readonly #pollControl = new Map<number, bigint>();

  constructor(host: PersonalityHost) {
    this.#host = host;
  }

  readonly cpuidLeaf = (leaf: number): CpuidLeaf => LEAVES[leaf] ?? [0, 0, 0, 0];

  readMsr(vcpu: number, index: number): bigint | undefined {
    switch (index) {
      case MSR.WALL_CLOCK:
      case MSR.WALL_CLOCK_OLD:
        return this.#wallClock;
      case MSR.SYSTEM_TIME:
      case MSR.SYSTEM_TIME_OLD:
        return this.#systemTime.get(vcpu) ?? 0n;
      case MSR.POLL_CONTROL:
        return this.#pollControl.get(vcpu) ?? 1n;
      default:
        return undefined;
    }
  }

  writeMsr(vcpu: number, index: number, value: bigint): boolean | undefined {
    switch (index) {
      case MSR.WALL_CLOCK:
      case MSR.WALL_CLOCK_OLD:
        this.#wallClock = value;
        writeWallClock(this.#host.memory, Number(value), this.#host.bootUnixNs);
        return true;
      case MSR.SYSTEM_TIME:
      case MSR.SYSTEM_TIME_OLD:
        this.#systemTime.set(vcpu, value);
        this.#update(vcpu, value);
        return true;
      case MSR.POLL_CONTROL:
        if (value > 1n) return false;
        this.#pollControl.set(vcpu, value);
        return true;
      default:
        return undefined;
    }
  }

  /** [0] enable, above it the guest-physical address of the vCPU's time info. */
  #update(vcpu: number, value: bigint): void {
    if ((value & ENABLED) === 0n) return;
    writeTimeInfo(this.#host.memory, Number(value & ~ENABLED), {
      tscTimestamp: this.#host.readTsc(vcpu),
      systemTimeNs: BigInt(Math.floor(this.#host.nowNs())),
    });
  }

  hypercall(_vcpu: number, number: bigint, _args: readonly bigint[], cpl: number): bigint {
    if (cpl > 0) return KVM_EPERM;
    return number === HYPERCALL_VAPIC_POLL_IRQ ? 0n : KVM_ENOSYS;
  }

  refresh(): void {
    for (const [vcpu, value] of this.#systemTime) this.#update(vcpu, value);
  }

  reset(): void {
    this.#wallClock = 0n;
    this.#systemTime.clear();
    this.#pollControl.clear();
  }
}
