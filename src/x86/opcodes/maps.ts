import * as crypto from './crypto.ts';
import * as integer from './integer.ts';
import { mergeMaps } from './merge.ts';
import * as mmx from './mmx.ts';
import type { OpcodeMap } from './row.ts';
import * as sse from './sse.ts';
import * as ssse3 from './ssse3-sse4.ts';
import * as system from './system.ts';
import * as x87 from './x87.ts';

/** The opcode maps of SDM Vol. 2D App. A, and the VEX-coded ones by their leading bytes. */
export const MAP_NAMES = ['primary', 'map0f', 'map0f38', 'map0f3a', 'vex0f38', 'vex0f3a'] as const;
export type MapName = (typeof MAP_NAMES)[number];
export type OpcodeMaps = Readonly<Record<MapName, OpcodeMap>>;
/** What a file of opcode rows exports: the parts of the maps that its area fills. */
export type AreaMaps = Partial<OpcodeMaps>;

const AREAS: readonly AreaMaps[] = [integer, x87, mmx, sse, ssse3, crypto, system];

/** One map of each name from the parts; two rows for one encoding are a bug. */
export function mergeAreas(areas: readonly AreaMaps[]): OpcodeMaps {
  const merged = MAP_NAMES.map((name): [MapName, OpcodeMap] => [
    name,
    mergeMaps(
      name,
      areas.map((area) => area[name] ?? {}),
    ),
  ]);
  return Object.fromEntries(merged) as Record<MapName, OpcodeMap>;
}

let merged: OpcodeMaps | undefined;

/** All of the instruction set. */
export function opcodeMaps(): OpcodeMaps {
  return (merged ??= mergeAreas(AREAS));
}
