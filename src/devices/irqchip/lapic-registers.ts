import { type Register, registerMap } from '../../bus/register-map.ts';
import type { Lapic } from './lapic.ts';
import { ENTRY, ICR, LVT, SVR } from './lapic-state.ts';
import type { VectorSet } from './vector-set.ts';

/** [23:16] highest LVT entry  [7:0] version of an integrated APIC */
export const LAPIC_VERSION = (LVT.ERROR << 16) | 0x14;
/** [24] the EOI broadcast can be suppressed */
export const VERSION_DIRECTED_EOI = 1 << 24;

const LINT_WRITABLE = ENTRY.VECTOR | ENTRY.DELIVERY | ENTRY.POLARITY | ENTRY.LEVEL | ENTRY.MASKED;
/** What software can change in each LVT entry. */
export const LVT_WRITABLE: readonly number[] = [
  ENTRY.VECTOR | ENTRY.MASKED | ENTRY.TIMER_PERIODIC | ENTRY.TSC_DEADLINE,
  ENTRY.VECTOR | ENTRY.DELIVERY | ENTRY.MASKED,
  ENTRY.VECTOR | ENTRY.DELIVERY | ENTRY.MASKED,
  LINT_WRITABLE,
  LINT_WRITABLE,
  ENTRY.VECTOR | ENTRY.MASKED,
];

/** ISR, TMR and IRR are eight registers each, 16 bytes apart. */
const vectorRegisters = (name: string, offset: number, set: (d: Lapic) => VectorSet): [string, Register<Lapic>][] =>
  Array.from({ length: 8 }, (_, word) => [
    `${name}${word}`,
    { offset: offset + 16 * word, bytes: 4, reset: 0, read: (d) => set(d)[word] ?? 0 },
  ]);

/** An LVT entry keeps its mask while the APIC is software-disabled, so what is written does not all come back. */
const lvt = (offset: number, index: number): Register<Lapic> => ({
  offset,
  bytes: 4,
  volatile: true,
  writable: LVT_WRITABLE[index] ?? 0,
  reset: ENTRY.MASKED,
  read: (d) => d.state.lvt[index] ?? 0,
  write: (d, v) => d.writeLvt(index, v),
});

/** SDM Vol. 3A Table 11-1 "Local APIC Register Address Map". */
export const LAPIC_REGISTERS = registerMap<Lapic>({ unknownByte: 0, onUnknown: (d) => d.illegalRegister() })({
  ID: { offset: 0x020, bytes: 4, writable: 0xff00_0000, read: (d) => d.readId(), write: (d, v) => d.writeId(v) },
  VERSION: { offset: 0x030, bytes: 4, read: (d) => d.version() },
  TPR: { offset: 0x080, bytes: 4, writable: 0xff, reset: 0, read: (d) => d.state.tpr, write: (d, v) => d.writeTpr(v) },
  APR: { offset: 0x090, bytes: 4, reset: 0, read: () => 0 },
  PPR: { offset: 0x0a0, bytes: 4, reset: 0, read: (d) => d.processorPriority() },
  EOI: { offset: 0x0b0, bytes: 4, write: (d) => d.endOfInterrupt() },
  RRD: { offset: 0x0c0, bytes: 4, reset: 0, read: () => 0 },
  LDR: {
    offset: 0x0d0,
    bytes: 4,
    writable: 0xff00_0000,
    reset: 0,
    read: (d) => d.logicalId(),
    write: (d, v) => void (d.state.ldr = v),
  },
  DFR: {
    offset: 0x0e0,
    bytes: 4,
    volatile: true,
    reset: 0xffff_ffff,
    read: (d) => d.state.dfr,
    write: (d, v) => void (d.state.dfr = (v | 0x0fff_ffff) >>> 0),
  },
  SVR: {
    offset: 0x0f0,
    bytes: 4,
    volatile: true,
    writable: SVR.VECTOR | SVR.ENABLE | SVR.FOCUS | SVR.NO_EOI_BROADCAST,
    reset: 0xff,
    read: (d) => d.state.svr,
    write: (d, v) => d.writeSvr(v),
  },
  ESR: { offset: 0x280, bytes: 4, volatile: true, reset: 0, read: (d) => d.state.esr, write: (d) => d.latchErrors() },
  ICR_LOW: {
    offset: 0x300,
    bytes: 4,
    volatile: true,
    writable: ICR.WRITABLE,
    reset: 0,
    read: (d) => d.state.icrLow,
    write: (d, v) => d.writeIcr(v),
  },
  ICR_HIGH: {
    offset: 0x310,
    bytes: 4,
    writable: 0xff00_0000,
    reset: 0,
    read: (d) => d.state.icrHigh,
    write: (d, v) => void (d.state.icrHigh = v),
  },
  LVT_TIMER: lvt(0x320, LVT.TIMER),
  LVT_THERMAL: lvt(0x330, LVT.THERMAL),
  LVT_PERFORMANCE: lvt(0x340, LVT.PERFORMANCE),
  LVT_LINT0: lvt(0x350, LVT.LINT0),
  LVT_LINT1: lvt(0x360, LVT.LINT1),
  LVT_ERROR: lvt(0x370, LVT.ERROR),
  INITIAL_COUNT: {
    offset: 0x380,
    bytes: 4,
    reset: 0,
    read: (d) => d.timer.state.initialCount,
    write: (d, v) => d.timer.writeInitialCount(v),
  },
  CURRENT_COUNT: { offset: 0x390, bytes: 4, reset: 0, read: (d) => d.timer.currentCount() },
  DIVIDE: {
    offset: 0x3e0,
    bytes: 4,
    writable: 0x0b,
    reset: 0,
    read: (d) => d.timer.state.divide,
    write: (d, v) => d.timer.writeDivide(v),
  },
  ...Object.fromEntries([
    ...vectorRegisters('ISR', 0x100, (d) => d.state.isr),
    ...vectorRegisters('TMR', 0x180, (d) => d.state.tmr),
    ...vectorRegisters('IRR', 0x200, (d) => d.state.irr),
  ]),
});
