import * as arithmetic from '../semantics/arithmetic.ts';
import * as bit from '../semantics/bit.ts';
import * as bmi from '../semantics/bmi.ts';
import * as control from '../semantics/control-transfer.ts';
import * as data from '../semantics/data-transfer.ts';
import * as decimal from '../semantics/decimal.ts';
import * as flags from '../semantics/flag-control.ts';
import * as logic from '../semantics/logic.ts';
import * as misc from '../semantics/miscellaneous.ts';
import * as shift from '../semantics/shift-rotate.ts';
import * as stack from '../semantics/stack.ts';
import * as string from '../semantics/string.ts';
import type { Description } from '../semantics.ts';
import {
  byMod,
  byMode,
  byPrefix,
  byRex,
  type Entry,
  group,
  type OpcodeMap,
  op,
  type ReadableCode,
  type Row,
  type RowOptions,
  rows,
  type WritableCode,
} from './row.ts';

/**
 * Integer instructions, in the order of SDM Vol. 2D App. A.3. Entries of the same opcode that belong to other areas
 * (system, SSE) are merged in maps.ts. Columns: meaning, operands (letters in row.ts), options.
 */

const lock = { lock: true } as const;
const d64 = { d64: true } as const;
const f64 = { f64: true } as const;
const i64 = { i64: true } as const;
const repeat = { repeat: true } as const;

type Binary = Description<readonly ['dst', 'src']>;
type Unary = Description<readonly ['dst']>;
type Compare = Description<readonly ['src', 'src2']>;

/** The six forms of ADD, OR, …: 00-05 and so on. */
const arithmeticColumn = (base: number, meaning: Binary): Record<number, Row> => ({
  [base]: op(meaning, ['Eb', 'Gb'], lock),
  [base + 1]: op(meaning, ['Ev', 'Gv'], lock),
  [base + 2]: op(meaning, ['Gb', 'Eb']),
  [base + 3]: op(meaning, ['Gv', 'Ev']),
  [base + 4]: op(meaning, ['AL', 'Ib']),
  [base + 5]: op(meaning, ['rAX', 'Iz']),
});

const compareColumn = (base: number, meaning: Compare): Record<number, Row> => ({
  [base]: op(meaning, ['Eb', 'Gb']),
  [base + 1]: op(meaning, ['Ev', 'Gv']),
  [base + 2]: op(meaning, ['Gb', 'Eb']),
  [base + 3]: op(meaning, ['Gv', 'Ev']),
  [base + 4]: op(meaning, ['AL', 'Ib']),
  [base + 5]: op(meaning, ['rAX', 'Iz']),
});

const { ADD, ADC, SUB, SBB, CMP, INC, DEC, NEG } = arithmetic;
const { AND, OR, XOR, NOT, TEST } = logic;

/** Group 1: 80-83. */
const group1 = (place: WritableCode, immediate: ReadableCode, more: RowOptions = {}) => {
  const change = (meaning: Binary): Row => op(meaning, [place, immediate], { ...lock, ...more });
  return group({
    0: change(ADD),
    1: change(OR),
    2: change(ADC),
    3: change(SBB),
    4: change(AND),
    5: change(SUB),
    6: change(XOR),
    7: op(CMP, [place, immediate], more),
  });
};

/** Group 2: C0 C1 D2 D3 by a count, D0 D1 by 1. /6 is another SHL (SAL). */
const group2 = (place: WritableCode, count: ReadableCode) => {
  const by = (meaning: Binary): Row => op(meaning, [place, count]);
  return group({
    0: by(shift.ROL),
    1: by(shift.ROR),
    2: by(shift.RCL),
    3: by(shift.RCR),
    4: by(shift.SHL),
    5: by(shift.SHR),
    6: by(shift.SHL),
    7: by(shift.SAR),
  });
};
const group2By1 = (place: WritableCode) => {
  const once = (meaning: Unary): Row => op(meaning, [place]);
  return group({
    0: once(shift.ROL1),
    1: once(shift.ROR1),
    2: once(shift.RCL1),
    3: once(shift.RCR1),
    4: once(shift.SHL1),
    5: once(shift.SHR1),
    6: once(shift.SHL1),
    7: once(shift.SAR1),
  });
};

/** Group 3: F6 F7. /1 is another TEST. */
const group3 = (place: WritableCode, immediate: ReadableCode) =>
  group({
    0: op(TEST, [place, immediate]),
    1: op(TEST, [place, immediate]),
    2: op(NOT, [place], lock),
    3: op(NEG, [place], lock),
    4: op(arithmetic.MUL, [place]),
    5: op(arithmetic.IMUL1, [place]),
    6: op(arithmetic.DIV, [place]),
    7: op(arithmetic.IDIV, [place]),
  });

const primary00to8F: OpcodeMap = {
  ...arithmeticColumn(0x00, ADD),
  ...arithmeticColumn(0x08, OR),
  ...arithmeticColumn(0x10, ADC),
  ...arithmeticColumn(0x18, SBB),
  ...arithmeticColumn(0x20, AND),
  0x27: op(decimal.DAA, [], i64),
  ...arithmeticColumn(0x28, SUB),
  0x2f: op(decimal.DAS, [], i64),
  ...arithmeticColumn(0x30, XOR),
  0x37: op(decimal.AAA, [], i64),
  ...compareColumn(0x38, CMP),
  0x3f: op(decimal.AAS, [], i64),
  ...rows(0x40, 0x47, op(INC, ['Zv'], i64)),
  ...rows(0x48, 0x4f, op(DEC, ['Zv'], i64)),
  ...rows(0x50, 0x57, op(stack.PUSH, ['Zv'], d64)),
  ...rows(0x58, 0x5f, op(stack.POP, ['Zv'], d64)),
  0x60: op(stack.PUSHA, [], i64),
  0x61: op(stack.POPA, [], i64),
  // 16-bit operand size reads a word: hence z.
  0x63: byMode(op(data.MOVSXD, ['Gv', 'Ez']), undefined),
  0x68: op(stack.PUSH, ['Iz'], d64),
  0x69: op(arithmetic.IMUL3, ['Gv', 'Ev', 'Iz']),
  0x6a: op(stack.PUSH, ['Ibs'], d64),
  0x6b: op(arithmetic.IMUL3, ['Gv', 'Ev', 'Ibs']),
  ...rows(0x70, 0x7f, op(control.Jcc, ['Jb'], f64)),
  0x80: group1('Eb', 'Ib'),
  0x81: group1('Ev', 'Iz'),
  0x82: group1('Eb', 'Ib', i64),
  0x83: group1('Ev', 'Ibs'),
  0x84: op(TEST, ['Eb', 'Gb']),
  0x85: op(TEST, ['Ev', 'Gv']),
  0x86: op(data.XCHG, ['Eb', 'Gb'], lock),
  0x87: op(data.XCHG, ['Ev', 'Gv'], lock),
  0x88: op(data.MOV, ['Eb', 'Gb']),
  0x89: op(data.MOV, ['Ev', 'Gv']),
  0x8a: op(data.MOV, ['Gb', 'Eb']),
  0x8b: op(data.MOV, ['Gv', 'Ev']),
  0x8d: op(data.LEA, ['Gv', 'M']),
  0x8f: group({ 0: byMod({ memory: op(stack.POP_MEMORY, ['Ev'], d64), register: op(stack.POP, ['Ev'], d64) }) }),
};

const xchgWithAccumulator = op(data.XCHG, ['Zv', 'rAX']);

const primary90toFF: OpcodeMap = {
  0x90: byRex('B', {
    clear: byPrefix({ none: op(misc.NOP, []), p66: op(misc.NOP, []), f3: op(misc.PAUSE, []) }),
    set: xchgWithAccumulator,
  }),
  ...rows(0x91, 0x97, xchgWithAccumulator),
  0x98: op(data.CBW, []),
  0x99: op(data.CWD, []),
  0x9e: byMode(op(flags.SAHF, [], { feature: 'lahf_lm' }), op(flags.SAHF, [])),
  0x9f: byMode(op(flags.LAHF, [], { feature: 'lahf_lm' }), op(flags.LAHF, [])),
  0xa0: op(data.MOV, ['AL', 'Ob']),
  0xa1: op(data.MOV, ['rAX', 'Ov']),
  0xa2: op(data.MOV, ['Ob', 'AL']),
  0xa3: op(data.MOV, ['Ov', 'rAX']),
  0xa4: op(string.MOVSB, [], repeat),
  0xa5: op(string.MOVS, [], repeat),
  0xa6: op(string.CMPSB, [], repeat),
  0xa7: op(string.CMPS, [], repeat),
  0xa8: op(TEST, ['AL', 'Ib']),
  0xa9: op(TEST, ['rAX', 'Iz']),
  0xaa: op(string.STOSB, [], repeat),
  0xab: op(string.STOS, [], repeat),
  0xac: op(string.LODSB, [], repeat),
  0xad: op(string.LODS, [], repeat),
  0xae: op(string.SCASB, [], repeat),
  0xaf: op(string.SCAS, [], repeat),
  ...rows(0xb0, 0xb7, op(data.MOV, ['Zb', 'Ib'])),
  ...rows(0xb8, 0xbf, op(data.MOV, ['Zv', 'Iv'])),
  0xc0: group2('Eb', 'Ib'),
  0xc1: group2('Ev', 'Ib'),
  0xc2: op(control.RET_IMMEDIATE, ['Iw'], f64),
  0xc3: op(control.RET, [], f64),
  0xc6: group({ 0: op(data.MOV, ['Eb', 'Ib']) }),
  0xc7: group({ 0: op(data.MOV, ['Ev', 'Iz']) }),
  0xc8: op(stack.ENTER, ['Iw', 'Ib'], d64),
  0xc9: op(stack.LEAVE, [], d64),
  0xd0: group2By1('Eb'),
  0xd1: group2By1('Ev'),
  0xd2: group2('Eb', 'CL'),
  0xd3: group2('Ev', 'CL'),
  0xd4: op(decimal.AAM, ['Ib'], i64),
  0xd5: op(decimal.AAD, ['Ib'], i64),
  0xd6: op(decimal.SALC, [], i64),
  0xd7: op(data.XLAT, []),
  0xe0: op(control.LOOPNE, ['Jb'], f64),
  0xe1: op(control.LOOPE, ['Jb'], f64),
  0xe2: op(control.LOOP, ['Jb'], f64),
  0xe3: op(control.JCXZ, ['Jb'], f64),
  0xe8: op(control.CALL, ['Jz'], f64),
  0xe9: op(control.JMP, ['Jz'], f64),
  0xeb: op(control.JMP, ['Jb'], f64),
  0xf5: op(flags.CMC, []),
  0xf6: group3('Eb', 'Ib'),
  0xf7: group3('Ev', 'Iz'),
  0xf8: op(flags.CLC, []),
  0xf9: op(flags.STC, []),
  0xfc: op(flags.CLD, []),
  0xfd: op(flags.STD, []),
  0xfe: group({ 0: op(INC, ['Eb'], lock), 1: op(DEC, ['Eb'], lock) }),
  0xff: group({
    0: op(INC, ['Ev'], lock),
    1: op(DEC, ['Ev'], lock),
    2: op(control.CALL_INDIRECT, ['Ev'], f64),
    4: op(control.JMP_INDIRECT, ['Ev'], f64),
    6: op(stack.PUSH, ['Ev'], d64),
  }),
};

export const primary: OpcodeMap = { ...primary00to8F, ...primary90toFF };

const hint = op(misc.NOP_OPERAND, ['Ev']);
const prefetch = op(misc.PREFETCH, ['M']);

/** A form where 66 only means the operand size, and F3 selects another. */
const withF3 = (plain: Entry, f3: Entry): Entry => byPrefix({ none: plain, p66: plain, f3 });

const BSF = op(bit.BSF, ['Gv', 'Ev']);
const BSR = op(bit.BSR, ['Gv', 'Ev']);
const bitRow = (meaning: Binary): Row => op(meaning, ['Ev', 'Gv'], lock);
const bitImmediateRow = (meaning: Binary): Row => op(meaning, ['Ev', 'Ib'], lock);
const MOVBE_LOAD = op(data.MOVBE, ['Gv', 'Mv'], { feature: 'movbe' });
const MOVBE_STORE = op(data.MOVBE, ['Mv', 'Gv'], { feature: 'movbe' });

export const map0f: OpcodeMap = {
  0x0b: op(control.UD2, []),
  0x0d: byMod({ memory: prefetch }),
  0x18: group({
    0: byMod({ memory: prefetch, register: hint }),
    1: byMod({ memory: prefetch, register: hint }),
    2: byMod({ memory: prefetch, register: hint }),
    3: byMod({ memory: prefetch, register: hint }),
    4: hint,
    5: hint,
    6: hint,
    7: hint,
  }),
  ...rows(0x19, 0x1e, hint),
  0x1f: op(misc.NOP_OPERAND, ['Ev'], { feature: 'nopl' }),
  ...rows(0x40, 0x4f, op(data.CMOVcc, ['Gv', 'Ev'], { feature: 'cmov' })),
  ...rows(0x80, 0x8f, op(control.Jcc, ['Jz'], f64)),
  ...rows(0x90, 0x9f, op(control.SETcc, ['Eb'])),
  0xa3: op(bit.BT, ['Ev', 'Gv']),
  0xa4: op(shift.SHLD, ['Ev', 'Gv', 'Ib']),
  0xa5: op(shift.SHLD, ['Ev', 'Gv', 'CL']),
  0xab: bitRow(bit.BTS),
  0xac: op(shift.SHRD, ['Ev', 'Gv', 'Ib']),
  0xad: op(shift.SHRD, ['Ev', 'Gv', 'CL']),
  0xae: group({
    5: byPrefix({ none: byMod({ register: op(misc.LFENCE, [], { feature: 'sse2' }) }) }),
    6: byPrefix({
      none: byMod({ register: op(misc.MFENCE, [], { feature: 'sse2' }) }),
      p66: byMod({ memory: op(misc.CLWB, ['Mb'], { feature: 'clwb' }) }),
    }),
    7: byPrefix({
      none: byMod({
        memory: op(misc.CLFLUSH, ['Mb'], { feature: 'clflush' }),
        register: op(misc.SFENCE, [], { feature: 'sse' }),
      }),
      p66: byMod({ memory: op(misc.CLFLUSHOPT, ['Mb'], { feature: 'clflushopt' }) }),
    }),
  }),
  0xaf: op(arithmetic.IMUL2, ['Gv', 'Ev']),
  0xb0: op(data.CMPXCHG, ['Eb', 'Gb'], { ...lock, feature: '486' }),
  0xb1: op(data.CMPXCHG, ['Ev', 'Gv'], { ...lock, feature: '486' }),
  0xb3: bitRow(bit.BTR),
  0xb6: op(data.MOVZX, ['Gv', 'Eb']),
  0xb7: op(data.MOVZX, ['Gv', 'Ew']),
  0xb8: byPrefix({ f3: op(bit.POPCNT, ['Gv', 'Ev'], { feature: 'popcnt' }) }),
  0xb9: op(control.UD1, ['Gv', 'Ev']),
  0xba: group({
    4: op(bit.BT, ['Ev', 'Ib']),
    5: bitImmediateRow(bit.BTS),
    6: bitImmediateRow(bit.BTR),
    7: bitImmediateRow(bit.BTC),
  }),
  0xbb: bitRow(bit.BTC),
  0xbc: withF3(BSF, op(bit.TZCNT, ['Gv', 'Ev'], { feature: 'bmi1', without: BSF })),
  0xbd: withF3(BSR, op(bit.LZCNT, ['Gv', 'Ev'], { feature: 'abm', without: BSR })),
  0xbe: op(data.MOVSX, ['Gv', 'Eb']),
  0xbf: op(data.MOVSX, ['Gv', 'Ew']),
  0xc0: op(data.XADD, ['Eb', 'Gb'], { ...lock, feature: '486' }),
  0xc1: op(data.XADD, ['Ev', 'Gv'], { ...lock, feature: '486' }),
  0xc3: byPrefix({ none: op(data.MOVNTI, ['My', 'Gy'], { feature: 'sse2' }) }),
  0xc7: group({
    1: byRex('W', {
      clear: op(data.CMPXCHG8B, ['Mq'], { ...lock, feature: 'cx8' }),
      set: op(data.CMPXCHG16B, ['Mdq'], { ...lock, feature: 'cx16' }),
    }),
    6: byMod({
      register: byPrefix({
        none: op(misc.RDRAND, ['Rv'], { feature: 'rdrand' }),
        p66: op(misc.RDRAND, ['Rv'], { feature: 'rdrand' }),
      }),
    }),
    7: byMod({
      register: byPrefix({
        none: op(misc.RDSEED, ['Rv'], { feature: 'rdseed' }),
        p66: op(misc.RDSEED, ['Rv'], { feature: 'rdseed' }),
      }),
    }),
  }),
  ...rows(0xc8, 0xcf, op(data.BSWAP, ['Zv'], { feature: '486' })),
  0xff: op(control.UD0, ['Gv', 'Ev']),
};

export const map0f38: OpcodeMap = {
  0xf0: byPrefix({ none: MOVBE_LOAD, p66: MOVBE_LOAD, f2: op(bit.CRC32, ['Gy', 'Eb'], { feature: 'sse4_2' }) }),
  0xf1: byPrefix({ none: MOVBE_STORE, p66: MOVBE_STORE, f2: op(bit.CRC32, ['Gy', 'Ev'], { feature: 'sse4_2' }) }),
  0xf6: byPrefix({
    p66: op(arithmetic.ADCX, ['Gy', 'Ey'], { feature: 'adx' }),
    f3: op(arithmetic.ADOX, ['Gy', 'Ey'], { feature: 'adx' }),
  }),
};

export const map0f3a: OpcodeMap = {};

const bmi1 = { feature: 'bmi1', protectedOnly: true } as const;
const bmi2 = { feature: 'bmi2', protectedOnly: true } as const;

/** VEX.128 (L = 0). VEX.W is the operand size. */
export const vex0f38: OpcodeMap = {
  0xf2: byPrefix({ none: op(bmi.ANDN, ['Gy', 'By', 'Ey'], bmi1) }),
  0xf3: byPrefix({
    none: group({
      1: op(bmi.BLSR, ['By', 'Ey'], bmi1),
      2: op(bmi.BLSMSK, ['By', 'Ey'], bmi1),
      3: op(bmi.BLSI, ['By', 'Ey'], bmi1),
    }),
  }),
  0xf5: byPrefix({
    none: op(bmi.BZHI, ['Gy', 'Ey', 'By'], bmi2),
    f3: op(bmi.PEXT, ['Gy', 'By', 'Ey'], bmi2),
    f2: op(bmi.PDEP, ['Gy', 'By', 'Ey'], bmi2),
  }),
  0xf6: byPrefix({ f2: op(bmi.MULX, ['Gy', 'By', 'Ey'], bmi2) }),
  0xf7: byPrefix({
    none: op(bmi.BEXTR, ['Gy', 'Ey', 'By'], bmi1),
    p66: op(bmi.SHLX, ['Gy', 'Ey', 'By'], bmi2),
    f3: op(bmi.SARX, ['Gy', 'Ey', 'By'], bmi2),
    f2: op(bmi.SHRX, ['Gy', 'Ey', 'By'], bmi2),
  }),
};

export const vex0f3a: OpcodeMap = {
  0xf0: byPrefix({ f2: op(bmi.RORX, ['Gy', 'Ey', 'Ib'], bmi2) }),
};
