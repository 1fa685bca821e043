import { describe, procedure } from '../semantics.ts';
import { RFLAGS, STATUS_FLAGS } from '../state.ts';

/** SDM Vol. 1 §5.1.13 "Miscellaneous Instructions", §5.1.15 "Random Number Generator Instructions", hints and fences. */

const nothing = (name: string) => describe(name, [], () => {});
/** With ModR/M: a memory operand is not accessed. */
const nothingWithOperand = (name: string) => describe(name, ['src'], () => {});

export const NOP = nothing('NOP');
/** Also the hints that take its place: ENDBR64, PREFETCHh, … */
export const NOP_OPERAND = nothingWithOperand('NOP');
export const PAUSE = nothing('PAUSE');
export const PREFETCH = nothingWithOperand('PREFETCH');

/** One thread sees its own accesses in order. */
export const LFENCE = nothing('LFENCE');
export const MFENCE = nothing('MFENCE');
export const SFENCE = nothing('SFENCE');

/** There is no cache to flush; the line is checked as a byte load is (SDM Vol. 2A "CLFLUSH"). */
const cacheLine = (name: string) =>
  describe(name, ['src'], ({ src }) => {
    src.read();
  });
export const CLFLUSH = cacheLine('CLFLUSH');
export const CLFLUSHOPT = cacheLine('CLFLUSHOPT');
export const CLWB = cacheLine('CLWB');

/** The host never runs out: CF is always 1. */
const randomNumber = (name: string) =>
  procedure(
    name,
    (cpu, instruction) => {
      cpu.writeOperand(instruction, 0, BigInt.asUintN(instruction.operandSize, cpu.platform.random()));
      cpu.setRflags((cpu.rflags() & ~STATUS_FLAGS) | RFLAGS.CF);
    },
    { endsBlock: false },
  );
export const RDRAND = randomNumber('RDRAND');
export const RDSEED = randomNumber('RDSEED');
