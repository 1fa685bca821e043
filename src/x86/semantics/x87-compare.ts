import type { Instruction } from '../instruction.ts';
import { compareOperands, Ordering } from '../softfloat/compare.ts';
import { FloatException, trapped } from '../softfloat/context.ts';
import { Kind, type Unpacked, unpack, zero } from '../softfloat/unpack.ts';
import { RFLAGS, STATUS_FLAGS } from '../state.ts';
import { FSW, loadInteger, memoryFormat, stackIndex, unpackInteger, type X87Unit, x87 } from './x87-unit.ts';

/** SDM Vol. 1 §5.2.3 "x87 FPU Comparison Instructions". */

/** By Ordering: SDM Vol. 1 Table 8-6. */
const CONDITION_CODES = [FSW.C0, FSW.C3, 0, FSW.C0 | FSW.C2 | FSW.C3];
/** By Ordering: SDM Vol. 1 Table 8-7. */
const EFLAGS = [RFLAGS.CF, RFLAGS.ZF, 0, RFLAGS.ZF | RFLAGS.PF | RFLAGS.CF];

type Source = { readonly empty: boolean; readonly value: () => Unpacked };
type Report = (fpu: X87Unit, ordering: Ordering) => void;

const toConditionCodes: Report = (fpu, ordering) => fpu.setConditionCodes(CONDITION_CODES[ordering]!);
const toEflags: Report = (fpu, ordering) => fpu.cpu.setRflags((fpu.cpu.rflags() & ~STATUS_FLAGS) | EFLAGS[ordering]!);

type Options = { readonly signaling: boolean; readonly pops: number; readonly report?: Report };

/** Compares ST(0) with `source`. An unmasked #I leaves codes and stack as they are. */
function compareWith(fpu: X87Unit, source: Source, { signaling, pops, report = toConditionCodes }: Options): void {
  let ordering: Ordering = Ordering.Unordered;
  if (fpu.isEmpty(0) || source.empty) fpu.stackUnderflow();
  else ordering = compareOperands(fpu.unpack(0), source.value(), fpu.ctx, signaling);
  if (trapped(fpu.ctx, FloatException.Invalid)) return;
  report(fpu, ordering);
  if (fpu.suppressed) return;
  for (let i = 0; i < pops; i++) fpu.pop();
}

function register(fpu: X87Unit, i: number): Source {
  return { empty: fpu.isEmpty(i), value: () => fpu.unpack(i) };
}

/** The one operand: memory or ST(i). */
function operandSource(fpu: X87Unit, instruction: Instruction): Source {
  if (instruction.operands[0]?.kind === 'st') return register(fpu, stackIndex(instruction, 0));
  const bits = fpu.cpu.readOperand(instruction, 0);
  return { empty: false, value: () => unpack(memoryFormat(instruction), bits, fpu.ctx) };
}

const comparison = (name: string, options: Options) =>
  x87(name, (fpu, instruction) => compareWith(fpu, operandSource(fpu, instruction), options));
export const FCOM = comparison('FCOM', { signaling: true, pops: 0 });
export const FCOMP = comparison('FCOMP', { signaling: true, pops: 1 });
export const FCOMPP = comparison('FCOMPP', { signaling: true, pops: 2 });
export const FUCOM = comparison('FUCOM', { signaling: false, pops: 0 });
export const FUCOMP = comparison('FUCOMP', { signaling: false, pops: 1 });
export const FUCOMPP = comparison('FUCOMPP', { signaling: false, pops: 2 });
export const FCOMI = comparison('FCOMI', { signaling: true, pops: 0, report: toEflags });
export const FCOMIP = comparison('FCOMIP', { signaling: true, pops: 1, report: toEflags });
export const FUCOMI = comparison('FUCOMI', { signaling: false, pops: 0, report: toEflags });
export const FUCOMIP = comparison('FUCOMIP', { signaling: false, pops: 1, report: toEflags });

const integerComparison = (name: string, pops: number) =>
  x87(name, (fpu, instruction) => {
    const value = loadInteger(fpu.cpu, instruction);
    compareWith(fpu, { empty: false, value: () => unpackInteger(value) }, { signaling: true, pops });
  });
export const FICOM = integerComparison('FICOM', 0);
export const FICOMP = integerComparison('FICOMP', 1);

export const FTST = x87('FTST', (fpu) =>
  compareWith(fpu, { empty: false, value: () => zero(0) }, { signaling: true, pops: 0 }),
);

const EMPTY_CLASS = FSW.C3 | FSW.C0;
const DENORMAL_CLASS = FSW.C3 | FSW.C2;
/** By Kind: SDM Vol. 2A FXAM, Table 3-61. */
const CLASSES: Readonly<Record<Kind, number>> = {
  [Kind.Zero]: FSW.C3,
  [Kind.Finite]: FSW.C2,
  [Kind.Infinite]: FSW.C2 | FSW.C0,
  [Kind.QuietNan]: FSW.C0,
  [Kind.SignalingNan]: FSW.C0,
  [Kind.Unsupported]: 0,
};

export const FXAM = x87('FXAM', (fpu) => {
  const x = fpu.unpack(0);
  fpu.setConditionCodes(fpu.isEmpty(0) ? EMPTY_CLASS : x.denormal ? DENORMAL_CLASS : CLASSES[x.kind]);
  fpu.setC1(x.sign === 1);
});
