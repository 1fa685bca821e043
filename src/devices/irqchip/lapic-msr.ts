import type { Lapic } from './lapic.ts';
import { LAPIC_REGISTERS, LVT_WRITABLE } from './lapic-registers.ts';
import { APIC_BASE, ENTRY, ICR, LVT, SVR } from './lapic-state.ts';
import { TIMER_MODE } from './lapic-timer.ts';

export const MSR_APIC_BASE = 0x1b;
export const MSR_TSC_DEADLINE = 0x6e0;
const X2APIC_FIRST = 0x800;
const X2APIC_LAST = 0x8ff;

/** MSRs that the local APIC answers, present or not. */
export const isLapicMsr = (index: number) =>
  index === MSR_APIC_BASE || index === MSR_TSC_DEADLINE || (index >= X2APIC_FIRST && index <= X2APIC_LAST);

interface X2apicRegister {
  readonly read?: true;
  /** Bits that may be set in a WRMSR; any other raises #GP. Absent: read-only. */
  readonly allowed?: number;
}

const R: X2apicRegister = { read: true };
const lvtRegister = (index: number): X2apicRegister => ({
  read: true,
  allowed: (LVT_WRITABLE[index] ?? 0) | ENTRY.READ_ONLY,
});
const registers = (offset: number, count: number): [number, X2apicRegister][] =>
  Array.from({ length: count }, (_, i) => [offset + 16 * i, R]);

const ID = 0x020;
const EOI = 0x0b0;
const SVR_OFFSET = 0x0f0;
const ICR_OFFSET = 0x300;
const LVT_TIMER = 0x320;
const SELF_IPI = 0x3f0;

/** By offset in the xAPIC's window: SDM Vol. 3A Table 11-6 "Local APIC Register Address Map Supported by x2APIC". */
const X2APIC_REGISTERS: ReadonlyMap<number, X2apicRegister> = new Map<number, X2apicRegister>([
  [ID, R],
  [0x030, R],
  [0x080, { read: true, allowed: 0xff }],
  [0x0a0, R],
  [EOI, { allowed: 0 }],
  [0x0d0, R],
  [SVR_OFFSET, { read: true, allowed: SVR.VECTOR | SVR.ENABLE | SVR.FOCUS }],
  ...registers(0x100, 8),
  ...registers(0x180, 8),
  ...registers(0x200, 8),
  [0x280, { read: true, allowed: 0 }],
  [ICR_OFFSET, { read: true, allowed: ~ICR.RESERVED }],
  [LVT_TIMER, lvtRegister(LVT.TIMER)],
  [0x330, lvtRegister(LVT.THERMAL)],
  [0x340, lvtRegister(LVT.PERFORMANCE)],
  [0x350, lvtRegister(LVT.LINT0)],
  [0x360, lvtRegister(LVT.LINT1)],
  [0x370, lvtRegister(LVT.ERROR)],
  [0x380, { read: true, allowed: 0xffff_ffff }],
  [0x390, R],
  [0x3e0, { read: true, allowed: 0x0b }],
  [SELF_IPI, { allowed: 0xff }],
]);

/** RDMSR; undefined raises #GP. */
export function readLapicMsr(lapic: Lapic, index: number): bigint | undefined {
  if (index === MSR_APIC_BASE) return readApicBase(lapic);
  if (index === MSR_TSC_DEADLINE) {
    if (lapic.options.tscDeadline === false) return undefined;
    lapic.timer.catchUp();
    return lapic.timer.state.mode === TIMER_MODE.TSC_DEADLINE ? lapic.timer.state.tscDeadline : 0n;
  }
  const offset = (index - X2APIC_FIRST) << 4;
  if (!lapic.isX2apic() || X2APIC_REGISTERS.get(offset)?.read !== true) return undefined;
  const low = LAPIC_REGISTERS.find(lapic, offset, 'read')?.read?.(lapic) ?? 0;
  const high = offset === ICR_OFFSET ? lapic.state.icrHigh : 0;
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** WRMSR; false raises #GP. */
export function writeLapicMsr(lapic: Lapic, index: number, value: bigint): boolean {
  if (index === MSR_APIC_BASE) return writeApicBase(lapic, value);
  if (index === MSR_TSC_DEADLINE) {
    if (lapic.options.tscDeadline === false) return false;
    lapic.timer.writeTscDeadline(value);
    return true;
  }
  return lapic.isX2apic() && writeX2apic(lapic, (index - X2APIC_FIRST) << 4, value);
}

function readApicBase(lapic: Lapic): bigint {
  const { gpa, bootstrap, enabled, extended } = lapic.state;
  const flags = (bootstrap ? APIC_BASE.BSP : 0) | (extended ? APIC_BASE.EXTD : 0) | (enabled ? APIC_BASE.ENABLE : 0);
  return BigInt(gpa) | BigInt(flags);
}

/** Legal transitions are those of SDM Vol. 3A Figure 11-27 "Local x2APIC State Transitions". */
function writeApicBase(lapic: Lapic, value: bigint): boolean {
  const { options, state } = lapic;
  if (value >> BigInt(options.maxPhysicalAddressBits ?? 36) !== 0n || (value & APIC_BASE.RESERVED) !== 0n) return false;
  const flags = Number(value & 0xfffn);
  const enabled = (flags & APIC_BASE.ENABLE) !== 0;
  const extended = (flags & APIC_BASE.EXTD) !== 0;
  if (extended && (!enabled || options.x2apic === false)) return false;
  // From x2APIC mode only off, and to it only from xAPIC mode.
  if (lapic.isX2apic() && enabled && !extended) return false;
  if (!state.enabled && extended) return false;
  lapic.changeBase({ gpa: Number(value & ~0xfffn), bootstrap: (flags & APIC_BASE.BSP) !== 0, enabled, extended });
  return true;
}

/** SDM Vol. 3A §11.12.1.3 "Reserved Bit Checking": of 64 bits only the ICR has a high half. */
function writeX2apic(lapic: Lapic, offset: number, value: bigint): boolean {
  const allowed = allowedBits(lapic, offset);
  if (allowed === undefined) return false;
  const low = Number(value & 0xffff_ffffn);
  const high = Number((value >> 32n) & 0xffff_ffffn);
  if ((low & ~allowed) !== 0 || (high !== 0 && offset !== ICR_OFFSET)) return false;
  if (offset === SELF_IPI) {
    lapic.selfIpi(low);
    return true;
  }
  if (offset === ICR_OFFSET) lapic.state.icrHigh = high;
  const register = LAPIC_REGISTERS.find(lapic, offset, 'write');
  register?.write?.(lapic, (low & (register.writable ?? low)) >>> 0);
  return true;
}

function allowedBits(lapic: Lapic, offset: number): number | undefined {
  const allowed = X2APIC_REGISTERS.get(offset)?.allowed;
  if (allowed === undefined) return undefined;
  if (offset === SVR_OFFSET && lapic.options.directedEoi === true) return allowed | SVR.NO_EOI_BROADCAST;
  if (offset === LVT_TIMER && lapic.options.tscDeadline === false) return allowed & ~ENTRY.TSC_DEADLINE;
  return allowed;
}
