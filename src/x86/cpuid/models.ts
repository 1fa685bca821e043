import type { CpuidFeature } from './bits.ts';

/** CPU models: which features each offers. Leaves follow from them (leaves.ts). */

const I686 = [
  'fpu',
  'vme',
  'de',
  'pse',
  'tsc',
  'msr',
  'pae',
  'mce',
  'cx8',
  'apic',
  'sep',
  'mtrr',
  'pge',
  'mca',
  'cmov',
  'pat',
  'pse36',
  'clflush',
  'mmx',
  'fxsr',
  'sse',
  'sse2',
  'nx',
  // What saves a kernel from calibrating clocks and from mitigating what this CPU has not.
  'x2apic',
  'tsc_deadline_timer',
  'nonstop_tsc',
  'spec_ctrl',
  'arch_capabilities',
] as const satisfies readonly CpuidFeature[];

const V1 = [...I686, 'syscall', 'lm', 'rdtscp', 'pdpe1gb'] as const satisfies readonly CpuidFeature[];

const V2 = [
  ...V1,
  'cx16',
  'lahf_lm',
  'popcnt',
  'sse3',
  'ssse3',
  'sse4_1',
  'sse4_2',
] as const satisfies readonly CpuidFeature[];

const MAX = [
  ...V2,
  'pclmulqdq',
  'monitor',
  'pcid',
  'movbe',
  'aes',
  'xsave',
  'rdrand',
  'fsgsbase',
  'tsc_adjust',
  'bmi1',
  'smep',
  'bmi2',
  'erms',
  'invpcid',
  'rdseed',
  'adx',
  'smap',
  'clflushopt',
  'clwb',
  'sha',
  'umip',
  'pku',
  'rdpid',
  'fsrm',
  'xsaveopt',
  'xsavec',
  'xgetbv1',
  'xsaves',
  'abm',
  '3dnowprefetch',
] as const satisfies readonly CpuidFeature[];

/** `x86-64-v1` and `v2` are the levels of the x86-64 psABI, with the system features that kernels expect beside them. */
export const CPU_MODEL_FEATURES = {
  i686: I686,
  'x86-64-v1': V1,
  'x86-64-v2': V2,
  max: MAX,
} as const satisfies Readonly<Record<string, readonly CpuidFeature[]>>;

export type CpuModelName = keyof typeof CPU_MODEL_FEATURES;
