import { in64BitMode } from './mode.ts';
import { ACCESS, type Processor } from './processor.ts';
import { ATTR, GPR, SEG, SEGMENT, SEGMENT_BYTES, STATE } from './state.ts';

/** The stack as procedures use it: width of the pointer by mode, reads before the pointer moves. */

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
  setStackPointer(cpu, stackPointer(cpu) + BigInt(bytes));
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

/** u32[2] each: what readStackSlots found, zero-extended to 64 bits. */
export const slots = new Int32Array(20);
const raw = new Int32Array(10);

/** Reads `count` operands of `bits` from the top of the stack, without moving its pointer. */
export function readStackSlots(cpu: Processor, bits: 16 | 32 | 64, count: number): void {
  const words = cpu.words;
  const bytes = (bits >> 3) * count;
  if (bits === 64 && in64BitMode(words)) {
    const rsp = (STATE.gpr + GPR.RSP * 8) >> 2;
    // An address outside the canonical range is #SS(0) here, not the #GP(0) of a plain linear access.
    cpu.linearAddress(SEG.SS, cpu.readGpr(GPR.RSP, 64), bytes, ACCESS.READ);
    cpu.loadLinearWords(words[rsp] as number, words[rsp + 1] as number, slots, count * 2, false);
    return;
  }
  if (bits === 64) {
    const linear = cpu.linearAddress(SEG.SS, stackPointer(cpu), bytes, ACCESS.READ);
    cpu.loadLinearWords(Number(linear & 0xffff_ffffn) | 0, 0, slots, count * 2, false);
    return;
  }
  for (let i = 0; i < count; i++) {
    raw[i] = Number(peekStack(cpu, bits >> 3, (i * bits) >> 3));
  }
  for (let i = 0; i < count; i++) {
    slots[i * 2] = raw[i] as number;
    slots[i * 2 + 1] = 0;
  }
}
