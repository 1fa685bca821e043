import { FXRSTOR, FXSAVE } from '../semantics/fxsave.ts';
import * as arithmetic from '../semantics/x87-arithmetic.ts';
import * as compare from '../semantics/x87-compare.ts';
import * as control from '../semantics/x87-control.ts';
import * as data from '../semantics/x87-data.ts';
import * as environment from '../semantics/x87-environment.ts';
import * as transcendental from '../semantics/x87-transcendental.ts';
import type { Procedure } from '../semantics.ts';
import {
  byMod,
  byPrefix,
  type Entry,
  type Feature,
  group,
  type OpcodeMap,
  type OperandCode,
  op,
  type Row,
} from './row.ts';

/** Escape opcodes D8-DF in the order of SDM Vol. 2D App. A.5, FWAIT, FXSAVE and FXRSTOR. */

const row = (meaning: Procedure, operands: readonly OperandCode[] = [], feature: Feature = 'fpu'): Row =>
  op(meaning, operands, { feature, unit: 'x87' });

/** Register forms of one ModR/M.reg that differ in rm. */
const byRm = (forms: Readonly<Record<number, Entry>>): Entry => byMod({ byRm: forms });

type Forms = Readonly<Record<number, Entry>>;
/** Memory forms by ModR/M.reg, then register forms. */
const escapeForms = (memory: Forms, register: Forms): Entry =>
  byMod({ memory: group(memory), register: group(register) });

const FLOAT_BINARY = [
  arithmetic.FADD,
  arithmetic.FMUL,
  compare.FCOM,
  compare.FCOMP,
  arithmetic.FSUB,
  arithmetic.FSUBR,
  arithmetic.FDIV,
  arithmetic.FDIVR,
] as const;
const INTEGER_BINARY = [
  arithmetic.FIADD,
  arithmetic.FIMUL,
  compare.FICOM,
  compare.FICOMP,
  arithmetic.FISUB,
  arithmetic.FISUBR,
  arithmetic.FIDIV,
  arithmetic.FIDIVR,
] as const;

/** Eight memory forms of one operand code. */
const memoryColumn = (meanings: readonly Procedure[], code: OperandCode): Forms =>
  Object.fromEntries(meanings.map((meaning, reg) => [reg, row(meaning, [code])]));

const ST0_STI = ['ST0', 'STi'] as const;
const STI_ST0 = ['STi', 'ST0'] as const;
const STI = ['STi'] as const;

const D8 = escapeForms(memoryColumn(FLOAT_BINARY, 'Md'), {
  0: row(arithmetic.FADD, ST0_STI),
  1: row(arithmetic.FMUL, ST0_STI),
  2: row(compare.FCOM, STI),
  3: row(compare.FCOMP, STI),
  4: row(arithmetic.FSUB, ST0_STI),
  5: row(arithmetic.FSUBR, ST0_STI),
  6: row(arithmetic.FDIV, ST0_STI),
  7: row(arithmetic.FDIVR, ST0_STI),
});

const D9 = escapeForms(
  {
    0: row(data.FLD, ['Md']),
    2: row(data.FST, ['Md']),
    3: row(data.FSTP, ['Md']),
    4: row(environment.FLDENV, ['M']),
    5: row(control.FLDCW, ['Mw']),
    6: row(environment.FNSTENV, ['M']),
    7: row(control.FNSTCW, ['Mw']),
  },
  {
    0: row(data.FLD_ST, STI),
    1: row(data.FXCH, STI),
    2: byRm({ 0: row(control.FNOP) }),
    // Without an entry in the manual.
    3: row(data.FSTPNCE, STI),
    4: byRm({ 0: row(arithmetic.FCHS), 1: row(arithmetic.FABS), 4: row(compare.FTST), 5: row(compare.FXAM) }),
    5: byRm({
      0: row(data.FLD1),
      1: row(data.FLDL2T),
      2: row(data.FLDL2E),
      3: row(data.FLDPI),
      4: row(data.FLDLG2),
      5: row(data.FLDLN2),
      6: row(data.FLDZ),
    }),
    6: byRm({
      0: row(transcendental.F2XM1),
      1: row(transcendental.FYL2X),
      2: row(transcendental.FPTAN),
      3: row(transcendental.FPATAN),
      4: row(arithmetic.FXTRACT),
      5: row(arithmetic.FPREM1),
      6: row(control.FDECSTP),
      7: row(control.FINCSTP),
    }),
    7: byRm({
      0: row(arithmetic.FPREM),
      1: row(transcendental.FYL2XP1),
      2: row(arithmetic.FSQRT),
      3: row(transcendental.FSINCOS),
      4: row(arithmetic.FRNDINT),
      5: row(arithmetic.FSCALE),
      6: row(transcendental.FSIN),
      7: row(transcendental.FCOS),
    }),
  },
);

const DA = escapeForms(memoryColumn(INTEGER_BINARY, 'Md'), {
  0: row(data.FCMOVB, STI, 'cmov'),
  1: row(data.FCMOVE, STI, 'cmov'),
  2: row(data.FCMOVBE, STI, 'cmov'),
  3: row(data.FCMOVU, STI, 'cmov'),
  5: byRm({ 1: row(compare.FUCOMPP, STI) }),
});

const DB = escapeForms(
  {
    0: row(data.FILD, ['Md']),
    1: row(data.FISTTP, ['Md'], 'sse3'),
    2: row(data.FIST, ['Md']),
    3: row(data.FISTP, ['Md']),
    5: row(data.FLD, ['Mt']),
    7: row(data.FSTP, ['Mt']),
  },
  {
    0: row(data.FCMOVNB, STI, 'cmov'),
    1: row(data.FCMOVNE, STI, 'cmov'),
    2: row(data.FCMOVNBE, STI, 'cmov'),
    3: row(data.FCMOVNU, STI, 'cmov'),
    4: byRm({
      0: row(control.FENI),
      1: row(control.FDISI),
      2: row(control.FNCLEX),
      3: row(control.FNINIT),
      4: row(control.FSETPM),
    }),
    5: row(compare.FUCOMI, STI, 'cmov'),
    6: row(compare.FCOMI, STI, 'cmov'),
  },
);

const DC = escapeForms(memoryColumn(FLOAT_BINARY, 'Mq'), {
  0: row(arithmetic.FADD, STI_ST0),
  1: row(arithmetic.FMUL, STI_ST0),
  // Aliases without an entry in the manual.
  2: row(compare.FCOM, STI),
  3: row(compare.FCOMP, STI),
  4: row(arithmetic.FSUBR, STI_ST0),
  5: row(arithmetic.FSUB, STI_ST0),
  6: row(arithmetic.FDIVR, STI_ST0),
  7: row(arithmetic.FDIV, STI_ST0),
});

const DD = escapeForms(
  {
    0: row(data.FLD, ['Mq']),
    1: row(data.FISTTP, ['Mq'], 'sse3'),
    2: row(data.FST, ['Mq']),
    3: row(data.FSTP, ['Mq']),
    4: row(environment.FRSTOR, ['M']),
    6: row(environment.FNSAVE, ['M']),
    7: row(control.FNSTSW, ['Mw']),
  },
  {
    0: row(control.FFREE, STI),
    // Alias without an entry in the manual.
    1: row(data.FXCH, STI),
    2: row(data.FST_ST, STI),
    3: row(data.FSTP_ST, STI),
    4: row(compare.FUCOM, STI),
    5: row(compare.FUCOMP, STI),
  },
);

const DE = escapeForms(memoryColumn(INTEGER_BINARY, 'Mw'), {
  0: row(arithmetic.FADDP, STI_ST0),
  1: row(arithmetic.FMULP, STI_ST0),
  // Alias without an entry in the manual.
  2: row(compare.FCOMP, STI),
  3: byRm({ 1: row(compare.FCOMPP, STI) }),
  4: row(arithmetic.FSUBRP, STI_ST0),
  5: row(arithmetic.FSUBP, STI_ST0),
  6: row(arithmetic.FDIVRP, STI_ST0),
  7: row(arithmetic.FDIVP, STI_ST0),
});

const DF = escapeForms(
  {
    0: row(data.FILD, ['Mw']),
    1: row(data.FISTTP, ['Mw'], 'sse3'),
    2: row(data.FIST, ['Mw']),
    3: row(data.FISTP, ['Mw']),
    4: row(data.FBLD, ['Mt']),
    5: row(data.FILD, ['Mq']),
    6: row(data.FBSTP, ['Mt']),
    7: row(data.FISTP, ['Mq']),
  },
  {
    // FFREEP and three aliases without an entry in the manual.
    0: row(control.FFREEP, STI),
    1: row(data.FXCH, STI),
    2: row(data.FSTP_ST, STI),
    3: row(data.FSTP_ST, STI),
    4: byRm({ 0: row(control.FNSTSW, ['AX']) }),
    5: row(compare.FUCOMIP, STI, 'cmov'),
    6: row(compare.FCOMIP, STI, 'cmov'),
  },
);

export const primary: OpcodeMap = {
  // FWAIT looks at CR0.TS itself.
  155: op(control.FWAIT, [], { feature: 'fpu' }),
  216: D8,
  217: D9,
  218: DA,
  219: DB,
  220: DC,
  221: DD,
  222: DE,
  223: DF,
};

export const map0f: OpcodeMap = {
  174: byPrefix({ none: group({ 0: row(FXSAVE, ['M'], 'fxsr'), 1: row(FXRSTOR, ['M'], 'fxsr') }) }),
};
