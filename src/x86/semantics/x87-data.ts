import type { Instruction } from '../instruction.ts';
import type { Processor } from '../processor.ts';
import { packBcd, unpackBcd } from '../softfloat/bcd.ts';
import { type ConstantName, constant } from '../softfloat/constants.ts';
import { FloatException, Rounding, trapped } from '../softfloat/context.ts';
import { convert, fromInteger, type IntegerTarget, toInteger } from '../softfloat/convert.ts';
import { F80 } from '../softfloat/formats.ts';
import { RFLAGS } from '../state.ts';
import { FSW, loadInteger, memoryBits, memoryFormat, stackIndex, type X87Unit, x87 } from './x87-unit.ts';

/** SDM Vol. 1 §5.2.1 "x87 FPU Data Transfer Instructions", §5.2.5 "x87 FPU Load Constants Instructions". */

/** Pushes what `load` yields, or on overflow the indefinite if that is masked. */
function push(fpu: X87Unit, load: () => bigint): void {
  const full = !fpu.isEmpty(-1);
  if (full && !fpu.stackOverflow()) return;
  const value = full ? F80.indefinite : load();
  // An unmasked #D of FLD m32 or m64 does not keep the value from being pushed.
  if (full || !trapped(fpu.ctx, FloatException.Invalid)) fpu.push(value);
}

/** m32fp, m64fp, m80fp. */
export const FLD = x87('FLD', (fpu, instruction) => {
  const bits = fpu.cpu.readOperand(instruction, 0);
  push(fpu, () => (memoryBits(instruction) === 80 ? bits : convert(memoryFormat(instruction), F80, bits, fpu.ctx)));
});

/** ST(i). */
export const FLD_ST = x87('FLD', (fpu, instruction) => {
  const i = stackIndex(instruction, 0);
  if (!fpu.isEmpty(i)) push(fpu, () => fpu.read(i));
  else if (fpu.stackUnderflow()) fpu.push(F80.indefinite);
});

export const FILD = x87('FILD', (fpu, instruction) => {
  const value = loadInteger(fpu.cpu, instruction);
  push(fpu, () => fromInteger(F80, value, fpu.ctx));
});

export const FBLD = x87('FBLD', (fpu, instruction) => {
  const bits = fpu.cpu.readOperand(instruction, 0);
  push(fpu, () => unpackBcd(bits, fpu.ctx));
});

const load = (name: string, value: ConstantName) => x87(name, (fpu) => push(fpu, () => constant(value, fpu.ctx)));
export const FLD1 = load('FLD1', 'one');
export const FLDL2T = load('FLDL2T', 'log2Of10');
export const FLDL2E = load('FLDL2E', 'log2OfE');
export const FLDPI = load('FLDPI', 'pi');
export const FLDLG2 = load('FLDLG2', 'log10Of2');
export const FLDLN2 = load('FLDLN2', 'lnOf2');
export const FLDZ = load('FLDZ', 'zero');

/** Without these, nothing is stored in memory. SDM Vol. 1 §8.5.4, §8.5.5. */
const STORE_SUPPRESSING = FloatException.Invalid | FloatException.Overflow | FloatException.Underflow;

/** A page fault of the destination comes before an exception that suppresses the store, as on silicon. */
function probeStore(cpu: Processor, instruction: Instruction): void {
  cpu.probeWrite(instruction.segment, cpu.effectiveAddress(instruction), memoryBits(instruction) / 8);
}

/** Stores ST(0) in memory as `narrow` gives it, `indefinite` if it is empty. */
function store(
  fpu: X87Unit,
  instruction: Instruction,
  how: { readonly narrow: (a: bigint) => bigint; readonly indefinite: () => bigint; readonly pop: boolean },
): void {
  const empty = fpu.isEmpty(0);
  if (empty && !fpu.stackUnderflow()) return probeStore(fpu.cpu, instruction);
  const value = empty ? how.indefinite() : how.narrow(fpu.read(0));
  if (trapped(fpu.ctx, STORE_SUPPRESSING)) return probeStore(fpu.cpu, instruction);
  fpu.cpu.writeOperand(instruction, 0, value);
  if (how.pop) fpu.pop();
}

const storeFloat = (name: string, pop: boolean) =>
  x87(name, (fpu, instruction) => {
    const format = memoryBits(instruction) === 80 ? F80 : memoryFormat(instruction);
    const narrow = (a: bigint): bigint => (format === F80 ? a : convert(F80, format, a, fpu.ctx));
    store(fpu, instruction, { narrow, indefinite: () => format.indefinite, pop });
  });
export const FST = storeFloat('FST', false);
export const FSTP = storeFloat('FSTP', true);

const storeInteger = (name: string, options: { pop: boolean; rounding?: Rounding }) =>
  x87(name, (fpu, instruction) => {
    const widthBits = memoryBits(instruction) as IntegerTarget['widthBits'];
    const target: IntegerTarget =
      options.rounding === undefined ? { widthBits } : { widthBits, rounding: options.rounding };
    store(fpu, instruction, {
      narrow: (a) => toInteger(F80, a, fpu.ctx, target),
      indefinite: () => 1n << BigInt(widthBits - 1),
      pop: options.pop,
    });
  });
export const FIST = storeInteger('FIST', { pop: false });
export const FISTP = storeInteger('FISTP', { pop: true });
export const FISTTP = storeInteger('FISTTP', { pop: true, rounding: Rounding.Zero });

export const FBSTP = x87('FBSTP', (fpu, instruction) =>
  store(fpu, instruction, {
    narrow: (a) => packBcd(a, fpu.ctx),
    indefinite: () => packBcd(F80.indefinite, fpu.ctx),
    pop: true,
  }),
);

const storeRegister = (name: string, pop: boolean) =>
  x87(name, (fpu, instruction) => {
    const empty = fpu.isEmpty(0);
    if (empty && !fpu.stackUnderflow()) return;
    fpu.write(stackIndex(instruction, 0), empty ? F80.indefinite : fpu.read(0));
    if (pop) fpu.pop();
  });
/** ST(i). */
export const FST_ST = storeRegister('FST', false);
export const FSTP_ST = storeRegister('FSTP', true);

/** D9 D8+i, not in the manual: FSTP that reports no stack fault; from an empty register it only pops. */
export const FSTPNCE = x87('FSTPNCE', (fpu, instruction) => {
  if (!fpu.isEmpty(0)) fpu.write(stackIndex(instruction, 0), fpu.read(0));
  fpu.pop();
});

export const FXCH = x87('FXCH', (fpu, instruction) => {
  const i = stackIndex(instruction, 0);
  const [emptyTop, emptyOther] = [fpu.isEmpty(0), fpu.isEmpty(i)];
  if ((emptyTop || emptyOther) && !fpu.stackUnderflow()) return;
  const top = emptyTop ? F80.indefinite : fpu.read(0);
  const other = emptyOther ? F80.indefinite : fpu.read(i);
  fpu.write(0, other);
  fpu.write(i, top);
});

/** FCMOVcc: moves ST(i) to ST(0) if any of `flags` is set (or with `negated`, none). C1 changes on a stack fault only. */
const conditionalMove = (name: string, flags: number, negated: boolean) =>
  x87(name, (fpu, instruction) => {
    const i = stackIndex(instruction, 0);
    const empty = fpu.isEmpty(0) || fpu.isEmpty(i);
    fpu.setC1((fpu.conditionCodes & FSW.C1) !== 0);
    if (empty && !fpu.stackUnderflow()) return;
    const holds = ((fpu.cpu.rflags() & flags) !== 0) !== negated;
    if (empty) fpu.write(0, F80.indefinite);
    else if (holds) fpu.write(0, fpu.read(i));
  });
export const FCMOVB = conditionalMove('FCMOVB', RFLAGS.CF, false);
export const FCMOVE = conditionalMove('FCMOVE', RFLAGS.ZF, false);
export const FCMOVBE = conditionalMove('FCMOVBE', RFLAGS.CF | RFLAGS.ZF, false);
export const FCMOVU = conditionalMove('FCMOVU', RFLAGS.PF, false);
export const FCMOVNB = conditionalMove('FCMOVNB', RFLAGS.CF, true);
export const FCMOVNE = conditionalMove('FCMOVNE', RFLAGS.ZF, true);
export const FCMOVNBE = conditionalMove('FCMOVNBE', RFLAGS.CF | RFLAGS.ZF, true);
export const FCMOVNU = conditionalMove('FCMOVNU', RFLAGS.PF, true);
