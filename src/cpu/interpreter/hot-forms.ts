import type { Width } from '../../x86/emitter.ts';
import * as arithmetic from '../../x86/semantics/arithmetic.ts';
import * as control from '../../x86/semantics/control-transfer.ts';
import * as data from '../../x86/semantics/data-transfer.ts';
import * as logic from '../../x86/semantics/logic.ts';
import * as misc from '../../x86/semantics/miscellaneous.ts';
import * as shifts from '../../x86/semantics/shift-rotate.ts';
import * as stack from '../../x86/semantics/stack.ts';
import type { Description } from '../../x86/semantics.ts';
import type { Form, FormMemory, FormOperand } from '../ir/form.ts';
import { RECORD } from '../ir/record.ts';

/** A form with a handler inside run(). */
export interface HotForm {
  readonly form: Form;
  /** The branch after it, if the pair has one handler. */
  readonly fused: { readonly description: Description; readonly cc: number } | undefined;
  /** Writes no flags: for where they are overwritten before anything looks. */
  readonly flagsDead: boolean;
  /** Whether the next record may follow. */
  readonly falls: boolean;
}

/**
 * Operand shapes. r: register, or immediate (both are read through a pointer). m: memory without an index.
 * x: memory with an index (or an FS or GS base, which takes the index's place). j: branch displacement.
 * Numbers are widths; an operand without one has the row's width.
 */
type Shape = `${'r' | 'm' | 'x'}${'' | '8' | '16' | '32' | '64'}` | 'j';

interface Family {
  readonly of: readonly Description[];
  readonly shapes: readonly (readonly Shape[])[];
  /** w: the mode's natural width. */
  readonly widths: readonly (Width | 'w')[];
  readonly conditions?: readonly number[];
  /** Never goes on with the next record. */
  readonly ends?: true;
}

const { ADD, SUB, CMP, INC, DEC, NEG, IMUL2, ADC, SBB } = arithmetic;
const { AND, OR, XOR, TEST, NOT } = logic;
const ALL = Array.from({ length: 16 }, (_, cc) => cc);
const NATURAL = ['w'] as const;
const WORDS = [32, 64] as const;
const OCTETS_AND_WORDS = [8, 32, 64] as const;

/** What compiled code consists of, by measurement of a kernel boot. */
const FAMILIES: readonly Family[] = [
  {
    of: [data.MOV],
    widths: [8, 16, 32, 64],
    shapes: [
      ['r', 'm'],
      ['m', 'r'],
      ['r', 'x'],
      ['x', 'r'],
    ],
  },
  { of: [data.MOV], widths: OCTETS_AND_WORDS, shapes: [['r', 'r']] },
  {
    of: [ADD, SUB, AND, OR, XOR],
    widths: WORDS,
    shapes: [
      ['r', 'r'],
      ['r', 'm'],
      ['m', 'r'],
    ],
  },
  { of: [ADD, SUB, AND, OR, XOR], widths: [8], shapes: [['r', 'r']] },
  {
    of: [ADD],
    widths: WORDS,
    shapes: [
      ['r', 'x'],
      ['x', 'r'],
    ],
  },
  { of: [AND, OR], widths: [8], shapes: [['m', 'r']] },
  { of: [ADC, SBB], widths: WORDS, shapes: [['r', 'r']] },
  {
    of: [CMP],
    widths: OCTETS_AND_WORDS,
    shapes: [
      ['r', 'r'],
      ['r', 'm'],
      ['m', 'r'],
      ['r', 'x'],
      ['x', 'r'],
    ],
  },
  {
    of: [CMP],
    widths: [16],
    shapes: [
      ['m', 'r'],
      ['r', 'm'],
    ],
  },
  {
    of: [TEST],
    widths: OCTETS_AND_WORDS,
    shapes: [
      ['r', 'r'],
      ['m', 'r'],
    ],
  },
  { of: [INC, DEC], widths: WORDS, shapes: [['r'], ['m']] },
  { of: [DEC, INC], widths: [32], shapes: [['x']] },
  { of: [NEG, NOT], widths: WORDS, shapes: [['r']] },
  {
    of: [IMUL2],
    widths: WORDS,
    shapes: [
      ['r', 'r'],
      ['r', 'm'],
    ],
  },
  { of: [shifts.SHL, shifts.SHR, shifts.SAR], widths: WORDS, shapes: [['r', 'r8']] },
  { of: [shifts.SHL1, shifts.SHR1, shifts.SAR1], widths: WORDS, shapes: [['r']] },
  { of: [shifts.ROL, shifts.ROR], widths: WORDS, shapes: [['r', 'r8']] },
  {
    of: [data.MOVZX],
    widths: [32],
    shapes: [
      ['r', 'r8'],
      ['r', 'r16'],
      ['r', 'm8'],
      ['r', 'm16'],
      ['r', 'x8'],
      ['r', 'x16'],
    ],
  },
  {
    of: [data.MOVSX],
    widths: WORDS,
    shapes: [
      ['r', 'r8'],
      ['r', 'r16'],
      ['r', 'm8'],
      ['r', 'm16'],
    ],
  },
  {
    of: [data.MOVSXD],
    widths: [64],
    shapes: [
      ['r', 'r32'],
      ['r', 'm32'],
      ['r', 'x32'],
    ],
  },
  {
    of: [data.LEA],
    widths: WORDS,
    shapes: [
      ['r', 'm'],
      ['r', 'x'],
    ],
  },
  { of: [data.XCHG], widths: WORDS, shapes: [['r', 'r']] },
  { of: [data.CBW, data.CWD], widths: WORDS, shapes: [[]] },
  { of: [data.CMOVcc], widths: WORDS, shapes: [['r', 'r']], conditions: [2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15] },
  { of: [control.SETcc], widths: [8], shapes: [['r']], conditions: [2, 3, 4, 5, 6, 7, 12, 13, 14, 15] },
  { of: [stack.PUSH, stack.POP], widths: NATURAL, shapes: [['r']] },
  { of: [stack.PUSH], widths: NATURAL, shapes: [['m']] },
  { of: [stack.LEAVE], widths: NATURAL, shapes: [[]] },
  { of: [control.CALL, control.JMP], widths: NATURAL, shapes: [['j']], ends: true },
  { of: [control.CALL_INDIRECT, control.JMP_INDIRECT], widths: NATURAL, shapes: [['r'], ['m'], ['x']], ends: true },
  { of: [control.RET], widths: NATURAL, shapes: [[]], ends: true },
  { of: [control.Jcc], widths: NATURAL, shapes: [['j']], conditions: ALL },
  { of: [misc.NOP, misc.PAUSE], widths: [16, 32], shapes: [[]] },
  { of: [misc.NOP_OPERAND], widths: [16, 32], shapes: [['r'], ['m'], ['x']] },
];

/** Forms that have a handler without flags too. */
const FLAGLESS: readonly Family[] = [
  {
    of: [ADD, SUB, AND, OR, XOR, IMUL2],
    widths: WORDS,
    shapes: [
      ['r', 'r'],
      ['r', 'm'],
    ],
  },
  { of: [INC, DEC, NEG], widths: WORDS, shapes: [['r']] },
  { of: [shifts.SHL, shifts.SHR, shifts.SAR], widths: WORDS, shapes: [['r', 'r8']] },
  { of: [shifts.SHL1, shifts.SHR1, shifts.SAR1], widths: WORDS, shapes: [['r']] },
];

const SIGNED_AND_UNSIGNED = [2, 3, 4, 5, 6, 7, 12, 13, 14, 15];
/** Comparisons that a conditional branch follows. */
const FUSIONS: readonly Family[] = [
  { of: [CMP], widths: WORDS, shapes: [['r', 'r']], conditions: SIGNED_AND_UNSIGNED },
  { of: [CMP], widths: [8], shapes: [['r', 'r']], conditions: [4, 5, 6, 7] },
  {
    of: [CMP],
    widths: WORDS,
    shapes: [
      ['r', 'm'],
      ['m', 'r'],
    ],
    conditions: [2, 3, 4, 5, 6, 7],
  },
  { of: [CMP], widths: [8], shapes: [['m', 'r']], conditions: [4, 5] },
  { of: [TEST], widths: WORDS, shapes: [['r', 'r']], conditions: [4, 5, 8, 9, 14, 15] },
  {
    of: [TEST],
    widths: [8],
    shapes: [
      ['r', 'r'],
      ['m', 'r'],
    ],
    conditions: [4, 5],
  },
  { of: [DEC], widths: [32], shapes: [['r']], conditions: [5] },
  { of: [ADD, SUB], widths: WORDS, shapes: [['r', 'r']], conditions: [4, 5] },
  { of: [AND], widths: [32], shapes: [['r', 'r']], conditions: [4, 5] },
];

/** Descriptions whose immediates are read like registers: through a pointer, into the record. */
const IMMEDIATE_AS_REGISTER = new Set<Description>([
  ...[ADD, SUB, CMP, AND, OR, XOR, TEST, ADC, SBB],
  ...[data.MOV, stack.PUSH, shifts.SHL, shifts.SHR, shifts.SAR, shifts.ROL, shifts.ROR],
]);
export const readsImmediateAsRegister = (description: Description): boolean => IMMEDIATE_AS_REGISTER.has(description);

const SLOTS = [RECORD.first, RECORD.second, RECORD.immediate] as const;

function operandsOf(shape: readonly Shape[], width: Width): FormOperand[] {
  let slots = 0;
  return shape.map((each): FormOperand => {
    if (each === 'j') return { kind: 'relative' };
    const own = each.length > 1 ? (Number(each.slice(1)) as Width) : width;
    if (each.startsWith('r')) return { kind: 'register', slot: SLOTS[slots++] as number, width: own };
    return { kind: 'memory', bits: own };
  });
}

const memoryOf = (shape: readonly Shape[]): FormMemory | undefined => {
  const memory = shape.find((each) => each.startsWith('m') || each.startsWith('x'));
  return memory === undefined ? undefined : { indexed: memory.startsWith('x'), absolute: false, segment: 'none' };
};

function hotForm(description: Description, shape: readonly Shape[], width: Width, codeSize: 32 | 64, cc: number): Form {
  const operands = operandsOf(shape, width).map((operand): FormOperand => {
    // LEA's memory operand is an address only.
    return operand.kind === 'memory' && description === data.LEA ? { kind: 'memory', bits: 0 } : operand;
  });
  return {
    description,
    operands,
    width: width === 8 ? 32 : width,
    addressWidth: codeSize,
    codeSize,
    stackWidth: codeSize,
    cc,
    repeat: 'none',
    unit: undefined,
    memory: memoryOf(shape),
    flat: true,
  };
}

export type HotForms = (codeSize: 32 | 64) => readonly HotForm[];

interface Variant {
  readonly family: Family;
  readonly form: Form;
  readonly cc: number;
}

/** Every form of some families that exists in a code size. */
function expand(families: readonly Family[], codeSize: 32 | 64): Variant[] {
  const variants: Variant[] = [];
  for (const family of families) {
    const widths = family.widths
      .map((width) => (width === 'w' ? codeSize : width))
      .filter((width) => width <= codeSize);
    for (const description of family.of) {
      for (const width of widths) {
        for (const shape of family.shapes) {
          for (const cc of family.conditions ?? [0]) {
            variants.push({ family, form: hotForm(description, shape, width, codeSize, cc), cc });
          }
        }
      }
    }
  }
  return variants;
}

/** All hot forms of a code size; a handler's number is its index. */
export function hotForms(codeSize: 32 | 64): HotForm[] {
  const jcc = control.Jcc as unknown as Description;
  return [
    ...expand(FAMILIES, codeSize).map(
      ({ family, form }): HotForm => ({ form, fused: undefined, flagsDead: false, falls: family.ends === undefined }),
    ),
    ...expand(FLAGLESS, codeSize).map(
      ({ form }): HotForm => ({ form, fused: undefined, flagsDead: true, falls: true }),
    ),
    ...expand(FUSIONS, codeSize).map(
      ({ form, cc }): HotForm => ({
        form: { ...form, cc: 0 },
        fused: { description: jcc, cc },
        flagsDead: false,
        falls: true,
      }),
    ),
  ];
}
