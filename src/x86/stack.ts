import { in64BitMode } from './mode.ts';
import { ACCESS, type Processor } from './processor.ts';
import { ATTR, GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE } from './state.ts';

/** The stack as procedures use it: width of the pointer by mode, reads before the pointer moves. */

const RSP = (STATE.gpr + GPR.RSP * 8) >> 2;
const SS_ATTRIBUTES = (STATE.segments + SEG.SS * SEGMENT_BYTES + SEGMENT.attributes) >> 2;

/** Bits of the stack pointer: 64 in 64-bit mode, else by SS.B. */
export function stackWidth(words: Int32Array): 16 | 32 | 64 {
  if (in64BitMode(words)) return 64;
  return ((words[SS_ATTRIBUTES] as number) & ATTR.DB) !== 0 ? 32 : 16;
}

export const stackPointer = (cpu: Processor): bigint => cpu.readGpr(GPR.RSP, stackWidth(cpu.words));

export function setStackPointer(cpu: Processor, value: bigint): void {
  const width = stackWidth(cpu.words);
  cpu.writeGpr(GPR.RSP, width, BigInt.asUintN(width, value));
}

/** Adds to the stack pointer. */
export function stackStep(cpu: Processor, bytes: number): void {
  const { words } = cpu;
  const sum = ((words[RSP] as number) >>> 0) + bytes;
  const width = stackWidth(words);
  if (width === 16) words[RSP] = ((words[RSP] as number) & ~0xffff) | (sum & 0xffff);
  else {
    words[RSP] = sum;
    words[RSP + 1] = width === 32 ? 0 : (words[RSP + 1] as number) + (sum > 0xffff_ffff ? 1 : 0);
  }
}

/** Reads `bytes` that lie `depth` bytes above the top of the stack. */
export function peekStack(cpu: Processor, bytes: number, depth = 0): bigint {
  const width = stackWidth(cpu.words);
  return cpu.readMemory(SEG.SS, BigInt.asUintN(width, stackPointer(cpu) + BigInt(depth)), bytes);
}

/** Pushes one value; nothing changes if it faults. */
export function pushStack(cpu: Processor, bytes: number, value: bigint): void {
  const width = stackWidth(cpu.words);
  const pointer = BigInt.asUintN(width, stackPointer(cpu) - BigInt(bytes));
  cpu.writeMemory(SEG.SS, pointer, bytes, value);
  setStackPointer(cpu, pointer);
}

const word = new Int32Array(2);

/** The low 32 bits of what peekStack reads. */
export function peekWord(cpu: Processor, bits: 16 | 32 | 64): number {
  const { words } = cpu;
  if (bits === 16 || stackWidth(words) !== bits) return Number(peekStack(cpu, bits >> 3) & 0xffff_ffffn) | 0;
  cpu.formLinear(SEG.SS, words[RSP] as number, words[RSP + 1] as number, bits >> 3, ACCESS.READ);
  cpu.loadLinearWords(cpu.low, cpu.high, word, bits >> 5, false);
  return word[0] as number;
}

/** u32[2] each: what readStackSlots found, zero-extended to 64 bits. */
export const slots = new Int32Array(20);
const raw = new Int32Array(10);

/** Reads `count` operands of `bits` from the top of the stack, without moving its pointer. */
export function readStackSlots(cpu: Processor, bits: 16 | 32 | 64, count: number): void {
  const { words } = cpu;
  const bytes = (bits >> 3) * count;
  const width = stackWidth(words);
  const low = words[RSP] as number;
  if (bits === 64) {
    cpu.formLinear(SEG.SS, width === 16 ? low & 0xffff : low, words[RSP + 1] as number, bytes, ACCESS.READ);
    cpu.loadLinearWords(cpu.low, cpu.high, slots, count * 2, false);
    return;
  }
  if (bits === 32 && width === 32 && low >>> 0 <= 0x1_0000_0000 - bytes) {
    cpu.formLinear(SEG.SS, low, 0, bytes, ACCESS.READ);
    cpu.loadLinearWords(cpu.low, cpu.high, raw, count, false);
  } else for (let i = 0; i < count; i++) raw[i] = Number(peekStack(cpu, bits >> 3, (i * bits) >> 3));
  for (let i = 0; i < count; i++) {
    slots[i * 2] = raw[i] as number;
    slots[i * 2 + 1] = 0;
  }
}
