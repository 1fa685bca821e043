import type { Instruction } from '../../x86/instruction.ts';
import type { Row } from '../../x86/opcodes/row.ts';
import { MODE } from '../../x86/processor-mode.ts';
import type { Description } from '../../x86/semantics.ts';
import { SEG } from '../../x86/state.ts';
import type { Form, FormMemory, FormOperand } from '../ir/form.ts';
import { RECORD } from '../ir/record.ts';
import { readsImmediateAsRegister } from './hot-forms.ts';

const SLOTS = [RECORD.first, RECORD.second, RECORD.immediate] as const;
const SIZE_CODE = { 16: 0, 32: 1, 64: 2 } as const;
const REPEAT_CODE = { none: 0, repe: 1, repne: 2 } as const;
const INDEX_CODE = { none: 0, register: 1, segment: 2 } as const;
const SEGMENT_CODE = { none: 0, base: 1, checked: 2 } as const;

/** Descriptions whose meaning depends on the operand size although all operands have widths of their own, or that have none. */
const dependsOnWidth = (description: Description, operands: readonly FormOperand[]): boolean =>
  operands.length === 0 ||
  description.roles.length === 0 ||
  operands.some((operand) => operand.kind === 'relative') ||
  dependent.has(description.name);
const dependent = new Set(['CALL', 'JMP', 'RET', 'PUSH', 'POP', 'PCMPESTRI', 'PCMPESTRM']);

/** Identity of forms: two instructions with the same key share a handler. */
export class FormKeys {
  readonly #ids = new Map<Description, number>();

  key(form: Form): string {
    const { description, memory } = form;
    let id = this.#ids.get(description);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(description, id);
    }
    const width = dependsOnWidth(description, form.operands) ? form.width : 0;
    const condition = description.name.endsWith('cc') ? form.cc : 0;
    const where =
      memory === undefined ? '-' : `${memory.indexed ? 'x' : 'm'}${memory.absolute ? 'a' : ''}${memory.segment}`;
    const operands = form.operands.map(operandKey).join();
    return `${id} ${operands} ${width} ${form.addressWidth} ${form.codeSize} ${form.stackWidth} ${condition} ${form.repeat} ${form.unit ?? ''} ${where} ${form.flat}`;
  }
}

const operandKey = (operand: FormOperand): string => {
  switch (operand.kind) {
    case 'register':
      return `r${operand.slot}:${operand.width}`;
    case 'immediate':
      return `i${operand.width}`;
    case 'memory':
      return `m${operand.bits}`;
    case 'relative':
      return 'j';
    default:
      return `${operand.kind}${operand.slot}`;
  }
};

/** Where the memory operand's segment base comes from. */
function segmentKind(instruction: Instruction, mode: number): FormMemory['segment'] {
  const { segment } = instruction;
  if (segment === SEG.FS) return (mode & MODE.FLAT_FS) !== 0 ? 'base' : 'checked';
  if (segment === SEG.GS) return (mode & MODE.FLAT_GS) !== 0 ? 'base' : 'checked';
  // Code segments cannot be written (64-bit mode has no override by CS).
  if (segment === SEG.CS) return 'checked';
  return (mode & MODE.FLAT) !== 0 ? 'none' : 'checked';
}

/** A number that tells forms of one row apart: everything `buildForm` looks at. */
export function variantOf(instruction: Instruction, mode: number): number {
  let kinds = 0;
  for (const operand of instruction.operands) kinds = (kinds << 1) | (operand.kind === 'memory' ? 1 : 0);
  const index = memoryIndex(instruction, mode);
  let variant = kinds;
  variant = variant * 3 + SIZE_CODE[instruction.operandSize];
  variant = variant * 3 + SIZE_CODE[instruction.addressSize];
  variant = variant * 3 + REPEAT_CODE[instruction.repeat];
  variant = variant * 3 + SEGMENT_CODE[segmentKind(instruction, mode)];
  variant = variant * 3 + INDEX_CODE[index];
  variant = variant * 2 + (isAbsolute(instruction) ? 1 : 0);
  variant = variant * 16 + (instruction.opcode & 15);
  variant = variant * 64 + (mode & (MODE.CODE_SIZE | MODE.STACK_32 | MODE.FLAT));
  return variant;
}

/**
 * What the index register's field of the record holds: a register, or (if there is none) the base of FS or GS, so that
 * accesses through these need no form of their own.
 */
export function memoryIndex(instruction: Instruction, mode: number): 'none' | 'register' | 'segment' {
  if (instruction.index >= 0) return 'register';
  // The sum is formed in the address size: only where that is the mode's own width may a base join it.
  const natural = (mode & MODE.CODE_SIZE) === MODE.CODE_64 ? 64 : 32;
  if (segmentKind(instruction, mode) === 'base' && instruction.addressSize === natural && accessesMemory(instruction))
    return 'segment';
  return 'none';
}

/** LEA forms an offset, without a segment; string instructions have no memory operand. */
const accessesMemory = (instruction: Instruction): boolean =>
  instruction.row.semantics.name !== 'LEA' && hasMemory(instruction);

const hasMemory = (instruction: Instruction): boolean =>
  instruction.operands.some((operand) => operand.kind === 'memory');

/** The form of a decoded instruction in a mode. */
export function buildForm(instruction: Instruction, description: Description, mode: number): Form {
  const row: Row = instruction.row;
  const codeSize = [16, 32, 64, 64][mode & MODE.CODE_SIZE] as 16 | 32 | 64;
  const index = memoryIndex(instruction, mode);
  const segment = segmentKind(instruction, mode);
  // Implicit operands (strings, XLAT) share one answer: their segments are all flat, or all are checked.
  const flat = (mode & MODE.FLAT) !== 0 && (hasMemory(instruction) || segment !== 'checked');
  return {
    description,
    operands: formOperands(instruction, description),
    width: instruction.operandSize,
    addressWidth: instruction.addressSize,
    codeSize,
    stackWidth: codeSize === 64 ? 64 : (mode & MODE.STACK_32) !== 0 ? 32 : 16,
    cc: instruction.opcode & 15,
    repeat: description.string === undefined ? 'none' : instruction.repeat,
    unit: row.options.unit,
    memory: hasMemory(instruction)
      ? {
          indexed: index !== 'none',
          absolute: isAbsolute(instruction),
          segment: index === 'segment' ? 'none' : segment,
        }
      : undefined,
    flat,
  };
}

/** A 64-bit address that fits no 32-bit displacement. */
export const isAbsolute = (instruction: Instruction): boolean =>
  instruction.base < 0 &&
  instruction.index < 0 &&
  !instruction.ripRelative &&
  instruction.addressSize === 64 &&
  instruction.displacementHigh !== instruction.displacement >> 31;

function formOperands(instruction: Instruction, description: Description): FormOperand[] {
  let slots = 0;
  const slot = (): number => SLOTS[slots++] as number;
  return instruction.operands.map((operand): FormOperand => {
    switch (operand.kind) {
      case 'gpr':
        return { kind: 'register', slot: slot(), width: operand.width };
      case 'immediate':
        return readsImmediateAsRegister(description)
          ? { kind: 'register', slot: slot(), width: operand.width }
          : { kind: 'immediate', width: operand.width };
      case 'memory':
        return { kind: 'memory', bits: operand.bits };
      case 'relative':
        return { kind: 'relative' };
      case 'xmm':
        return { kind: 'xmm', slot: slot(), bits: operand.bits };
      case 'mmx':
        return { kind: 'mmx', slot: slot() };
      case 'segment':
        return { kind: 'register', slot: slot(), width: 16 };
      case 'control':
        return { kind: 'register', slot: slot(), width: instruction.operandSize === 64 ? 64 : 32 };
      default:
        throw new Error(`Broken invariant: ${description.name} is a description with a ${operand.kind} operand`);
    }
  });
}
