import type { Feature } from '../../../src/x86/opcodes/row.ts';
import { hostFlags } from './host-flags.ts';

/** /proc/cpuinfo's words where they are not the feature's. */
const CPUINFO_NAMES: Partial<Record<Feature, string>> = { sse3: 'pni', sha: 'sha_ni' };
/** Every x86-64 processor has these; /proc/cpuinfo has no word for them, or not always. */
const IMPLIED: ReadonlySet<Feature> = new Set(['486', 'nopl', 'hypervisor']);

export function hostHas(feature: Feature | undefined): boolean {
  return feature === undefined || IMPLIED.has(feature) || hostFlags().has(CPUINFO_NAMES[feature] ?? feature);
}
