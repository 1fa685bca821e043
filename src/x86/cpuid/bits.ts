/** Feature bits of CPUID by /proc/cpuinfo's names (SDM Vol. 2A "CPUID", Tables 3-10, 3-11 and 3-8). */

export type Register = 'eax' | 'ebx' | 'ecx' | 'edx';

interface BitGroup {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
  /** Name to bit number. */
  readonly bits: Readonly<Record<string, number>>;
}

const GROUPS = [
  {
    leaf: 1,
    subleaf: 0,
    register: 'edx',
    bits: {
      fpu: 0,
      vme: 1,
      de: 2,
      pse: 3,
      tsc: 4,
      msr: 5,
      pae: 6,
      mce: 7,
      cx8: 8,
      apic: 9,
      sep: 11,
      mtrr: 12,
      pge: 13,
      mca: 14,
      cmov: 15,
      pat: 16,
      pse36: 17,
      clflush: 19,
      mmx: 23,
      fxsr: 24,
      sse: 25,
      sse2: 26,
      ht: 28,
    },
  },
  {
    leaf: 1,
    subleaf: 0,
    register: 'ecx',
    bits: {
      sse3: 0,
      pclmulqdq: 1,
      monitor: 3,
      ssse3: 9,
      cx16: 13,
      pcid: 17,
      sse4_1: 19,
      sse4_2: 20,
      x2apic: 21,
      movbe: 22,
      popcnt: 23,
      tsc_deadline_timer: 24,
      aes: 25,
      xsave: 26,
      rdrand: 30,
      hypervisor: 31,
    },
  },
  {
    leaf: 7,
    subleaf: 0,
    register: 'ebx',
    bits: {
      fsgsbase: 0,
      tsc_adjust: 1,
      bmi1: 3,
      smep: 7,
      bmi2: 8,
      erms: 9,
      invpcid: 10,
      rdseed: 18,
      adx: 19,
      smap: 20,
      clflushopt: 23,
      clwb: 24,
      sha: 29,
    },
  },
  { leaf: 7, subleaf: 0, register: 'ecx', bits: { umip: 2, pku: 3, rdpid: 22 } },
  { leaf: 7, subleaf: 0, register: 'edx', bits: { fsrm: 4, spec_ctrl: 26, arch_capabilities: 29 } },
  { leaf: 13, subleaf: 1, register: 'eax', bits: { xsaveopt: 0, xsavec: 1, xgetbv1: 2, xsaves: 3 } },
  {
    leaf: 0x8000_0001,
    subleaf: 0,
    register: 'edx',
    bits: { syscall: 11, nx: 20, pdpe1gb: 26, rdtscp: 27, lm: 29 },
  },
  { leaf: 0x8000_0001, subleaf: 0, register: 'ecx', bits: { lahf_lm: 0, abm: 5, '3dnowprefetch': 8 } },
  { leaf: 0x8000_0007, subleaf: 0, register: 'edx', bits: { nonstop_tsc: 8 } },
] as const satisfies readonly BitGroup[];

type NamesOf<G> = G extends { readonly bits: infer B } ? keyof B : never;
export type CpuidFeature = NamesOf<(typeof GROUPS)[number]> & string;

export type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

/** The bits of one leaf that a set of features turns on. */
export function featureLeaf(features: ReadonlySet<string>, leaf: number, subleaf: number): Leaf {
  const words: Record<Register, number> = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  for (const group of GROUPS) {
    if (group.leaf !== leaf || group.subleaf !== subleaf) continue;
    for (const [name, bit] of Object.entries(group.bits)) {
      if (features.has(name)) words[group.register] = (words[group.register] | (1 << bit)) >>> 0;
    }
  }
  return [words.eax, words.ebx, words.ecx, words.edx];
}
