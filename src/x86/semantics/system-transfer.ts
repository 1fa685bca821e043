import { reportKeptBreakpoints } from '../debug.ts';
import { farReturn } from '../far-return.ts';
import { farCall, farJump, readFarPointer } from '../far-transfer.ts';
import type { Instruction } from '../instruction.ts';
import type { InterruptEvent } from '../interrupt-event.ts';
import { deliverOnce } from '../interrupts.ts';
import { deliverVirtualInterrupt } from '../interrupts-legacy.ts';
import { interruptReturn } from '../iret.ts';
import type { Processor } from '../processor.ts';
import { inVm86 } from '../segmentation.ts';
import { procedure } from '../semantics.ts';
import { RFLAGS, STATE, VECTOR } from '../state.ts';

/** Far CALL, JMP and RET, software interrupts, IRET, BOUND. */

const RIP = STATE.rip >> 2;

/** The procedure set RIP itself; the engine must not move it. */
function branched(cpu: Processor): void {
  cpu.branchToWords(cpu.words[RIP] as number, cpu.words[RIP + 1] as number);
}

const direct = (name: string, transfer: typeof farCall) =>
  procedure(name, (cpu, instruction) => {
    const target = instruction.operands[0];
    if (target?.kind !== 'far') return;
    transfer(cpu, {
      selector: target.selector,
      offset: BigInt(target.offset >>> 0),
      size: instruction.operandSize,
      next: cpu.nextRip(instruction),
    });
  });
export const CALL_FAR = direct('CALL', farCall);
export const JMP_FAR = direct('JMP', farJump);

const indirect = (name: string, transfer: typeof farCall) =>
  procedure(name, (cpu, instruction) => {
    const size = instruction.operandSize;
    const pointer = readFarPointer(cpu, instruction.segment, cpu.effectiveAddress(instruction), size);
    transfer(cpu, { ...pointer, size, next: cpu.nextRip(instruction) });
  });
export const CALL_FAR_INDIRECT = indirect('CALL', farCall);
export const JMP_FAR_INDIRECT = indirect('JMP', farJump);

export const RET_FAR = procedure('RET', (cpu, instruction) => farReturn(cpu, instruction.operandSize, 0));
export const RET_FAR_IMMEDIATE = procedure('RET', (cpu, instruction) => {
  farReturn(cpu, instruction.operandSize, Number(cpu.readOperand(instruction, 0) & 0xffffn));
});

export const IRET = procedure('IRET', (cpu, instruction) => {
  interruptReturn(cpu, instruction.operandSize, cpu.nextRip(instruction));
  branched(cpu);
});

function interrupt(cpu: Processor, instruction: Instruction, vector: number, kind: InterruptEvent['kind']): void {
  const next = cpu.nextRip(instruction);
  const event: InterruptEvent = {
    vector,
    kind,
    errorCode: undefined,
    returnLow: Number(next & 0xffff_ffffn) | 0,
    returnHigh: Number(next >> 32n) | 0,
    resumeFlag: false,
  };
  deliverOnce(cpu, event);
  branched(cpu);
}

/** Delivery clears TF, and then no trap follows (SDM Vol. 3B §18.3.1.4 "Single-Step Exception Condition"). */
const newFlags = { trapsByNewFlags: true } as const;

/** INT n; in virtual-8086 mode IOPL and the interrupt redirection bit map decide (SDM Vol. 3B §21.3, Table 21-2). */
export const INT = procedure(
  'INT',
  (cpu, instruction) => {
    const vector = Number(cpu.readOperand(instruction, 0) & 0xffn);
    if (inVm86(cpu.words) && deliverVirtualInterrupt(cpu, vector, cpu.nextRip(instruction))) {
      branched(cpu);
      return;
    }
    interrupt(cpu, instruction, vector, 'software');
  },
  newFlags,
);

export const INT3 = procedure(
  'INT3',
  (cpu, instruction) => interrupt(cpu, instruction, VECTOR.BP, 'software'),
  newFlags,
);
export const INT1 = procedure(
  'INT1',
  (cpu, instruction) => {
    interrupt(cpu, instruction, VECTOR.DB, 'privileged');
    reportKeptBreakpoints(cpu);
  },
  newFlags,
);
export const INTO = procedure(
  'INTO',
  (cpu, instruction) => {
    if ((cpu.rflags() & RFLAGS.OF) !== 0) interrupt(cpu, instruction, VECTOR.OF, 'software');
  },
  newFlags,
);

/** #BR unless the signed index lies within the two bounds in memory. */
export const BOUND = procedure(
  'BOUND',
  (cpu, instruction) => {
    const size = instruction.operandSize === 16 ? 16 : 32;
    const index = BigInt.asIntN(size, cpu.readOperand(instruction, 0));
    const bounds = cpu.readMemory(instruction.segment, cpu.effectiveAddress(instruction), size >> 2);
    const lower = BigInt.asIntN(size, bounds);
    const upper = BigInt.asIntN(size, bounds >> BigInt(size));
    if (index < lower || index > upper) cpu.raise(VECTOR.BR);
  },
  { endsBlock: false },
);
