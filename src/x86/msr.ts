import { writeEfer } from './control-registers.ts';
import { highHalf, lowHalf } from './halves.ts';
import { isCanonicalHigh } from './linear.ts';
import type { Feature } from './opcodes/row.ts';
import type { Processor } from './processor.ts';
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from './state.ts';

/**
 * Model-specific registers (SDM Vol. 4 ch. 2), those of the CPU itself. What is not here is asked of the platform
 * (APIC, kvmclock, …); what it does not know either is #GP(0). Values travel as 32-bit halves: WRMSR is a hot path.
 */
interface Msr {
  /** #GP(0) on CPUs without it. */
  readonly feature?: Feature;
  /** A register that is only stored, at this byte offset of the state. */
  readonly offset?: number;
  /** Bits that may be set by WRMSR to a stored register; others are #GP(0). Signed 32-bit halves. */
  readonly writableLow?: number;
  readonly writableHigh?: number;
  /** #GP(0) unless the value is a canonical address. */
  readonly canonical?: true;
  /** Not stored: reads as this. */
  readonly value?: readonly [low: number, high: number];
  /** Writes of registers that are not stored: dropped, or checked and done by a function. Absent: #GP(0). */
  readonly write?: 'ignore' | ((cpu: Processor, low: number, high: number) => boolean);
  readonly read?: (cpu: Processor) => bigint;
}

const MSR = {
  TSC: 0x10,
  PLATFORM_ID: 0x17,
  EBL_CR_POWERON: 0x2a,
  FEATURE_CONTROL: 0x3a,
  TSC_ADJUST: 0x3b,
  SPEC_CTRL: 0x48,
  PRED_CMD: 0x49,
  UCODE_WRITE: 0x79,
  BIOS_SIGN_ID: 0x8b,
  PLATFORM_INFO: 0xce,
  CORE_CAPABILITIES: 0xcf,
  PKG_CST_CONFIG: 0xe2,
  MTRRCAP: 0xfe,
  ARCH_CAPABILITIES: 0x10a,
  BBL_CR_CTL3: 0x11e,
  MISC_FEATURES_ENABLES: 0x140,
  SYSENTER_CS: 0x174,
  SYSENTER_ESP: 0x175,
  SYSENTER_EIP: 0x176,
  MCG_CAP: 0x179,
  MCG_STATUS: 0x17a,
  MCG_CTL: 0x17b,
  PERF_STATUS: 0x198,
  PERF_CTL: 0x199,
  MISC_ENABLE: 0x1a0,
  DEBUGCTL: 0x1d9,
  LAST_BRANCH_FROM: 0x1db,
  MTRR_PHYSBASE0: 0x200,
  MTRR_FIX64K: 0x250,
  MTRR_FIX16K: 0x258,
  MTRR_FIX4K: 0x268,
  PAT: 0x277,
  MTRR_DEF_TYPE: 0x2ff,
  MC0_CTL: 0x400,
  XSS: 0xda0,
  EFER: 0xc000_0080,
  STAR: 0xc000_0081,
  LSTAR: 0xc000_0082,
  CSTAR: 0xc000_0083,
  FMASK: 0xc000_0084,
  FS_BASE: 0xc000_0100,
  GS_BASE: 0xc000_0101,
  KERNEL_GS_BASE: 0xc000_0102,
  TSC_AUX: 0xc000_0103,
} as const;

/** Variable-range MTRR pairs, and machine-check banks of four registers. */
const MTRR_PAIRS = 8;
const MC_BANKS = 4;

/** Slots of STATE.storedMsrs. */
const slot = (n: number): number => STATE.storedMsrs + n * 8;
const SLOT = {
  SPEC_CTRL: slot(0),
  TSC_ADJUST: slot(1),
  MISC_ENABLE: slot(2),
  MCG_STATUS: slot(3),
  MCG_CTL: slot(4),
  DEBUGCTL: slot(5),
  MTRR_DEF_TYPE: slot(6),
  PERF_CTL: slot(7),
  MTRR_FIXED: slot(8),
  MTRR_VARIABLE: slot(32),
  MC: slot(64),
} as const;

/** Fast strings, MONITOR; branch trace and PEBS unavailable. */
const MISC_ENABLE_RESET = (1 << 0) | (1 << 11) | (1 << 12) | (1 << 18);
/** [7:0] variable pairs  [8] fixed ranges  [10] write-combining */
const MTRRCAP = MTRR_PAIRS | (1 << 8) | (1 << 10);
/** [7:0] banks  [8] MCG_CTL present */
const MCG_CAP = MC_BANKS | (1 << 8);

/**
 * IA32_ARCH_CAPABILITIES: the software CPU does not speculate, so it has none of these faults.
 * [0] RDCL_NO [1] IBRS_ALL [2] RSBA clear [3] SKIP_L1DFL_VMENTRY [4] SSB_NO [5] MDS_NO [6] IF_PSCHANGE_MC_NO [8] TAA_NO
 * [13] SBDR_SSDP_NO [14] FBSDP_NO [15] PSDP_NO [20] BHI_NO [24] PBRSB_NO [26] GDS_NO [27] RFDS_NO; [62] ITS_NO
 */
const ARCH_CAPABILITIES_LOW =
  (1 << 0) |
  (1 << 1) |
  (1 << 3) |
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 8) |
  (1 << 13) |
  (1 << 14) |
  (1 << 15) |
  (1 << 20) |
  (1 << 24) |
  (1 << 26) |
  (1 << 27);
const ARCH_CAPABILITIES_HIGH = 1 << 30;

const segmentBase = (segment: number): number => STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base;

/** Memory types: UC, WC, WT, WP, WB, and in the PAT UC-. */
const isPatType = (type: number): boolean => type <= 7 && type !== 2 && type !== 3;
const eachByte = (low: number, high: number, holds: (byte: number) => boolean): boolean =>
  [0, 8, 16, 24].every((shift) => holds((low >>> shift) & 0xff) && holds((high >>> shift) & 0xff));
const isMtrrType = (type: number): boolean => type <= 6 && type !== 2 && type !== 3;

function store(offset: number, cpu: Processor, low: number, high: number): boolean {
  cpu.words[offset >> 2] = low;
  cpu.words[(offset >> 2) + 1] = high;
  return true;
}

const fixedMtrr = (n: number): Msr => {
  const offset = SLOT.MTRR_FIXED + n * 8;
  return {
    offset,
    write: (cpu, low, high) => eachByte(low, high, isMtrrType) && store(offset, cpu, low, high),
  };
};

/**
 * MCi_CTL takes all ones or 0, MCi_STATUS only 0, MCi_ADDR and MCi_MISC any value (SDM Vol. 3B §16.3.2
 * "Error-Reporting Register Banks").
 */
const machineCheckBank = (n: number): [number, Msr][] =>
  Array.from({ length: 4 }, (_, register): [number, Msr] => {
    const index = MSR.MC0_CTL + n * 4 + register;
    const offset = SLOT.MC + (n * 4 + register) * 8;
    if (register >= 2) return [index, { offset }];
    const control = register === 0;
    const write: Msr['write'] = (cpu, low, high) => {
      const zero = low === 0 && high === 0;
      return (zero || (control && low === -1 && high === -1)) && store(offset, cpu, low, high);
    };
    return [index, { offset, write }];
  });

const range = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
const toBigInt = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

function writeTsc(cpu: Processor, value: bigint): true {
  const difference = value - cpu.platform.readTsc();
  cpu.platform.writeTsc(BigInt.asUintN(64, value));
  cpu.setU64(SLOT.TSC_ADJUST, BigInt.asUintN(64, cpu.u64(SLOT.TSC_ADJUST) + difference));
  return true;
}

const ENTRIES: readonly (readonly [number, Msr])[] = [
  [MSR.TSC, { read: (cpu) => cpu.platform.readTsc(), write: (cpu, low, high) => writeTsc(cpu, toBigInt(low, high)) }],
  [
    MSR.TSC_ADJUST,
    {
      feature: 'tsc_adjust',
      offset: SLOT.TSC_ADJUST,
      write: (cpu, low, high) => {
        const difference = toBigInt(low, high) - cpu.u64(SLOT.TSC_ADJUST);
        cpu.platform.writeTsc(BigInt.asUintN(64, cpu.platform.readTsc() + difference));
        return store(SLOT.TSC_ADJUST, cpu, low, high);
      },
    },
  ],
  [MSR.PLATFORM_ID, { value: [0, 0] }],
  [MSR.EBL_CR_POWERON, { value: [0, 0], write: 'ignore' }],
  // Locked, without VMX and SGX.
  [MSR.FEATURE_CONTROL, { value: [1, 0] }],
  [MSR.SPEC_CTRL, { offset: SLOT.SPEC_CTRL, writableLow: 0x7, writableHigh: 0 }],
  [MSR.PRED_CMD, { write: (_cpu, low, high) => (low & ~1) === 0 && high === 0 }],
  [MSR.UCODE_WRITE, { write: 'ignore' }],
  // The microcode revision is in the upper half; software writes 0 before CPUID leaf 1.
  [MSR.BIOS_SIGN_ID, { value: [0, 1], write: 'ignore' }],
  // [15:8] maximum non-turbo ratio, of 100 MHz.
  [MSR.PLATFORM_INFO, { value: [10 << 8, 0] }],
  [MSR.CORE_CAPABILITIES, { value: [0, 0] }],
  [MSR.PKG_CST_CONFIG, { value: [0, 0], write: 'ignore' }],
  [MSR.MTRRCAP, { value: [MTRRCAP, 0] }],
  [MSR.ARCH_CAPABILITIES, { value: [ARCH_CAPABILITIES_LOW, ARCH_CAPABILITIES_HIGH] }],
  [MSR.BBL_CR_CTL3, { value: [0, 0], write: 'ignore' }],
  [MSR.MISC_FEATURES_ENABLES, { value: [0, 0], write: (_cpu, low, high) => low === 0 && high === 0 }],
  [MSR.SYSENTER_CS, { offset: STATE.sysenterCs }],
  [MSR.SYSENTER_ESP, { offset: STATE.sysenterEsp, canonical: true }],
  [MSR.SYSENTER_EIP, { offset: STATE.sysenterEip, canonical: true }],
  [MSR.MCG_CAP, { value: [MCG_CAP, 0] }],
  [MSR.MCG_STATUS, { offset: SLOT.MCG_STATUS, writableLow: 0xf, writableHigh: 0 }],
  [
    MSR.MCG_CTL,
    {
      offset: SLOT.MCG_CTL,
      write: (cpu, low, high) => low === high && (low === 0 || low === -1) && store(SLOT.MCG_CTL, cpu, low, high),
    },
  ],
  [MSR.PERF_STATUS, { value: [10 << 8, 0] }],
  [MSR.PERF_CTL, { offset: SLOT.PERF_CTL }],
  [MSR.MISC_ENABLE, { offset: SLOT.MISC_ENABLE }],
  // [0] LBR [1] BTF: kept, and without effect.
  [MSR.DEBUGCTL, { offset: SLOT.DEBUGCTL, writableLow: 0x3, writableHigh: 0 }],
  ...range(4, (n): [number, Msr] => [MSR.LAST_BRANCH_FROM + n, { value: [0, 0] }]),
  ...range(MTRR_PAIRS, (n): [number, Msr] => [
    MSR.MTRR_PHYSBASE0 + n * 2,
    { offset: SLOT.MTRR_VARIABLE + n * 16, writableLow: 0xffff_f0ff | 0, writableHigh: 0xff },
  ]),
  ...range(MTRR_PAIRS, (n): [number, Msr] => [
    MSR.MTRR_PHYSBASE0 + n * 2 + 1,
    { offset: SLOT.MTRR_VARIABLE + n * 16 + 8, writableLow: 0xffff_f800 | 0, writableHigh: 0xff },
  ]),
  [MSR.MTRR_FIX64K, fixedMtrr(0)],
  ...range(2, (n): [number, Msr] => [MSR.MTRR_FIX16K + n, fixedMtrr(1 + n)]),
  ...range(8, (n): [number, Msr] => [MSR.MTRR_FIX4K + n, fixedMtrr(3 + n)]),
  [
    MSR.PAT,
    {
      offset: STATE.pat,
      write: (cpu, low, high) => eachByte(low, high, isPatType) && store(STATE.pat, cpu, low, high),
    },
  ],
  [MSR.MTRR_DEF_TYPE, { offset: SLOT.MTRR_DEF_TYPE, writableLow: 0xcff, writableHigh: 0 }],
  ...range(MC_BANKS, machineCheckBank).flat(),
  [
    MSR.XSS,
    {
      feature: 'xsaves',
      offset: STATE.xss,
      write: (cpu, low, high) => high === 0 && (low & ~cpu.traits.xssMask) === 0 && store(STATE.xss, cpu, low, high),
    },
  ],
  [MSR.EFER, { offset: STATE.efer, write: writeEfer }],
  [MSR.STAR, { feature: 'syscall', offset: STATE.star }],
  [MSR.LSTAR, { feature: 'lm', offset: STATE.lstar, canonical: true }],
  [MSR.CSTAR, { feature: 'lm', offset: STATE.cstar, canonical: true }],
  [MSR.FMASK, { feature: 'lm', offset: STATE.sfmask, writableLow: -1, writableHigh: 0 }],
  [MSR.FS_BASE, { feature: 'lm', offset: segmentBase(SEG.FS), canonical: true }],
  [MSR.GS_BASE, { feature: 'lm', offset: segmentBase(SEG.GS), canonical: true }],
  [MSR.KERNEL_GS_BASE, { feature: 'lm', offset: STATE.kernelGsBase, canonical: true }],
  [MSR.TSC_AUX, { feature: 'rdtscp', offset: STATE.tscAux, writableLow: -1, writableHigh: 0 }],
];

const TABLE: ReadonlyMap<number, Msr> = new Map(ENTRIES);

/** Values at reset that are not zero. */
export function resetMsrs(cpu: Processor): void {
  cpu.setU64(SLOT.MISC_ENABLE, BigInt(MISC_ENABLE_RESET));
  cpu.setU64(STATE.pat, 0x0007_0406_0007_0406n);
}

/** Reads into cpu.low/high; false: #GP(0). */
export function readMsr(cpu: Processor, index: number): boolean {
  const msr = TABLE.get(index);
  if (msr?.feature !== undefined && !cpu.traits.features.has(msr.feature)) return false;
  if (msr?.offset !== undefined) {
    cpu.low = cpu.words[msr.offset >> 2] as number;
    cpu.high = cpu.words[(msr.offset >> 2) + 1] as number;
    return true;
  }
  if (msr?.value !== undefined) {
    [cpu.low, cpu.high] = msr.value;
    return true;
  }
  const value = msr === undefined ? cpu.platform.readMsr(index) : msr.read?.(cpu);
  if (value === undefined) return false;
  cpu.low = lowHalf(value);
  cpu.high = highHalf(value);
  return true;
}

/** False: #GP(0). */
export function writeMsr(cpu: Processor, index: number, low: number, high: number): boolean {
  const msr = TABLE.get(index);
  if (msr === undefined) return cpu.platform.writeMsr(index, toBigInt(low, high));
  if (msr.feature !== undefined && !cpu.traits.features.has(msr.feature)) return false;
  if (msr.write === 'ignore') return true;
  if (msr.write !== undefined) return msr.write(cpu, low, high);
  if (msr.offset === undefined) return false;
  if (msr.canonical === true && !isCanonicalHigh(high)) return false;
  if ((low & ~(msr.writableLow ?? -1)) !== 0 || (high & ~(msr.writableHigh ?? -1)) !== 0) return false;
  return store(msr.offset, cpu, low, high);
}
