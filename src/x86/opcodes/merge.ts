import { assert } from '../../base/errors.ts';
import { type ByMod, type ByMode, byMode, byPrefix, type Entry, group, type OpcodeMap, type Row } from './row.ts';

type Part = Entry | undefined;

/** From the outermost choice inwards: an entry that lacks a choice of the other is wrapped in it before merging. */
const NESTING = ['byMode', 'byPrefix', 'group', 'byMod', 'byRex', 'row'] as const;
type Nesting = (typeof NESTING)[number];

/** Unites maps that areas fill in parts (0F AE has forms of x87, SSE and system instructions). */
export function mergeMaps(name: string, maps: readonly OpcodeMap[]): OpcodeMap {
  const result: Record<number, Entry> = {};
  for (const map of maps) {
    for (const [key, entry] of Object.entries(map)) {
      const opcode = Number(key);
      const path = `${name} ${opcode.toString(16).padStart(2, '0')}`;
      const united = merge(path, result[opcode], entry);
      if (united !== undefined) result[opcode] = united;
    }
  }
  return result;
}

function merge(path: string, a: Part, b: Part): Part {
  if (a === undefined || a === b) return b;
  if (b === undefined) return a;
  const outer = Math.min(NESTING.indexOf(nesting(a)), NESTING.indexOf(nesting(b)));
  switch (NESTING[outer]) {
    case 'byMode': {
      const [x, y] = [asByMode(a), asByMode(b)];
      return byMode(merge(`${path} 64-bit`, x.mode64, y.mode64), merge(`${path} not 64-bit`, x.legacy, y.legacy));
    }
    case 'byPrefix': {
      const [x, y] = [asByPrefix(a), asByPrefix(b)];
      const part = (key: 'none' | 'p66' | 'f3' | 'f2') => merge(`${path} prefix ${key}`, x[key], y[key]);
      return { kind: 'byPrefix', none: part('none'), p66: part('p66'), f3: part('f3'), f2: part('f2') };
    }
    case 'group': {
      const [x, y] = [asGroup(a), asGroup(b)];
      return { kind: 'group', byReg: x.map((entry, reg) => merge(`${path} /${reg}`, entry, y[reg])) };
    }
    case 'byRex':
      return mergeByRex(path, a, b);
    case 'byMod':
      return mergeByMod(path, asByMod(a), asByMod(b));
    default: {
      const [x, y] = [asByMod(a), asByMod(b)];
      const disjoint = (!x.memory || !y.memory) && (!x.register || !y.register);
      return disjoint ? mergeByMod(path, x, y) : conflict(path, a, b);
    }
  }
}

function mergeByMod(path: string, a: ByMod, b: ByMod): ByMod {
  const memory = merge(`${path} memory`, a.memory, b.memory);
  if (a.byRm === undefined && b.byRm === undefined) {
    return { kind: 'byMod', memory, register: merge(`${path} register`, a.register, b.register), byRm: undefined };
  }
  const byRm = Array.from({ length: 8 }, (_, rm) =>
    merge(`${path} rm ${rm}`, a.byRm?.[rm] ?? a.register, b.byRm?.[rm] ?? b.register),
  );
  return { kind: 'byMod', memory, register: undefined, byRm };
}

function mergeByRex(path: string, a: Entry, b: Entry): Entry {
  if (!('kind' in a && a.kind === 'byRex' && 'kind' in b && b.kind === 'byRex' && a.bit === b.bit))
    return conflict(path, a, b);
  const clear = merge(`${path} REX.${a.bit} clear`, a.clear, b.clear) ?? a.clear;
  const set = merge(`${path} REX.${a.bit} set`, a.set, b.set) ?? a.set;
  return { ...a, clear, set };
}

function nesting(entry: Entry): Nesting {
  return 'kind' in entry ? entry.kind : 'row';
}

const isRow = (entry: Entry): entry is Row => !('kind' in entry);

function asByMode(entry: Entry): ByMode {
  return 'kind' in entry && entry.kind === 'byMode' ? entry : byMode(entry, entry);
}

function asByPrefix(entry: Entry): { none: Part; p66: Part; f3: Part; f2: Part } {
  if ('kind' in entry && entry.kind === 'byPrefix') return entry;
  return byPrefix({ none: entry, p66: entry, f3: entry, f2: entry });
}

function asGroup(entry: Entry): readonly Part[] {
  if ('kind' in entry && entry.kind === 'group') return entry.byReg;
  return group(Object.fromEntries(Array.from({ length: 8 }, (_, reg) => [reg, entry]))).byReg;
}

function asByMod(entry: Entry): ByMod {
  if ('kind' in entry && entry.kind === 'byMod') return entry;
  const codes = isRow(entry) ? entry.operands : [];
  const memoryOnly = codes.some((code) => code.startsWith('M'));
  const registerOnly = codes.some((code) => /^[RNU]/.test(code));
  return {
    kind: 'byMod',
    memory: registerOnly ? undefined : entry,
    register: memoryOnly ? undefined : entry,
    byRm: undefined,
  };
}

function conflict(path: string, a: Entry, b: Entry): never {
  const name = (entry: Entry): string => (isRow(entry) ? entry.semantics.name : entry.kind);
  assert(false, `one row per encoding: ${path} is both ${name(a)} and ${name(b)}`);
}
