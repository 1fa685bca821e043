import type { Instruction } from '../instruction.ts';
import type { Processor } from '../processor.ts';
import { procedure } from '../semantics.ts';
import { CR0, STATE, VECTOR } from '../state.ts';
import { checkPending, FCW_INITIAL, FSW, setControlWord, stackIndex, X87Unit } from './x87-unit.ts';

/** SDM Vol. 1 §5.2.6 "x87 FPU Control Instructions", without those that store the environment. */

const nonWaiting = (name: string, run: (cpu: Processor, instruction: Instruction) => void) =>
  procedure(name, run, { endsBlock: false });

const waiting = (name: string, run: (cpu: Processor, instruction: Instruction) => void) =>
  nonWaiting(name, (cpu, instruction) => {
    checkPending(cpu);
    run(cpu, instruction);
  });

/** What FNINIT and FNSAVE leave. SDM Vol. 3A Table 10-1. */
export function initialize(cpu: Processor): void {
  cpu.setU32(STATE.fcw, FCW_INITIAL);
  cpu.setU32(STATE.fsw, 0);
  cpu.setU32(STATE.ftw, 0xffff);
  for (const offset of [STATE.fop, STATE.fcs, STATE.fds]) cpu.setU32(offset, 0);
  cpu.setU64(STATE.fip, 0n);
  cpu.setU64(STATE.fdp, 0n);
}

export const FNINIT = nonWaiting('FNINIT', initialize);

export const FNCLEX = nonWaiting('FNCLEX', (cpu) => {
  cpu.setU32(STATE.fsw, cpu.u32(STATE.fsw) & ~(FSW.EXCEPTIONS | FSW.SF | FSW.ES | FSW.B));
});

export const FLDCW = waiting('FLDCW', (cpu, instruction) =>
  setControlWord(cpu, Number(cpu.readOperand(instruction, 0))),
);

export const FNSTCW = nonWaiting('FNSTCW', (cpu, instruction) =>
  cpu.writeOperand(instruction, 0, BigInt(cpu.u32(STATE.fcw))),
);

/** To m16 or AX. */
export const FNSTSW = nonWaiting('FNSTSW', (cpu, instruction) =>
  cpu.writeOperand(instruction, 0, BigInt(cpu.u32(STATE.fsw))),
);

/** FWAIT heeds CR0.TS only if CR0.MP is set, and never CR0.EM. SDM Vol. 3A Table 2-2. */
export const FWAIT = nonWaiting('FWAIT', (cpu) => {
  const cr0 = cpu.u32(STATE.cr0);
  if ((cr0 & CR0.MP) !== 0 && (cr0 & CR0.TS) !== 0) cpu.raise(VECTOR.NM);
  checkPending(cpu);
});

/** The instruction only touches TOP or tags; C1 is cleared. */
const stackControl = (name: string, run: (fpu: X87Unit, instruction: Instruction) => void) =>
  waiting(name, (cpu, instruction) => {
    const fpu = new X87Unit(cpu);
    run(fpu, instruction);
    fpu.finish();
  });
export const FINCSTP = stackControl('FINCSTP', (fpu) => fpu.rotate(1));
export const FDECSTP = stackControl('FDECSTP', (fpu) => fpu.rotate(-1));

export const FFREE = stackControl('FFREE', (fpu, instruction) => fpu.free(stackIndex(instruction, 0)));
/** Not in the manual, but in every processor: FFREE, then a pop. */
export const FFREEP = stackControl('FFREEP', (fpu, instruction) => {
  fpu.free(stackIndex(instruction, 0));
  fpu.pop();
});

export const FNOP = waiting('FNOP', () => {});
/** FENI, FDISI and FSETPM of the 8087 and 80287: no operation since. SDM Vol. 3B §23.18.9. */
export const FENI = nonWaiting('FENI', () => {});
export const FDISI = nonWaiting('FDISI', () => {});
export const FSETPM = nonWaiting('FSETPM', () => {});
