import type { Instruction } from '../instruction.ts';
import type { Processor } from '../processor.ts';
import { MODE } from '../processor-mode.ts';
import { procedure } from '../semantics.ts';
import { x87Context } from '../softfloat/context.ts';
import { F80 } from '../softfloat/formats.ts';
import { Kind, unpack } from '../softfloat/unpack.ts';
import { STATE } from '../state.ts';
import { initialize } from './x87-control.ts';
import { checkPending, FSW, readRegister, setControlWord, writeRegister } from './x87-unit.ts';

/** FSTENV, FLDENV, FSAVE, FRSTOR. SDM Vol. 1 §8.1.10 "Saving the x87 FPU's State", Figures 8-9 to 8-12. */

const REGISTER_BYTES = 10;
const EXCEPTION_MASKS = 0x3f;
const CTX = x87Context(0x37f);

/** A tag says what the register holds: 0 valid, 1 zero, 2 special, 3 empty. SDM Vol. 1 Figure 8-7. */
function tagOf(value: bigint): number {
  const { kind, denormal } = unpack(F80, value, CTX);
  if (kind === Kind.Zero) return 1;
  return kind === Kind.Finite && !denormal ? 0 : 2;
}

/** The tag word with each full register's entry worked out from its contents. */
function tagWord(cpu: Processor): number {
  const tags = cpu.u32(STATE.ftw);
  let word = 0;
  for (let i = 0; i < 8; i++) {
    const empty = ((tags >> (2 * i)) & 3) === 3;
    word |= (empty ? 3 : tagOf(readRegister(cpu, i))) << (2 * i);
  }
  return word;
}

/** Protected mode stores selectors, real and virtual-8086 mode linear addresses and the opcode. */
function storesSelectors(cpu: Processor): boolean {
  const mode = cpu.u32(STATE.mode);
  return (mode & MODE.PROTECTED) !== 0 || (mode & MODE.CODE_SIZE) === MODE.CODE_64;
}

const linear = (cpu: Processor, selector: number, offset: number): number =>
  (cpu.u32(selector) * 16 + Number(BigInt.asUintN(32, cpu.u64(offset)))) >>> 0;

/** The seven fields of the environment. The 16-bit format keeps the low half of each. */
function environment(cpu: Processor, wide: boolean): number[] {
  const head = [cpu.u32(STATE.fcw), cpu.u32(STATE.fsw), tagWord(cpu)];
  const opcode = cpu.u32(STATE.fop) & 0x7ff;
  if (storesSelectors(cpu)) {
    const [fip, fdp] = [cpu.u64(STATE.fip), cpu.u64(STATE.fdp)].map((pointer) => Number(BigInt.asUintN(32, pointer)));
    return [...head, fip!, (opcode << 16) | cpu.u32(STATE.fcs), fdp!, cpu.u32(STATE.fds)];
  }
  const fip = linear(cpu, STATE.fcs, STATE.fip);
  const fdp = linear(cpu, STATE.fds, STATE.fdp);
  // [27:12] or [15:12] pointer bits from 16 up  [10:0] opcode
  const high = (pointer: number): number => ((pointer >>> 16) & (wide ? 0xffff : 0xf)) << 12;
  return [...head, fip & 0xffff, high(fip) | opcode, fdp & 0xffff, high(fdp)];
}

/** Reserved upper halves of 32-bit fields hold ones, but for the upper word of a real-mode pointer. */
const RESERVED_ONES_PROTECTED = [true, true, true, false, false, false, true];
const RESERVED_ONES_REAL = [true, true, true, true, false, true, false];

function environmentBytes(instruction: Instruction): number {
  return instruction.operandSize === 16 ? 14 : 28;
}

function packEnvironment(cpu: Processor, wide: boolean): bigint {
  const fieldBits = wide ? 32 : 16;
  const ones = storesSelectors(cpu) ? RESERVED_ONES_PROTECTED : RESERVED_ONES_REAL;
  return environment(cpu, wide).reduce((image, field, n) => {
    const filled = wide && ones[n] === true ? (field | 0xffff_0000) >>> 0 : field >>> 0;
    return image | (BigInt.asUintN(fieldBits, BigInt(filled)) << BigInt(n * fieldBits));
  }, 0n);
}

function unpackEnvironment(cpu: Processor, image: bigint, wide: boolean): void {
  const fieldBits = wide ? 32 : 16;
  const field = (n: number): number => Number(BigInt.asUintN(fieldBits, image >> BigInt(n * fieldBits)));
  cpu.setU32(STATE.ftw, field(2) & 0xffff);
  cpu.setU32(STATE.fsw, field(1) & 0xffff);
  setControlWord(cpu, field(0));
  if (storesSelectors(cpu)) {
    cpu.setU64(STATE.fip, BigInt(field(3)));
    cpu.setU32(STATE.fcs, field(4) & 0xffff);
    if (wide) cpu.setU32(STATE.fop, (field(4) >>> 16) & 0x7ff);
    cpu.setU64(STATE.fdp, BigInt(field(5)));
    cpu.setU32(STATE.fds, field(6) & 0xffff);
    return;
  }
  const pointer = (low: number, high: number): bigint =>
    BigInt((field(low) & 0xffff) | ((field(high) >>> 12) << 16)) & 0xffff_ffffn;
  cpu.setU64(STATE.fip, pointer(3, 4));
  cpu.setU64(STATE.fdp, pointer(5, 6));
  cpu.setU32(STATE.fop, field(4) & 0x7ff);
  cpu.setU32(STATE.fcs, 0);
  cpu.setU32(STATE.fds, 0);
}

const top = (cpu: Processor): number => (cpu.u32(STATE.fsw) & FSW.TOP) >> FSW.TOP_SHIFT;

const saving = (name: string, run: (cpu: Processor, instruction: Instruction) => void) =>
  procedure(name, run, { endsBlock: false });

/** Masks all exceptions after it has stored. */
export const FNSTENV = saving('FNSTENV', (cpu, instruction) => {
  const image = packEnvironment(cpu, instruction.operandSize !== 16);
  const offset = cpu.effectiveAddress(instruction);
  cpu.writeMemory(instruction.segment, offset, environmentBytes(instruction), image);
  setControlWord(cpu, cpu.u32(STATE.fcw) | EXCEPTION_MASKS);
});

export const FLDENV = saving('FLDENV', (cpu, instruction) => {
  checkPending(cpu);
  const offset = cpu.effectiveAddress(instruction);
  const image = cpu.readMemory(instruction.segment, offset, environmentBytes(instruction));
  unpackEnvironment(cpu, image, instruction.operandSize !== 16);
});

/** The environment, then ST(0) to ST(7). */
export const FNSAVE = saving('FNSAVE', (cpu, instruction) => {
  const bytes = environmentBytes(instruction);
  let image = packEnvironment(cpu, instruction.operandSize !== 16);
  for (let i = 0; i < 8; i++) {
    image |= readRegister(cpu, (top(cpu) + i) & 7) << BigInt(8 * (bytes + i * REGISTER_BYTES));
  }
  const offset = cpu.effectiveAddress(instruction);
  cpu.writeMemory(instruction.segment, offset, bytes + 8 * REGISTER_BYTES, image);
  initialize(cpu);
});

export const FRSTOR = saving('FRSTOR', (cpu, instruction) => {
  checkPending(cpu);
  const bytes = environmentBytes(instruction);
  const offset = cpu.effectiveAddress(instruction);
  const image = cpu.readMemory(instruction.segment, offset, bytes + 8 * REGISTER_BYTES);
  unpackEnvironment(cpu, BigInt.asUintN(8 * bytes, image), instruction.operandSize !== 16);
  for (let i = 0; i < 8; i++) {
    const register = BigInt.asUintN(80, image >> BigInt(8 * (bytes + i * REGISTER_BYTES)));
    writeRegister(cpu, (top(cpu) + i) & 7, register);
  }
});
