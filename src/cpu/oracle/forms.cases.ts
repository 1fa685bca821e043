import { assert } from '../../base/errors.ts';
import type { DecodedOperand, Instruction } from '../../x86/instruction.ts';
import type { Entry, OperandCode, Row } from '../../x86/opcodes/row.ts';

/** Instructions of every shape that a row can take: operand sizes, and register or memory for each E, W and Q. */

type Size = 16 | 32 | 64;
type Width = 8 | Size;

/** Bits of the size letters at an operand size. */
const BITS: Readonly<Record<string, (size: Size) => number>> = {
  b: () => 8,
  w: () => 16,
  d: () => 32,
  q: () => 64,
  dq: () => 128,
  v: (size) => size,
  z: (size) => (size === 16 ? 16 : 32),
  y: (size) => (size === 64 ? 64 : 32),
  '': () => 0,
};

const FIXED: Readonly<Record<string, (size: Size) => Width>> = {
  AL: () => 8,
  CL: () => 8,
  AX: () => 16,
  DX: () => 16,
  EAX: () => 32,
  eAX: (size) => (size === 16 ? 16 : 32),
  rAX: (size) => size,
};

/** Immediates arrive extended to the operand size, except bytes and words. */
const IMMEDIATE_WIDTH: Readonly<Record<string, (size: Size) => Width>> = {
  b: () => 8,
  w: () => 16,
  d: () => 32,
  z: (size) => size,
  v: (size) => size,
  bs: (size) => size,
};

const gpr = (width: Width): DecodedOperand => ({ kind: 'gpr', index: 1, high: false, width });
const memory = (bits: number): DecodedOperand => ({ kind: 'memory', bits });
const xmm = (bits: number): DecodedOperand => ({ kind: 'xmm', index: 2, bits });
const mmx: DecodedOperand = { kind: 'mmx', index: 3 };

const BY_LETTER: Readonly<Record<string, (bits: number) => readonly DecodedOperand[]>> = {
  E: (bits) => [gpr(bits as Width), memory(bits)],
  G: (bits) => [gpr(bits as Width)],
  R: (bits) => [gpr(bits as Width)],
  Z: (bits) => [gpr(bits as Width)],
  B: (bits) => [gpr(bits as Width)],
  M: (bits) => [memory(bits)],
  O: (bits) => [memory(bits)],
  V: (bits) => [xmm(bits)],
  U: (bits) => [xmm(bits)],
  W: (bits) => [xmm(bits), memory(bits)],
  P: () => [mmx],
  N: () => [mmx],
  Q: (bits) => [mmx, memory(bits)],
  S: () => [{ kind: 'segment', index: 3 }],
  C: () => [{ kind: 'control', index: 4 }],
};

/** What an operand code can be in an instruction. */
function operandsOf(code: OperandCode, size: Size): readonly DecodedOperand[] {
  const fixed = FIXED[code];
  if (fixed !== undefined) return [gpr(fixed(size))];
  if (code === '1') return [{ kind: 'immediate', width: 8, value: 1n }];
  const [letter, suffix] = [code.charAt(0), code.slice(1)];
  if (letter === 'J') return [{ kind: 'relative', displacement: 5 }];
  if (letter === 'I') return [{ kind: 'immediate', width: IMMEDIATE_WIDTH[suffix]!(size), value: 3n }];
  const make = BY_LETTER[letter];
  assert(make !== undefined, `descriptions take no operand ${code}`);
  return make(BITS[suffix]!(size));
}

/** A row, and what the opcode map says of ModR/M.mod on the way to it. */
export interface Placed {
  readonly row: Row;
  readonly mod: 'memory' | 'register' | 'any';
}

/** The last opcode byte is what condition codes come from. */
export function formsOf({ row, mod }: Placed, opcode: number): readonly Instruction[] {
  const sizes: readonly Size[] = [16, 32, 64];
  return sizes.flatMap((operandSize) => {
    const choices = row.operands.map((code) => {
      const all = operandsOf(code, operandSize);
      return all.length === 1 || mod === 'any'
        ? all
        : all.filter(({ kind }) => (kind === 'memory') === (mod === 'memory'));
    });
    const combinations = choices.reduce<readonly (readonly DecodedOperand[])[]>(
      (all, options) => all.flatMap((operands) => options.map((option) => [...operands, option])),
      [[]],
    );
    return combinations.map((operands) => instructionOf(row, { opcode, operandSize, operands }));
  });
}

function instructionOf(row: Row, form: Pick<Instruction, 'opcode' | 'operandSize' | 'operands'>): Instruction {
  return {
    row,
    length: 3,
    lock: false,
    repeat: 'none',
    addressSize: 64,
    rexW: form.operandSize === 64,
    modrm: 0,
    segment: 3,
    segmentOverridden: false,
    base: 0,
    index: -1,
    scale: 0,
    displacement: 0,
    displacementHigh: 0,
    ripRelative: false,
    immediate2: 0,
    ...form,
  };
}

/** All rows of an entry. */
export function rowsOf(entry: Entry | undefined, mod: Placed['mod'] = 'any'): readonly Placed[] {
  if (entry === undefined) return [];
  if (!('kind' in entry)) return [{ row: entry, mod }];
  const all = (entries: readonly (Entry | undefined)[]) => entries.flatMap((child) => rowsOf(child, mod));
  switch (entry.kind) {
    case 'group':
      return all(entry.byReg);
    case 'byMod': {
      const registers = [entry.register, ...(entry.byRm ?? [])];
      return [...rowsOf(entry.memory, 'memory'), ...registers.flatMap((child) => rowsOf(child, 'register'))];
    }
    case 'byPrefix':
      return all([entry.none, entry.p66, entry.f3, entry.f2]);
    case 'byMode':
      return all([entry.mode64, entry.legacy]);
    case 'byRex':
      return all([entry.clear, entry.set]);
  }
}
