import { notePortAccess } from '../debug.ts';
import type { Instruction } from '../instruction.ts';
import { checkIoPermission } from '../io-permission.ts';
import type { Processor } from '../processor.ts';
import { procedure } from '../semantics.ts';
import { GPR, RFLAGS, SEG, STATE } from '../state.ts';

/** IN, OUT, INS, OUTS (SDM Vol. 2). */

type PortBytes = 1 | 2 | 4;
const MASKS = { 1: 0xff, 2: 0xffff, 4: -1 } as const;

/** 64-bit operand size is 32-bit here. */
const bytesOf = (instruction: Instruction, wide: boolean): PortBytes =>
  !wide ? 1 : instruction.operandSize === 16 ? 2 : 4;

const RAX = (STATE.gpr + GPR.RAX * 8) >> 2;
const RDX = (STATE.gpr + GPR.RDX * 8) >> 2;

/** DX or an immediate byte. */
function portOf(cpu: Processor, instruction: Instruction, n: number): number {
  const operand = instruction.operands[n];
  return operand?.kind === 'immediate' ? Number(operand.value) & 0xff : (cpu.words[RDX] as number) & 0xffff;
}

const input = (wide: boolean) =>
  procedure('IN', (cpu, instruction) => {
    const bytes = bytesOf(instruction, wide);
    const port = portOf(cpu, instruction, 1);
    checkIoPermission(cpu, port, bytes);
    notePortAccess(cpu, port, bytes);
    const value = cpu.platform.portRead(port, bytes);
    const { words } = cpu;
    const mask = MASKS[bytes];
    words[RAX] = ((words[RAX] as number) & ~mask) | (value & mask);
    if (bytes === 4) words[RAX + 1] = 0;
  });
export const INB = input(false);
export const IN = input(true);

const output = (wide: boolean) =>
  procedure('OUT', (cpu, instruction) => {
    const bytes = bytesOf(instruction, wide);
    const port = portOf(cpu, instruction, 0);
    checkIoPermission(cpu, port, bytes);
    notePortAccess(cpu, port, bytes);
    cpu.platform.portWrite(port, bytes, ((cpu.words[RAX] as number) & MASKS[bytes]) >>> 0);
  });
export const OUTB = output(false);
export const OUT = output(true);

/** Elements of one execution, after which the engine sees to its events. */
const ELEMENTS_PER_CALL = 512;

/**
 * Repeats `element` as the prefix says. A fault in it leaves the elements before it done, as the manual has it; an
 * unfinished instruction stays at its own RIP.
 */
function repeat(cpu: Processor, instruction: Instruction, element: () => void): void {
  if (instruction.repeat === 'none') {
    element();
    return;
  }
  const width = instruction.addressSize;
  let count = cpu.readGpr(GPR.RCX, width);
  for (let done = 0; count > 0n; done++) {
    if (done === ELEMENTS_PER_CALL || (done > 0 && cpu.words[STATE.eventPending >> 2] !== 0)) {
      cpu.branchTo(cpu.u64(STATE.rip));
      return;
    }
    element();
    count--;
    cpu.writeGpr(GPR.RCX, width, count);
  }
}

function step(cpu: Processor, instruction: Instruction, index: number, bytes: number): void {
  const width = instruction.addressSize;
  const down = ((cpu.words[STATE.rflagsSystem >> 2] as number) & RFLAGS.DF) !== 0;
  const next = cpu.readGpr(index, width) + BigInt(down ? -bytes : bytes);
  cpu.writeGpr(index, width, BigInt.asUintN(width, next));
}

const inputString = (wide: boolean) =>
  procedure('INS', (cpu, instruction) => {
    const bytes = bytesOf(instruction, wide);
    const port = (cpu.words[RDX] as number) & 0xffff;
    checkIoPermission(cpu, port, bytes);
    notePortAccess(cpu, port, bytes);
    repeat(cpu, instruction, () => {
      const offset = cpu.readGpr(GPR.RDI, instruction.addressSize);
      cpu.probeWrite(SEG.ES, offset, bytes);
      cpu.writeMemory(SEG.ES, offset, bytes, BigInt(cpu.platform.portRead(port, bytes) >>> 0));
      step(cpu, instruction, GPR.RDI, bytes);
    });
  });
export const INSB = inputString(false);
export const INS = inputString(true);

const outputString = (wide: boolean) =>
  procedure('OUTS', (cpu, instruction) => {
    const bytes = bytesOf(instruction, wide);
    const port = (cpu.words[RDX] as number) & 0xffff;
    checkIoPermission(cpu, port, bytes);
    notePortAccess(cpu, port, bytes);
    repeat(cpu, instruction, () => {
      const offset = cpu.readGpr(GPR.RSI, instruction.addressSize);
      cpu.platform.portWrite(port, bytes, Number(cpu.readMemory(instruction.segment, offset, bytes)));
      step(cpu, instruction, GPR.RSI, bytes);
    });
  });
export const OUTSB = outputString(false);
export const OUTS = outputString(true);
