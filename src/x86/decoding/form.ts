import type { Entry, Feature, OpcodeMap, OperandCode, Row } from '../opcodes/row.ts';

/**
 * Opcode rows compiled for decoding: operand codes as small integers and choices as arrays, so that the decoder's
 * hot path looks at no string.
 */

/** How an operand is found; see the letters in row.ts. */
export const FIND = {
  GPR_RM_OR_MEMORY: 0,
  GPR_REG: 1,
  GPR_RM: 2,
  MEMORY: 3,
  GPR_OPCODE: 4,
  GPR_VVVV: 5,
  IMMEDIATE: 6,
  RELATIVE: 7,
  MOFFS: 8,
  FAR: 9,
  SEGMENT_REG: 10,
  CONTROL_REG: 11,
  DEBUG_REG: 12,
  MMX_REG: 13,
  MMX_RM_OR_MEMORY: 14,
  MMX_RM: 15,
  XMM_REG: 16,
  XMM_RM_OR_MEMORY: 17,
  XMM_RM: 18,
  ST_RM: 19,
  /** Named registers and constants: `register` is their number. */
  GPR_FIXED: 20,
  SEGMENT_FIXED: 21,
  ST_FIXED: 22,
  ONE: 23,
} as const;

const LETTERS: Readonly<Record<string, number>> = {
  E: FIND.GPR_RM_OR_MEMORY,
  G: FIND.GPR_REG,
  R: FIND.GPR_RM,
  M: FIND.MEMORY,
  Z: FIND.GPR_OPCODE,
  B: FIND.GPR_VVVV,
  I: FIND.IMMEDIATE,
  J: FIND.RELATIVE,
  O: FIND.MOFFS,
  A: FIND.FAR,
  S: FIND.SEGMENT_REG,
  C: FIND.CONTROL_REG,
  D: FIND.DEBUG_REG,
  P: FIND.MMX_REG,
  Q: FIND.MMX_RM_OR_MEMORY,
  N: FIND.MMX_RM,
  V: FIND.XMM_REG,
  W: FIND.XMM_RM_OR_MEMORY,
  U: FIND.XMM_RM,
};

export const SIZE = {
  none: 0,
  b: 1,
  w: 2,
  d: 3,
  q: 4,
  dq: 5,
  v: 6,
  z: 7,
  y: 8,
  p: 9,
  a: 10,
  s: 11,
  t: 12,
  bs: 13,
} as const;

const isSize = (text: string): text is keyof typeof SIZE => text in SIZE;

/** Bits by size letter for operand sizes 16, 32 and 64. `s` is 80 in 64-bit mode, which the decoder knows. */
const BITS_OF_SIZE: Readonly<Record<keyof typeof SIZE, readonly [number, number, number]>> = {
  none: [0, 0, 0],
  b: [8, 8, 8],
  w: [16, 16, 16],
  d: [32, 32, 32],
  q: [64, 64, 64],
  dq: [128, 128, 128],
  v: [16, 32, 64],
  z: [16, 32, 32],
  y: [32, 32, 64],
  p: [32, 48, 80],
  a: [32, 64, 128],
  s: [48, 48, 48],
  t: [80, 80, 80],
  bs: [8, 8, 8],
};

/** Bits of SIZE `size` at operand size 16 << `n`: index size * 4 + n. */
export const SIZE_BITS: Readonly<Uint8Array> = Uint8Array.from(
  Object.values(BITS_OF_SIZE).flatMap((bits) => [...bits, 0]),
);

/** An operand code compiled. `size` is a SIZE, `register` a number for the FIXED kinds. */
export interface Template {
  readonly find: number;
  readonly size: number;
  readonly register: number;
}

const NAMED: Readonly<Record<string, Template>> = {
  '1': { find: FIND.ONE, size: SIZE.b, register: 0 },
  AL: { find: FIND.GPR_FIXED, size: SIZE.b, register: 0 },
  CL: { find: FIND.GPR_FIXED, size: SIZE.b, register: 1 },
  AX: { find: FIND.GPR_FIXED, size: SIZE.w, register: 0 },
  DX: { find: FIND.GPR_FIXED, size: SIZE.w, register: 2 },
  EAX: { find: FIND.GPR_FIXED, size: SIZE.d, register: 0 },
  eAX: { find: FIND.GPR_FIXED, size: SIZE.z, register: 0 },
  rAX: { find: FIND.GPR_FIXED, size: SIZE.v, register: 0 },
  ES: { find: FIND.SEGMENT_FIXED, size: SIZE.w, register: 0 },
  CS: { find: FIND.SEGMENT_FIXED, size: SIZE.w, register: 1 },
  SS: { find: FIND.SEGMENT_FIXED, size: SIZE.w, register: 2 },
  DS: { find: FIND.SEGMENT_FIXED, size: SIZE.w, register: 3 },
  FS: { find: FIND.SEGMENT_FIXED, size: SIZE.w, register: 4 },
  GS: { find: FIND.SEGMENT_FIXED, size: SIZE.w, register: 5 },
  ST0: { find: FIND.ST_FIXED, size: SIZE.t, register: 0 },
  STi: { find: FIND.ST_RM, size: SIZE.t, register: 0 },
};

function templateOf(code: OperandCode): Template {
  const named = NAMED[code];
  if (named !== undefined) return named;
  const find = LETTERS[code.charAt(0)];
  const size = code.slice(1) || 'none';
  if (find === undefined || !isSize(size))
    throw new Error(`Broken invariant: operand code ${code} is not in the tables`);
  return { find, size: SIZE[size], register: 0 };
}

/** What a form demands, as bits. */
export const NEEDS = {
  MODRM: 1 << 0,
  MEMORY: 1 << 1,
  REGISTER: 1 << 2,
  /** MOV to and from control and debug registers: ModR/M.mod is ignored, the size is the mode's. */
  WHOLE_REGISTER: 1 << 3,
  LOCK_ALLOWED: 1 << 4,
  DEFAULT_64: 1 << 5,
  FORCED_64: 1 << 6,
  NOT_64_BIT: 1 << 7,
  ONLY_64_BIT: 1 << 8,
  PROTECTED: 1 << 9,
  VVVV: 1 << 10,
} as const;

/** A row compiled. */
export interface Form {
  readonly choice: typeof CHOICE.ROW;
  readonly row: Row;
  readonly templates: readonly Template[];
  readonly needs: number;
  readonly feature: Feature | undefined;
  /** The form of the same bytes on a processor without `feature`. */
  readonly without: Form | undefined;
}

/** What selects among the children of a node. */
export const CHOICE = {
  ROW: 0,
  /** children[ModR/M.reg] */
  REG: 1,
  /** children[0] for memory, children[1 + ModR/M.rm] for registers */
  MOD: 2,
  /** children[0 none, 1 66, 2 F3, 3 F2] */
  PREFIX: 3,
  /** children[0 64-bit mode, 1 others] */
  MODE: 4,
  /** children[0 bit of REX clear, 1 set] */
  REX: 5,
} as const;

export interface Branch {
  readonly choice: 1 | 2 | 3 | 4 | 5;
  readonly children: readonly (Node | undefined)[];
  /** PREFIX: a prefix without a form of its own is not mandatory here but changes size or repeats, or is ignored. */
  readonly optionalPrefix: boolean;
  /** REX: the bit to test. */
  readonly rexBit: number;
}
export type Node = Form | Branch;

/**
 * Whether a prefix that has no form of its own is ignored or a size (optional), or #UD (mandatory); in the two-byte map
 * that depends on the form: BSF has sizes, MOVUPS does not.
 */
export type PrefixRule = 'optional' | 'mandatory' | 'by form';

/** An opcode map compiled, each entry when it is first asked for: a guest uses a part, and starts at once. */
export class CompiledMap {
  readonly #map: OpcodeMap;
  readonly #prefixes: PrefixRule;
  /** null: not compiled yet. */
  readonly #nodes: (Node | undefined | null)[] = Array.from({ length: 256 }, () => null);

  constructor(map: OpcodeMap, prefixes: PrefixRule) {
    this.#map = map;
    this.#prefixes = prefixes;
  }

  node(opcode: number): Node | undefined {
    const known = this.#nodes[opcode];
    if (known !== null) return known;
    const node = compile(this.#map[opcode], this.#prefixes);
    this.#nodes[opcode] = node;
    return node;
  }
}

function compile(entry: Entry | undefined, prefixes: PrefixRule): Node | undefined {
  if (entry === undefined) return undefined;
  if (!('kind' in entry)) return formOf(entry);
  const branch = (
    choice: Branch['choice'],
    entries: readonly (Entry | undefined)[],
    more: Partial<Branch> = {},
  ): Branch => ({
    choice,
    children: entries.map((child) => compile(child, prefixes)),
    optionalPrefix: more.optionalPrefix ?? false,
    rexBit: more.rexBit ?? 0,
  });
  switch (entry.kind) {
    case 'group':
      return branch(CHOICE.REG, entry.byReg);
    case 'byMod':
      return branch(CHOICE.MOD, [entry.memory, ...(entry.byRm ?? Array.from({ length: 8 }, () => entry.register))]);
    case 'byPrefix': {
      const optionalPrefix = prefixes === 'optional' || (prefixes === 'by form' && isIntegerForm(entry.none));
      return branch(CHOICE.PREFIX, [entry.none, entry.p66, entry.f3, entry.f2], { optionalPrefix });
    }
    case 'byMode':
      return branch(CHOICE.MODE, [entry.mode64, entry.legacy]);
    case 'byRex':
      return branch(CHOICE.REX, [entry.clear, entry.set], { rexBit: REX_BITS[entry.bit] });
  }
}

const REX_BITS = { W: 8, R: 4, B: 1 } as const;

/**
 * A form with ModR/M sized by operand size: 66 is a size there, and F2 and F3 are ignored unless they select another form
 * (BSF, TZCNT). RDRAND, of registers alone, is none: processors raise #UD with F2 and F3.
 */
function isIntegerForm(entry: Entry | undefined): boolean {
  if (entry === undefined) return false;
  if (!('kind' in entry)) return entry.operands.some((code) => /^[EG](v|z)$/.test(code));
  switch (entry.kind) {
    case 'group':
      return entry.byReg.some(isIntegerForm);
    case 'byMod':
      return isIntegerForm(entry.memory) || isIntegerForm(entry.register);
    case 'byPrefix':
      return isIntegerForm(entry.none);
    case 'byMode':
      return isIntegerForm(entry.mode64) || isIntegerForm(entry.legacy);
    case 'byRex':
      return isIntegerForm(entry.clear);
  }
}

const MODRM_LETTERS = /^[EGRMSCDPQNVWUB]/;

function formOf(row: Row): Form {
  const templates = row.operands.map(templateOf);
  const letters = row.operands.filter((code) => NAMED[code] === undefined);
  const some = (pattern: RegExp): boolean => letters.some((code) => pattern.test(code));
  const { lock, d64, f64, i64, o64, protectedOnly, feature, without } = row.options;
  const facts: readonly [boolean, number][] = [
    [some(MODRM_LETTERS) || row.operands.includes('STi'), NEEDS.MODRM],
    [some(/^M/), NEEDS.MEMORY],
    [some(/^[RNU]/), NEEDS.REGISTER],
    [some(/^[CD]/), NEEDS.WHOLE_REGISTER],
    [some(/^B/), NEEDS.VVVV],
    [lock === true, NEEDS.LOCK_ALLOWED],
    [d64 === true, NEEDS.DEFAULT_64],
    [f64 === true, NEEDS.FORCED_64],
    [i64 === true, NEEDS.NOT_64_BIT],
    [o64 === true, NEEDS.ONLY_64_BIT],
    [protectedOnly === true, NEEDS.PROTECTED],
  ];
  const needs = facts.reduce((bits, [holds, bit]) => (holds ? bits | bit : bits), 0);
  return { choice: CHOICE.ROW, row, templates, needs, feature, without: without && formOf(without) };
}
