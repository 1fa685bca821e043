import type { GuestMemory } from '../../memory/guest-memory.ts';

/**
 * struct pvclock_vcpu_time_info (Linux Documentation/virt/kvm/x86/msr.rst, "MSR_KVM_SYSTEM_TIME_NEW"):
 * u32 version, u32 pad, u64 tsc_timestamp, u64 system_time, u32 tsc_to_system_mul, s8 tsc_shift, u8 flags, u8 pad[2]
 */
export interface TimeInfo {
  readonly tscTimestamp: bigint;
  readonly systemTimeNs: bigint;
}
export const TIME_INFO_BYTES = 32;

/** ns = ((ticks << 1) * 2^31) >> 32: the time-stamp counter counts nanoseconds. */
const TSC_TO_SYSTEM_MUL = 0x8000_0000;
const TSC_SHIFT = 1;
/** PVCLOCK_TSC_STABLE_BIT: all vCPUs count alike. */
const FLAG_TSC_STABLE = 1;

/** The version is odd while the fields change; readers retry. */
function withVersion(memory: GuestMemory, gpa: number, write: () => void): void {
  const version = memory.readU32(gpa);
  const odd = (version | 1) >>> 0;
  memory.writeU32(gpa, odd);
  write();
  memory.writeU32(gpa, (odd + 1) >>> 0);
}

export function writeTimeInfo(memory: GuestMemory, gpa: number, info: TimeInfo): void {
  withVersion(memory, gpa, () => {
    memory.writeU32(gpa + 4, 0);
    memory.writeU64(gpa + 8, info.tscTimestamp);
    memory.writeU64(gpa + 16, info.systemTimeNs);
    memory.writeU32(gpa + 24, TSC_TO_SYSTEM_MUL);
    memory.writeU32(gpa + 28, TSC_SHIFT | (FLAG_TSC_STABLE << 8));
  });
}

/** struct pvclock_wall_clock: u32 version, u32 sec, u32 nsec: the wall clock when system time was 0. */
export function writeWallClock(memory: GuestMemory, gpa: number, unixNs: bigint): void {
  withVersion(memory, gpa, () => {
    memory.writeU32(gpa + 4, Number((unixNs / 1_000_000_000n) & 0xffff_ffffn));
    memory.writeU32(gpa + 8, Number(unixNs % 1_000_000_000n));
  });
}
