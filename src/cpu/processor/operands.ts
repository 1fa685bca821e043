import { assert } from '../../base/errors.ts';
import type { Instruction } from '../../x86/instruction.ts';
import type { Processor } from '../../x86/processor.ts';
import { SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';

/** Operands of procedures: general registers, memory, immediates and selectors. */

export function effectiveAddress(cpu: Processor, instruction: Instruction): bigint {
  const { base, index, addressSize } = instruction;
  let address = (BigInt(instruction.displacementHigh) << 32n) + BigInt(instruction.displacement >>> 0);
  if (instruction.ripRelative) address += cpu.nextRip(instruction);
  if (base >= 0) address += cpu.readGpr(base, 64);
  if (index >= 0) address += cpu.readGpr(index, 64) << BigInt(instruction.scale);
  return BigInt.asUintN(addressSize, address);
}

export function readOperand(cpu: Processor, instruction: Instruction, n: number): bigint {
  const operand = instruction.operands[n];
  assert(operand !== undefined, `${instruction.row.semantics.name} has an operand ${n}`);
  switch (operand.kind) {
    case 'gpr':
      return operand.high ? (cpu.readGpr(operand.index, 16) >> 8n) & 0xffn : cpu.readGpr(operand.index, operand.width);
    case 'memory':
      return cpu.readMemory(instruction.segment, effectiveAddress(cpu, instruction), operand.bits >> 3);
    case 'immediate':
      return operand.value;
    case 'relative':
      return BigInt.asUintN(64, BigInt(operand.displacement));
    case 'segment':
      return BigInt(cpu.u32(STATE.segments + operand.index * SEGMENT_BYTES + SEGMENT.selector) & 0xffff);
    default:
      assert(false, `operand kind ${operand.kind} has an integer value`);
  }
}

export function writeOperand(cpu: Processor, instruction: Instruction, n: number, value: bigint): void {
  const operand = instruction.operands[n];
  assert(operand !== undefined, `${instruction.row.semantics.name} has an operand ${n}`);
  if (operand.kind === 'memory') {
    cpu.writeMemory(instruction.segment, effectiveAddress(cpu, instruction), operand.bits >> 3, value);
  } else {
    assert(operand.kind === 'gpr', `operand kind ${operand.kind} can be written as an integer`);
    if (operand.high)
      cpu.writeGpr(operand.index, 16, (cpu.readGpr(operand.index, 16) & 0xffn) | ((value & 0xffn) << 8n));
    else cpu.writeGpr(operand.index, operand.width, value);
  }
}
