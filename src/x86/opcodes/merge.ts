import { assert } from '../../base/errors.ts';
import { type ByMod, type ByMode, byMode, type Entry, type OpcodeMap, type Row } from './row.ts';

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

/** The entry as it is once a choice has been made: `pick` says which part of entries of that kind is left. */
function resolve(entry: Part, kind: Nesting, pick: (choice: Entry) => Part): Part {
  if (entry === undefined || !hasChoice(entry, kind)) return entry;
  if (nesting(entry) === kind) return resolve(pick(entry), kind, pick);
  const inner = (part: Part): Part => resolve(part, kind, pick);
  if (!('kind' in entry)) return entry;
  switch (entry.kind) {
    case 'byMode':
      return byMode(inner(entry.mode64), inner(entry.legacy));
    case 'byPrefix': {
      const { none, p66, f3, f2 } = entry;
      return { kind: 'byPrefix', none: inner(none), p66: inner(p66), f3: inner(f3), f2: inner(f2) };
    }
    case 'group':
      return { kind: 'group', byReg: entry.byReg.map(inner) };
    case 'byMod': {
      const { memory, register, byRm } = entry;
      return { kind: 'byMod', memory: inner(memory), register: inner(register), byRm: byRm?.map(inner) };
    }
    case 'byRex':
      return { ...entry, clear: inner(entry.clear) ?? entry.clear, set: inner(entry.set) ?? entry.set };
  }
}

/** Whether a choice of this kind is in the entry, at any depth. */
function hasChoice(entry: Part, kind: Nesting): boolean {
  if (entry === undefined || !('kind' in entry)) return false;
  return entry.kind === kind || partsOf(entry).some((part) => hasChoice(part, kind));
}

function partsOf(entry: Exclude<Entry, Row>): readonly Part[] {
  switch (entry.kind) {
    case 'byMode':
      return [entry.mode64, entry.legacy];
    case 'byPrefix':
      return [entry.none, entry.p66, entry.f3, entry.f2];
    case 'group':
      return entry.byReg;
    case 'byMod':
      return [entry.memory, entry.register, ...(entry.byRm ?? [])];
    case 'byRex':
      return [entry.clear, entry.set];
  }
}

function asByMode(entry: Entry): ByMode {
  if ('kind' in entry && entry.kind === 'byMode') return entry;
  const mode = (key: 'mode64' | 'legacy'): Part =>
    resolve(entry, 'byMode', (choice) => ('mode64' in choice ? choice[key] : undefined));
  return byMode(mode('mode64'), mode('legacy'));
}

function asByPrefix(entry: Entry): { none: Part; p66: Part; f3: Part; f2: Part } {
  if ('kind' in entry && entry.kind === 'byPrefix') return entry;
  const prefixed = (key: 'none' | 'p66' | 'f3' | 'f2'): Part =>
    resolve(entry, 'byPrefix', (choice) => ('p66' in choice ? choice[key] : undefined));
  return { none: prefixed('none'), p66: prefixed('p66'), f3: prefixed('f3'), f2: prefixed('f2') };
}

function asGroup(entry: Entry): readonly Part[] {
  if ('kind' in entry && entry.kind === 'group') return entry.byReg;
  const picked = (reg: number): Part =>
    resolve(entry, 'group', (choice) => ('byReg' in choice ? choice.byReg[reg] : undefined));
  return Array.from({ length: 8 }, (_, reg) => picked(reg));
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
