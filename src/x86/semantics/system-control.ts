import { writeCr0, writeCr3, writeCr4 } from '../control-registers.ts';
import { debugRegister, writeDebugRegister } from '../debug.ts';
import { cplOf } from '../descriptors.ts';
import type { Instruction } from '../instruction.ts';
import { in64BitMode } from '../mode.ts';
import type { Processor } from '../processor.ts';
import { inVm86 } from '../segmentation.ts';
import { describe, procedure } from '../semantics.ts';
import { CR0, CR4, STATE, VECTOR } from '../state.ts';

/** MOV to and from control and debug registers, LMSW, SMSW, CLTS (SDM Vol. 2). */

export function requireCpl0(cpu: Processor): void {
  if (cplOf(cpu.words) !== 0) cpu.raise(VECTOR.GP, 0);
}

/** CR4.UMIP: SGDT, SIDT, SLDT, SMSW and STR fault outside CPL 0. */
export function checkUmip(cpu: Processor): void {
  if (cplOf(cpu.words) !== 0 && ((cpu.words[STATE.cr4 >> 2] as number) & CR4.UMIP) !== 0) cpu.raise(VECTOR.GP, 0);
}

function registerOf(instruction: Instruction, n: number): number {
  const operand = instruction.operands[n];
  return operand?.kind === 'control' || operand?.kind === 'debug' ? operand.index : -1;
}

const CR_WRITE: readonly (((cpu: Processor, low: number, high: number) => void) | undefined)[] = [
  writeCr0,
  undefined,
  (cpu, low, high) => {
    cpu.words[STATE.cr2 >> 2] = low;
    cpu.words[(STATE.cr2 >> 2) + 1] = high;
  },
  writeCr3,
  writeCr4,
  undefined,
  undefined,
  undefined,
  (cpu, low, high) => {
    if (low >>> 0 > 15 || high !== 0) cpu.raise(VECTOR.GP, 0);
    cpu.platform.writeCr8(low);
  },
];

/** The word of a general-register operand, which is as wide as the mode's registers. */
function gprWord(instruction: Instruction, n: number): number {
  const operand = instruction.operands[n];
  return (STATE.gpr + (operand?.kind === 'gpr' ? operand.index : 0) * 8) >> 2;
}

/** CR0, CR2, CR3 and CR4; the decoder knows no others. */
export const MOV_FROM_CR = describe('MOV', ['dst', 'src'], ({ e, dst, src }) => {
  e.when(e.ne(e.field32(STATE.cpl), e.int(32, 0)), () => e.raise(VECTOR.GP, 0));
  dst.write(src.read());
});

export const MOV_FROM_CR8 = procedure(
  'MOV',
  (cpu, instruction) => {
    if (registerOf(instruction, 1) !== 8) cpu.raise(VECTOR.UD);
    requireCpl0(cpu);
    const to = gprWord(instruction, 0);
    cpu.words[to] = cpu.platform.readCr8();
    cpu.words[to + 1] = 0;
  },
  { endsBlock: false },
);

export const MOV_TO_CR = procedure('MOV', (cpu, instruction) => {
  const write = CR_WRITE[registerOf(instruction, 0)];
  if (write === undefined) return cpu.raise(VECTOR.UD);
  requireCpl0(cpu);
  const from = gprWord(instruction, 1);
  const high = instruction.operandSize === 64 ? (cpu.words[from + 1] as number) : 0;
  write(cpu, cpu.words[from] as number, high);
});

export const MOV_FROM_DR = procedure('MOV', (cpu, instruction) => {
  requireCpl0(cpu);
  const index = debugRegister(cpu, registerOf(instruction, 1));
  cpu.writeOperand(instruction, 0, cpu.u64(STATE.dr + index * 8));
});

export const MOV_TO_DR = procedure('MOV', (cpu, instruction) => {
  requireCpl0(cpu);
  const index = debugRegister(cpu, registerOf(instruction, 0));
  writeDebugRegister(cpu, index, cpu.readOperand(instruction, 1));
});

export const CLTS = procedure('CLTS', (cpu) => {
  requireCpl0(cpu);
  cpu.setU32(STATE.cr0, cpu.u32(STATE.cr0) & ~CR0.TS);
  cpu.updateMode();
});

/** Sets PE, MP, EM and TS; cannot clear PE. */
export const LMSW = procedure('LMSW', (cpu, instruction) => {
  requireCpl0(cpu);
  const source = Number(cpu.readOperand(instruction, 0));
  const old = cpu.u32(STATE.cr0);
  const low = (source & (CR0.PE | CR0.MP | CR0.EM | CR0.TS)) | (old & CR0.PE);
  const next = (old & ~(CR0.PE | CR0.MP | CR0.EM | CR0.TS)) | low;
  writeCr0(cpu, next | 0, 0);
});

/** Registers get as much of CR0 as they hold, memory 16 bits. */
export const SMSW = procedure(
  'SMSW',
  (cpu, instruction) => {
    checkUmip(cpu);
    cpu.writeOperand(instruction, 0, cpu.u64(STATE.cr0));
  },
  { endsBlock: false },
);

/** SDM Vol. 3A Table 4-16 "INVPCID Descriptor"; all types may drop more than they name. */
export const INVPCID = procedure('INVPCID', (cpu, instruction) => {
  requireCpl0(cpu);
  if (inVm86(cpu.words)) cpu.raise(VECTOR.GP, 0);
  const type = cpu.readOperand(instruction, 0);
  const descriptor = cpu.readOperand(instruction, 1);
  const pcid = descriptor & 0xffff_ffff_ffff_ffffn;
  if (type > 3n) cpu.raise(VECTOR.GP, 0);
  const pcids = (cpu.u32(STATE.cr4) & CR4.PCIDE) !== 0;
  if (type < 2n && (pcid > 0xfffn || (!pcids && pcid !== 0n))) cpu.raise(VECTOR.GP, 0);
  if (type === 0n) {
    const linear = descriptor >> 64n;
    const top = BigInt.asIntN(64, linear) >> 47n;
    if (top !== 0n && top !== -1n) cpu.raise(VECTOR.GP, 0);
    cpu.flushTlbPage(linear);
  } else cpu.flushTlb(type === 2n ? 'all' : 'non-global');
});

export const INVLPG = procedure('INVLPG', (cpu, instruction) => {
  requireCpl0(cpu);
  const offset = cpu.effectiveAddress(instruction);
  const base = cpu.segmentBase(instruction.segment);
  const linear = BigInt.asUintN(in64BitMode(cpu.words) ? 64 : 32, base + offset);
  cpu.flushTlbPage(linear);
});

/** No caches to write back. */
export const WBINVD = procedure('WBINVD', requireCpl0, { endsBlock: false });
export const INVD = procedure('INVD', requireCpl0, { endsBlock: false });
