import { newVectorSet, type VectorSet } from './vector-set.ts';

export const APIC_DEFAULT_GPA = 0xfee0_0000;
export const APIC_WINDOW_BYTES = 0x1000;

/** LVT entries in the order of their registers from 0x320. */
export const LVT = { TIMER: 0, THERMAL: 1, PERFORMANCE: 2, LINT0: 3, LINT1: 4, ERROR: 5 } as const;
export const LVT_COUNT = 6;

/** Fields of an LVT entry: SDM Vol. 3A Figure 11-8 "Local Vector Table (LVT)". */
export const ENTRY = {
  VECTOR: 0xff,
  DELIVERY_SHIFT: 8,
  DELIVERY: 7 << 8,
  POLARITY: 1 << 13,
  REMOTE_IRR: 1 << 14,
  LEVEL: 1 << 15,
  MASKED: 1 << 16,
  TIMER_MODE_SHIFT: 17,
  TIMER_PERIODIC: 1 << 17,
  TSC_DEADLINE: 1 << 18,
  /** Delivery status and remote IRR: read-only, so not reserved. */
  READ_ONLY: (1 << 12) | (1 << 14),
} as const;

export const SVR = { VECTOR: 0xff, ENABLE: 1 << 8, FOCUS: 1 << 9, NO_EOI_BROADCAST: 1 << 12, RESET: 0xff } as const;

/** SDM Vol. 3A Figure 11-9 "Error Status Register (ESR)". */
export const ESR = { SEND_ILLEGAL: 1 << 5, RECEIVE_ILLEGAL: 1 << 6, ILLEGAL_REGISTER: 1 << 7 } as const;

/** // [31:20] reserved  [19:18] shorthand  [15] trigger  [14] level  [12] busy  [11] logical  [10:8] mode  [7:0] vector */
export const ICR = {
  VECTOR: 0xff,
  DELIVERY_SHIFT: 8,
  LOGICAL: 1 << 11,
  ASSERT: 1 << 14,
  LEVEL: 1 << 15,
  SHORTHAND_SHIFT: 18,
  /** Without the busy bit: a message is sent at once. */
  WRITABLE: 0x000c_cfff,
  RESERVED: 0xfff3_2000,
} as const;

/** IA32_APIC_BASE: SDM Vol. 3A Figure 11-5. */
export const APIC_BASE = { BSP: 1 << 8, EXTD: 1 << 10, ENABLE: 1 << 11, RESERVED: 0x2ffn } as const;

export const DFR_FLAT = 0xffff_ffff;

/** Snapshot of a local APIC; its timer keeps its own. */
export interface LapicState {
  /** The window's gpa and the two mode bits of IA32_APIC_BASE. */
  gpa: number;
  bootstrap: boolean;
  enabled: boolean;
  extended: boolean;
  /** The xAPIC's ID, which software may change. */
  id: number;
  tpr: number;
  ldr: number;
  dfr: number;
  svr: number;
  /** What the guest reads, and what gathers until it writes the register. */
  esr: number;
  errors: number;
  icrLow: number;
  icrHigh: number;
  lvt: number[];
  irr: VectorSet;
  isr: VectorSet;
  tmr: VectorSet;
  /** An ExtINT message waits for its INTA cycle. */
  extInt: boolean;
  /** Levels on LINT0 and LINT1. */
  lint: [boolean, boolean];
}

type Volatile = Omit<LapicState, 'gpa' | 'bootstrap' | 'enabled' | 'extended' | 'lint'>;

/** SDM Vol. 3A §11.4.7.1 "Local APIC State After Power-Up or Reset". */
export const resetRegisters = (id: number): Volatile => ({
  id: id & 0xff,
  tpr: 0,
  ldr: 0,
  dfr: DFR_FLAT,
  svr: SVR.RESET,
  esr: 0,
  errors: 0,
  icrLow: 0,
  icrHigh: 0,
  lvt: new Array<number>(LVT_COUNT).fill(ENTRY.MASKED),
  irr: newVectorSet(),
  isr: newVectorSet(),
  tmr: newVectorSet(),
  extInt: false,
});
