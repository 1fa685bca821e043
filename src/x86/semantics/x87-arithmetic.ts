import type { Instruction } from '../instruction.ts';
import { addOperands, subtractOperands } from '../softfloat/add.ts';
import type { FloatContext } from '../softfloat/context.ts';
import { roundToIntegral } from '../softfloat/convert.ts';
import { divideOperands, squareRoot } from '../softfloat/divide.ts';
import { F80, type FloatFormat } from '../softfloat/formats.ts';
import { multiplyOperands } from '../softfloat/multiply.ts';
import { partialRemainder } from '../softfloat/remainder.ts';
import { extract, scale } from '../softfloat/scale.ts';
import { type Unpacked, unpack } from '../softfloat/unpack.ts';
import { FSW, loadInteger, memoryFormat, stackIndex, unpackInteger, type X87Unit, x87 } from './x87-unit.ts';

/** SDM Vol. 1 §5.2.2 "x87 FPU Basic Arithmetic Instructions". */

type Operation = (format: FloatFormat, x: Unpacked, y: Unpacked, ctx: FloatContext) => bigint;
const swapped =
  (operation: Operation): Operation =>
  (format, x, y, ctx) =>
    operation(format, y, x, ctx);

/** destination := destination op source, unless a register is empty or an exception suppresses it; true if done. */
function combine(
  fpu: X87Unit,
  operation: Operation,
  destination: number,
  source: { readonly empty: boolean; readonly value: () => Unpacked },
): boolean {
  if (fpu.isEmpty(destination) || source.empty) {
    if (!fpu.stackUnderflow()) return false;
    fpu.write(destination, F80.indefinite);
    return true;
  }
  const result = operation(F80, fpu.unpack(destination), source.value(), fpu.ctx);
  if (fpu.suppressed) return false;
  fpu.write(destination, result);
  return true;
}

function registerOperands(fpu: X87Unit, instruction: Instruction, operation: Operation): boolean {
  const source = stackIndex(instruction, 1);
  const value = (): Unpacked => fpu.unpack(source);
  return combine(fpu, operation, stackIndex(instruction, 0), { empty: fpu.isEmpty(source), value });
}

const arithmetic = (name: string, operation: Operation) =>
  x87(name, (fpu, instruction) => {
    if (instruction.operands[0]?.kind !== 'memory') {
      registerOperands(fpu, instruction, operation);
      return;
    }
    const bits = fpu.cpu.readOperand(instruction, 0);
    const value = (): Unpacked => unpack(memoryFormat(instruction), bits, fpu.ctx);
    combine(fpu, operation, 0, { empty: false, value });
  });

const arithmeticPop = (name: string, operation: Operation) =>
  x87(name, (fpu, instruction) => {
    if (registerOperands(fpu, instruction, operation)) fpu.pop();
  });

const integerArithmetic = (name: string, operation: Operation) =>
  x87(name, (fpu, instruction) => {
    const value = loadInteger(fpu.cpu, instruction);
    combine(fpu, operation, 0, { empty: false, value: () => unpackInteger(value) });
  });

const subtractReversed = swapped(subtractOperands);
const divideReversed = swapped(divideOperands);

export const FADD = arithmetic('FADD', addOperands);
export const FMUL = arithmetic('FMUL', multiplyOperands);
export const FSUB = arithmetic('FSUB', subtractOperands);
export const FSUBR = arithmetic('FSUBR', subtractReversed);
export const FDIV = arithmetic('FDIV', divideOperands);
export const FDIVR = arithmetic('FDIVR', divideReversed);

export const FADDP = arithmeticPop('FADDP', addOperands);
export const FMULP = arithmeticPop('FMULP', multiplyOperands);
export const FSUBP = arithmeticPop('FSUBP', subtractOperands);
export const FSUBRP = arithmeticPop('FSUBRP', subtractReversed);
export const FDIVP = arithmeticPop('FDIVP', divideOperands);
export const FDIVRP = arithmeticPop('FDIVRP', divideReversed);

export const FIADD = integerArithmetic('FIADD', addOperands);
export const FIMUL = integerArithmetic('FIMUL', multiplyOperands);
export const FISUB = integerArithmetic('FISUB', subtractOperands);
export const FISUBR = integerArithmetic('FISUBR', subtractReversed);
export const FIDIV = integerArithmetic('FIDIV', divideOperands);
export const FIDIVR = integerArithmetic('FIDIVR', divideReversed);

/** ST(0) := f(ST(0)). */
export const unary = (name: string, f: (a: bigint, ctx: FloatContext) => bigint) =>
  x87(name, (fpu) => {
    const empty = fpu.isEmpty(0);
    if (empty && !fpu.stackUnderflow()) return;
    const result = empty ? F80.indefinite : f(fpu.read(0), fpu.ctx);
    if (empty || !fpu.suppressed) fpu.write(0, result);
  });

const SIGN = 1n << 79n;

export const FCHS = unary('FCHS', (a) => a ^ SIGN);
export const FABS = unary('FABS', (a) => a & ~SIGN);
export const FSQRT = unary('FSQRT', (a, ctx) => squareRoot(F80, a, ctx));
export const FRNDINT = unary('FRNDINT', (a, ctx) => roundToIntegral(F80, a, ctx));

/** False if ST(0) or ST(1) is empty; then ST(0) holds what the masked response is. */
function hasTwoOperands(fpu: X87Unit): boolean {
  if (!fpu.isEmpty(0) && !fpu.isEmpty(1)) return true;
  if (fpu.stackUnderflow()) fpu.write(0, F80.indefinite);
  return false;
}

export const FSCALE = x87('FSCALE', (fpu) => {
  if (!hasTwoOperands(fpu)) return;
  const result = scale(fpu.read(0), fpu.read(1), fpu.ctx);
  if (!fpu.suppressed) fpu.write(0, result);
});

/** C2: the reduction is not complete (FPREM), or the argument out of range (FSIN). */
export function setIncomplete(fpu: X87Unit, incomplete: boolean): void {
  fpu.setConditionCodes(incomplete ? fpu.conditionCodes | FSW.C2 : fpu.conditionCodes & ~FSW.C2);
}

const remainder = (name: string, quotient: 'truncate' | 'nearest') =>
  x87(name, (fpu) => {
    setIncomplete(fpu, false);
    if (!hasTwoOperands(fpu)) return;
    const result = partialRemainder(fpu.read(0), fpu.read(1), fpu.ctx, quotient);
    if (fpu.suppressed) return;
    fpu.write(0, result.value);
    if (result.conditionCodes === undefined) return;
    fpu.setConditionCodes(result.conditionCodes);
    fpu.setC1((result.conditionCodes & FSW.C1) !== 0);
  });
export const FPREM = remainder('FPREM', 'truncate');
export const FPREM1 = remainder('FPREM1', 'nearest');

/** False if ST(0) is empty or there is no room to push; then both results are what the masked response is. */
export function canReplaceAndPush(fpu: X87Unit): boolean {
  const empty = fpu.isEmpty(0);
  if (!empty && fpu.isEmpty(-1)) return true;
  if (empty ? fpu.stackUnderflow() : fpu.stackOverflow()) {
    fpu.write(0, F80.indefinite);
    fpu.push(F80.indefinite);
  }
  return false;
}

export const FXTRACT = x87('FXTRACT', (fpu) => {
  if (!canReplaceAndPush(fpu)) return;
  const { exponent, significand } = extract(fpu.read(0), fpu.ctx);
  if (fpu.suppressed) return;
  fpu.write(0, exponent);
  fpu.push(significand);
});
