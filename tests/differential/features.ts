import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import type { FeatureSet } from '../../src/x86/opcodes/row.ts';
import { allEncodings } from './encodings.ts';

/** Every feature that some row asks for. */
export function allFeatures(): FeatureSet {
  return new Set(allEncodings(opcodeMaps()).flatMap(({ row }) => row.options.feature ?? []));
}
