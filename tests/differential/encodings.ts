import { MAP_NAMES, type MapName, type OpcodeMaps } from '../../src/x86/opcodes/maps.ts';
import type { Entry, OperandCode, Row } from '../../src/x86/opcodes/row.ts';

export type MandatoryPrefix = 'any' | 'none' | '66' | 'f3' | 'f2';

/** One path through the opcode maps: all that is fixed in the encodings of a row. */
export interface Encoding {
  readonly mnemonic: string;
  readonly row: Row;
  readonly map: MapName;
  readonly opcode: number;
  /** `any`: prefixes select nothing here. */
  readonly prefix: MandatoryPrefix;
  /** 66 is an operand-size prefix, so free to give. */
  readonly allows66: boolean;
  /** ModR/M fields that select the row. */
  readonly reg: number | undefined;
  readonly mod: 'memory' | 'register' | 'any';
  readonly rm: number | undefined;
  readonly hasModrm: boolean;
  /** REX bits that select the row. */
  readonly rexW: boolean | undefined;
  readonly rexR: boolean | undefined;
  readonly rexB: boolean | undefined;
  readonly modes: readonly (32 | 64)[];
}

type Path = Omit<Encoding, 'mnemonic' | 'row' | 'hasModrm'>;

/** Every encoding of every row, in the maps' order. */
export function allEncodings(maps: OpcodeMaps): readonly Encoding[] {
  const found: Encoding[] = [];
  for (const map of MAP_NAMES) {
    for (const [key, entry] of Object.entries(maps[map])) {
      const modes = map.startsWith('vex') ? ([64] as const) : ([64, 32] as const);
      const path: Path = {
        map,
        opcode: Number(key),
        prefix: 'any',
        allows66: true,
        reg: undefined,
        mod: 'any',
        rm: undefined,
        rexW: undefined,
        rexR: undefined,
        rexB: undefined,
        modes,
      };
      collect(entry, path, found);
    }
  }
  return found;
}

function collect(entry: Entry | undefined, path: Path, found: Encoding[]): void {
  if (entry === undefined) return;
  if (!('kind' in entry)) {
    const encoding = encodingOf(entry, path);
    if (encoding !== undefined) found.push(encoding);
    return;
  }
  switch (entry.kind) {
    case 'group':
      for (const [reg, child] of entry.byReg.entries()) collect(child, { ...path, reg }, found);
      return;
    case 'byMod':
      collect(entry.memory, { ...path, mod: 'memory' }, found);
      if (entry.byRm === undefined) collect(entry.register, { ...path, mod: 'register' }, found);
      else for (const [rm, child] of entry.byRm.entries()) collect(child, { ...path, mod: 'register', rm }, found);
      return;
    case 'byPrefix': {
      const allows66 = entry.p66 === undefined && isSized(entry.none);
      collect(entry.none, { ...path, prefix: 'none', allows66 }, found);
      collect(entry.p66, { ...path, prefix: '66', allows66: false }, found);
      collect(entry.f3, { ...path, prefix: 'f3', allows66 }, found);
      collect(entry.f2, { ...path, prefix: 'f2', allows66: allows66 || isSized(entry.f2) }, found);
      return;
    }
    case 'byMode':
      collect(entry.mode64, { ...path, modes: path.modes.filter((mode) => mode === 64) }, found);
      collect(entry.legacy, { ...path, modes: path.modes.filter((mode) => mode === 32) }, found);
      return;
    case 'byRex': {
      const key = ({ W: 'rexW', R: 'rexR', B: 'rexB' } as const)[entry.bit];
      const by = (value: boolean): Path => ({ ...path, [key]: value });
      collect(entry.clear, by(false), found);
      collect(entry.set, { ...by(true), modes: path.modes.filter((mode) => mode === 64) }, found);
    }
  }
}

function encodingOf(row: Row, path: Path): Encoding | undefined {
  const memoryOnly = row.operands.some((code) => code.startsWith('M'));
  const registerOnly = row.operands.some((code) => /^[RNU]/.test(code));
  if ((memoryOnly && path.mod === 'register') || (registerOnly && path.mod === 'memory')) return undefined;
  const modes = path.modes.filter((mode) => !(mode === 64 ? row.options.i64 : row.options.o64));
  if (modes.length === 0) return undefined;
  const hasModrm = path.reg !== undefined || path.mod !== 'any' || row.operands.some(usesModrm);
  const mod = memoryOnly ? 'memory' : registerOnly ? 'register' : hasRmOperand(row) ? path.mod : fixedMod(path);
  return { ...path, mnemonic: row.semantics.name, row, mod, modes, hasModrm };
}

/** A row that has no operand in ModR/M.rm: whatever selects it, a register form is the plain one. */
const fixedMod = (path: Path): Encoding['mod'] => (path.mod === 'memory' ? 'memory' : 'register');

const usesModrm = (code: OperandCode): boolean => /^([EGRMCDPQNVWUB]([a-z]|$)|Sw|STi)/.test(code) && code !== 'DX';
const hasRmOperand = (row: Row): boolean => row.operands.some((code) => /^([EQW][a-z]|STi)/.test(code));

/** Sized by the operand-size prefix. */
export function isSized(entry: Entry | undefined): boolean {
  if (entry === undefined) return false;
  if (!('kind' in entry)) return entry.operands.some((code) => /^([A-Z][vzpa]|Ibs|Jz|eAX|rAX)$/.test(code));
  switch (entry.kind) {
    case 'group':
      return entry.byReg.some(isSized);
    case 'byMod':
      return isSized(entry.memory) || isSized(entry.register);
    case 'byPrefix':
      return isSized(entry.none);
    case 'byMode':
      return isSized(entry.mode64) || isSized(entry.legacy);
    case 'byRex':
      return isSized(entry.clear) || isSized(entry.set);
  }
}
