import type { DecodedOperand, Instruction } from '../../x86/instruction.ts';
import type { Description } from '../../x86/semantics.ts';
import { controlOffset, SEG, SEGMENT, SEGMENT_BYTES, STATE, selectorOffset } from '../../x86/state.ts';
import { RECORD } from '../ir/record.ts';
import { isAbsolute, memoryIndex } from './form-registry.ts';
import { readsImmediateAsRegister } from './hot-forms.ts';

/** Writes decoded instructions as records into linear memory. */
export class RecordWriter {
  readonly #view: DataView;
  readonly #base: number;

  /** `base`: linear-memory address of the vCPU's state. */
  constructor(buffer: ArrayBuffer, base: number) {
    this.#view = new DataView(buffer);
    this.#base = base;
  }

  /** All fields but `handler` and `remaining`. `offset` is the instruction's place in its page. */
  write(record: number, instruction: Instruction, description: Description, offset: number, mode: number): void {
    this.place(record, offset, instruction.length);
    this.#operands(record, instruction, description, offset);
    this.#memory(record, instruction, offset, mode);
  }

  place(record: number, offset: number, length: number): void {
    this.#view.setUint16(record + RECORD.place, offset | (length << 12), true);
    this.#view.setUint32(record + RECORD.immediate, 0, true);
    this.#view.setUint32(record + RECORD.immediate + 4, 0, true);
  }

  /** Offset of the record's instruction in its page. */
  offset(record: number): number {
    return this.#view.getUint16(record + RECORD.place, true) & 0xfff;
  }

  setHandler(record: number, handler: number): void {
    this.#view.setUint16(record + RECORD.handler, handler, true);
  }

  handler(record: number): number {
    return this.#view.getUint16(record + RECORD.handler, true);
  }

  setRemaining(record: number, remaining: number): void {
    this.#view.setUint16(record + RECORD.remaining, remaining, true);
  }

  /** A direct branch's target, as an offset from its page's start. */
  setBranch(record: number, targetOffset: number): void {
    this.#view.setInt32(record + RECORD.displacement, targetOffset, true);
  }

  /** Where a direct branch goes, or 0 as long as that is not known. */
  setLink(record: number, target: number): void {
    this.#view.setUint32(record + RECORD.first, target, true);
  }

  #operands(record: number, instruction: Instruction, description: Description, offset: number): void {
    const view = this.#view;
    const slots = [RECORD.first, RECORD.second, RECORD.immediate] as const;
    let used = 0;
    for (const operand of instruction.operands) {
      if (operand.kind === 'immediate') {
        view.setBigUint64(record + RECORD.immediate, BigInt.asUintN(64, operand.value), true);
        if (readsImmediateAsRegister(description)) {
          view.setUint32(record + (slots[used++] as number), record + RECORD.immediate, true);
        }
      } else if (operand.kind === 'relative') {
        view.setBigInt64(record + RECORD.immediate, BigInt(operand.displacement), true);
        this.setBranch(record, offset + instruction.length + operand.displacement);
      } else if (operand.kind !== 'memory') {
        view.setUint32(record + (slots[used++] as number), this.#base + stateOffset(operand), true);
      }
    }
  }

  #memory(record: number, instruction: Instruction, offset: number, mode: number): void {
    const view = this.#view;
    view.setUint8(record + RECORD.segment, instruction.segment < 0 ? SEG.DS : instruction.segment);
    if (!instruction.operands.some((operand) => operand.kind === 'memory')) return;
    const base = instruction.ripRelative ? STATE.ripBase : register(instruction.base);
    const displacement = instruction.displacement + (instruction.ripRelative ? offset + instruction.length : 0);
    view.setUint16(record + RECORD.base, base, true);
    view.setInt32(record + RECORD.displacement, displacement, true);
    if (isAbsolute(instruction)) {
      view.setUint32(record + RECORD.immediate, instruction.displacement, true);
      view.setInt32(record + RECORD.immediate + 4, instruction.displacementHigh, true);
    }
    const byIndex = {
      none: STATE.zero,
      register: register(instruction.index),
      segment: STATE.segments + instruction.segment * SEGMENT_BYTES + SEGMENT.base,
    } as const;
    view.setUint16(record + RECORD.index, byIndex[memoryIndex(instruction, mode)], true);
    view.setUint8(record + RECORD.scale, instruction.scale);
  }
}

const register = (index: number): number => (index < 0 ? STATE.zero : STATE.gpr + index * 8);

/** State offset of a register operand. */
function stateOffset(operand: DecodedOperand): number {
  switch (operand.kind) {
    case 'gpr':
      return STATE.gpr + operand.index * 8 + (operand.high ? 1 : 0);
    case 'xmm':
      return STATE.xmm + operand.index * 32;
    case 'mmx':
      return STATE.x87 + operand.index * 16;
    case 'segment':
      return selectorOffset(operand.index);
    case 'control':
      return controlOffset(operand.index);
    default:
      throw new Error(`Broken invariant: a ${operand.kind} operand has no register`);
  }
}
