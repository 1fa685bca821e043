import type { Feature } from '../opcodes/row.ts';
import { CR4, EFER } from '../state.ts';
import { areaBytes, EXTENDED_COMPONENTS, XSTATE } from '../xsave.ts';
import { type CpuidFeature, featureLeaf, type Leaf } from './bits.ts';
import { CPU_MODEL_FEATURES, type CpuModelName } from './models.ts';
import { type CpuTraits, PHYSICAL_ADDRESS_BITS } from './traits.ts';

/** What CPUID answers, before the bits that depend on a CPU's state (dynamic.ts). */

const BASIC_MAX = 0x16;
const HYPERVISOR_BASE = 0x4000_0000;
const EXTENDED_BASE = 0x8000_0000;
const EXTENDED_MAX = 0x8000_0008;

/** Family 6, model 60H, stepping 1: a number that no processor has (docs/adr on the vendor). */
const SIGNATURE = (6 << 8) | (6 << 16) | 1;
const VENDOR = 'GenuineIntel';
const BRAND = 'Paravane software CPU';

/** The time-stamp counter, and the crystal clock that also drives the local APIC's timer. */
export const TSC_HZ = 1_000_000_000;
export const CRYSTAL_HZ = 1_000_000_000;
const BASE_MHZ = 1000;
const BUS_MHZ = 100;

export interface CpuidOptions {
  readonly model: CpuModelName;
  readonly cpuCount: number;
  /** Leaves 40000000H and up of a personality; undefined for bare hardware. */
  readonly hypervisorLeaf?: ((leaf: number) => Leaf) | undefined;
}

export interface Cpuid {
  readonly traits: CpuTraits;
  leaf(leaf: number, subleaf: number): Leaf;
}

const NOTHING: Leaf = [0, 0, 0, 0];

export function createCpuid(options: CpuidOptions): Cpuid {
  const features = new Set<CpuidFeature>(CPU_MODEL_FEATURES[options.model]);
  if (options.hypervisorLeaf !== undefined) features.add('hypervisor');
  if (options.cpuCount > 1) features.add('ht');
  const traits = traitsOf(features);
  const model: Model = { features, traits, cpuCount: options.cpuCount };
  const { hypervisorLeaf } = options;
  return {
    traits,
    leaf(leaf, subleaf) {
      if (leaf >= HYPERVISOR_BASE && leaf < HYPERVISOR_BASE + 0x1000_0000 && hypervisorLeaf !== undefined) {
        return hypervisorLeaf(leaf);
      }
      if (leaf >= EXTENDED_BASE && leaf <= EXTENDED_MAX) return extendedLeaf(model, leaf);
      // Beyond the ranges, Intel's processors answer as for the highest basic leaf.
      return basicLeaf(model, Math.min(leaf, BASIC_MAX), subleaf);
    },
  };
}

interface Model {
  readonly features: ReadonlySet<CpuidFeature>;
  readonly traits: CpuTraits;
  readonly cpuCount: number;
}

/** CR4 bits of all models, and those that need a feature. */
const CR4_COMMON =
  CR4.VME | CR4.PVI | CR4.TSD | CR4.DE | CR4.PSE | CR4.PAE | CR4.MCE | CR4.PGE | CR4.PCE | CR4.OSFXSR | CR4.OSXMMEXCPT;
const CR4_BY_FEATURE: readonly (readonly [CpuidFeature, number])[] = [
  ['umip', CR4.UMIP],
  ['fsgsbase', CR4.FSGSBASE],
  ['pcid', CR4.PCIDE],
  ['xsave', CR4.OSXSAVE],
  ['smep', CR4.SMEP],
  ['smap', CR4.SMAP],
  ['pku', CR4.PKE],
];
const EFER_BY_FEATURE: readonly (readonly [CpuidFeature, number])[] = [
  ['syscall', EFER.SCE],
  ['lm', EFER.LME],
  ['nx', EFER.NXE],
];

function traitsOf(features: ReadonlySet<CpuidFeature>): CpuTraits {
  const mask = (table: readonly (readonly [CpuidFeature, number])[]): number =>
    table.reduce((bits, [feature, bit]) => (features.has(feature) ? bits | bit : bits), 0);
  const xsave = features.has('xsave') ? XSTATE.X87 | XSTATE.SSE : 0;
  // Multi-byte NOPs and the 486's instructions have no bit of their own: family 6 has them.
  const names = [...features, 'nopl', '486'];
  return {
    vendor: 'intel',
    features: new Set(names as Feature[]),
    cr4Mask: CR4_COMMON | mask(CR4_BY_FEATURE),
    eferMask: mask(EFER_BY_FEATURE),
    xcr0Mask: features.has('pku') ? xsave | XSTATE.PKRU : xsave,
    xssMask: 0,
    pages1GiB: features.has('pdpe1gb'),
  };
}

const textWord = (text: string, at: number): number =>
  [0, 1, 2, 3].reduce((word, i) => word | ((text.charCodeAt(at + i) || 0) << (8 * i)), 0) >>> 0;

/** Deterministic cache parameters (leaf 4): [4:0] type [7:5] level; ways, line and sets less one. */
const CACHES: readonly { type: 1 | 2 | 3; level: number; ways: number; sets: number }[] = [
  { type: 1, level: 1, ways: 8, sets: 64 },
  { type: 2, level: 1, ways: 8, sets: 64 },
  { type: 3, level: 2, ways: 16, sets: 1024 },
];
const LINE_BYTES = 64;

function cacheLeaf(model: Model, subleaf: number): Leaf {
  const cache = CACHES[subleaf];
  if (cache === undefined) return NOTHING;
  const cores = Math.min(model.cpuCount, 64) - 1;
  const eax = (cache.type | (cache.level << 5) | (1 << 8) | (cores << 26)) >>> 0;
  return [eax, ((LINE_BYTES - 1) | ((cache.ways - 1) << 22)) >>> 0, cache.sets - 1, 0];
}

/** Extended topology (leaf 0BH): one thread a core, all cores in one package. EDX is the CPU's own. */
function topologyLeaf(model: Model, subleaf: number): Leaf {
  const coreBits = Math.ceil(Math.log2(Math.max(model.cpuCount, 1)));
  if (subleaf === 0) return [0, 1, 1 << 8, 0];
  if (subleaf === 1) return [coreBits, model.cpuCount, 1 | (2 << 8), 0];
  return [0, 0, subleaf & 0xff, 0];
}

/** Leaf 0DH. Areas of sub-leaves 0 and 1 for what is enabled come from dynamic.ts. */
function xstateLeaf(model: Model, subleaf: number): Leaf {
  const { xcr0Mask } = model.traits;
  if (xcr0Mask === 0) return NOTHING;
  if (subleaf === 0) return [xcr0Mask, 0, areaBytes(xcr0Mask, false), 0];
  if (subleaf === 1) return featureLeaf(model.features, 13, 1);
  const component = EXTENDED_COMPONENTS.find(({ index }) => index === subleaf && (xcr0Mask & (1 << index)) !== 0);
  return component === undefined ? NOTHING : [component.bytes, component.standardOffset, 0, 0];
}

const BASIC: Readonly<Record<number, (model: Model, subleaf: number) => Leaf>> = {
  0: () => [BASIC_MAX, textWord(VENDOR, 0), textWord(VENDOR, 8), textWord(VENDOR, 4)],
  1: (model) => {
    const [, , ecx, edx] = featureLeaf(model.features, 1, 0);
    // [15:8] CLFLUSH line in 8-byte units  [23:16] logical processors
    return [SIGNATURE, ((LINE_BYTES / 8) << 8) | (Math.min(model.cpuCount, 255) << 16), ecx, edx];
  },
  // One descriptor: see leaf 4.
  2: () => [0x0000_ff01, 0, 0, 0],
  4: cacheLeaf,
  // Line sizes; [0] MWAIT extensions [1] interrupts break it. No C-states: kernels idle by HLT.
  5: (model) => (model.features.has('monitor') ? [LINE_BYTES, LINE_BYTES, 3, 0] : NOTHING),
  // [2] ARAT: the APIC timer never stops.
  6: () => [1 << 2, 0, 0, 0],
  7: (model, subleaf) => (subleaf === 0 ? featureLeaf(model.features, 7, 0) : NOTHING),
  11: topologyLeaf,
  13: xstateLeaf,
  // TSC = crystal * EBX / EAX
  21: () => [1, TSC_HZ / CRYSTAL_HZ, CRYSTAL_HZ, 0],
  22: () => [BASE_MHZ, BASE_MHZ, BUS_MHZ, 0],
};

function basicLeaf(model: Model, leaf: number, subleaf: number): Leaf {
  return BASIC[leaf]?.(model, subleaf) ?? NOTHING;
}

const brandLeaf = (part: number): Leaf => {
  const word = (n: number): number => textWord(BRAND.padEnd(48, '\0'), part * 16 + n * 4);
  return [word(0), word(1), word(2), word(3)];
};

/** By leaf less EXTENDED_BASE. */
const EXTENDED: Readonly<Record<number, (model: Model) => Leaf>> = {
  0: () => [EXTENDED_MAX, 0, 0, 0],
  1: (model) => featureLeaf(model.features, 0x8000_0001, 0),
  2: () => brandLeaf(0),
  3: () => brandLeaf(1),
  4: () => brandLeaf(2),
  // L2: [31:16] KiB  [15:12] 8: 16 ways  [7:0] line
  6: () => [0, 0, (1024 << 16) | (8 << 12) | LINE_BYTES, 0],
  7: (model) => featureLeaf(model.features, 0x8000_0007, 0),
  // [7:0] physical  [15:8] linear address bits
  8: (model) => [PHYSICAL_ADDRESS_BITS | ((model.features.has('lm') ? 48 : 32) << 8), 0, 0, 0],
};

function extendedLeaf(model: Model, leaf: number): Leaf {
  return EXTENDED[leaf - EXTENDED_BASE]?.(model) ?? NOTHING;
}
