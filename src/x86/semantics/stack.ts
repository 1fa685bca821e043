import type { Emitter } from '../emitter.ts';
import type { Processor } from '../processor.ts';
import { MODE } from '../processor-mode.ts';
import { describe, procedure } from '../semantics.ts';
import { GPR, SEG, STATE } from '../state.ts';

/** PUSH, POP and frames: SDM Vol. 1 §6.2 "Stacks", §6.6 "Procedure Calls for Block-Structured Languages". */

export const PUSH = describe('PUSH', ['src'], ({ e, src }) => e.push(src.read()));

/** To a register. The destination is written after RSP moved: POP RSP loads what was on the stack. */
export const POP = describe('POP', ['dst'], ({ e, dst }) => {
  const value = e.peek(dst.width);
  e.adjustStack(dst.width / 8);
  dst.write(value);
});

/** EDI ESI EBP (ESP skipped) EBX EDX ECX EAX, from the top of the stack. */
const POPA_ORDER = [GPR.RDI, GPR.RSI, GPR.RBP, undefined, GPR.RBX, GPR.RDX, GPR.RCX, GPR.RAX] as const;

export const POPA = describe('POPA', [], ({ e, width }) => {
  const bytes = width / 8;
  const values = POPA_ORDER.map((index, slot) =>
    index === undefined ? undefined : ([index, e.peek(width, slot * bytes)] as const),
  );
  e.adjustStack(8 * bytes);
  for (const entry of values) if (entry !== undefined) e.setGpr(...entry);
});

export const LEAVE = describe('LEAVE', [], ({ e, width, stackWidth }) => {
  const frame = e.gpr(GPR.RBP, stackWidth);
  const caller = e.load(stackAddress(e, frame), width);
  e.setGpr(GPR.RSP, e.add(frame, e.int(stackWidth, width / 8)));
  e.setGpr(GPR.RBP, caller);
});

type Value = ReturnType<Emitter['gpr']>;
const stackAddress = (e: Emitter, offset: Value) => e.address(SEG.SS, e.resize(offset, 64));

/** Stack accesses of procedures: RSP, ESP or SP by the mode. */
interface Stack {
  readonly width: 16 | 32 | 64;
  readonly top: bigint;
}

function stackOf(cpu: Processor): Stack {
  const mode = cpu.u32(STATE.mode);
  const legacyWidth = (mode & MODE.STACK_32) === 0 ? 16 : 32;
  const width = (mode & MODE.CODE_SIZE) === MODE.CODE_64 ? 64 : legacyWidth;
  return { width, top: cpu.readGpr(GPR.RSP, width) };
}

const offsetIn = (stack: Stack, offset: bigint): bigint => BigInt.asUintN(stack.width, offset);

/** POP to memory. An rSP base counts as already incremented (SDM Vol. 2B "POP"). */
export const POP_MEMORY = procedure(
  'POP',
  (cpu, instruction) => {
    const bytes = instruction.operandSize / 8;
    const stack = stackOf(cpu);
    const value = cpu.readMemory(SEG.SS, stack.top, bytes);
    const moved = instruction.base === GPR.RSP ? BigInt(bytes) : 0n;
    const offset = BigInt.asUintN(instruction.addressSize, cpu.effectiveAddress(instruction) + moved);
    cpu.writeMemory(instruction.segment, offset, bytes, value);
    cpu.writeGpr(GPR.RSP, stack.width, offsetIn(stack, stack.top + BigInt(bytes)));
  },
  { endsBlock: false },
);

const PUSHA_ORDER = [GPR.RAX, GPR.RCX, GPR.RDX, GPR.RBX, GPR.RSP, GPR.RBP, GPR.RSI, GPR.RDI] as const;

export const PUSHA = procedure(
  'PUSHA',
  (cpu, instruction) => {
    const bytes = instruction.operandSize / 8;
    const stack = stackOf(cpu);
    const slots = PUSHA_ORDER.map((index, n) => ({
      offset: offsetIn(stack, stack.top - BigInt((n + 1) * bytes)),
      value: cpu.readGpr(index, instruction.operandSize),
    }));
    // All eight are checked before the first is stored.
    for (const { offset } of slots) cpu.probeWrite(SEG.SS, offset, bytes);
    for (const { offset, value } of slots) cpu.writeMemory(SEG.SS, offset, bytes, value);
    cpu.writeGpr(GPR.RSP, stack.width, offsetIn(stack, stack.top - BigInt(8 * bytes)));
  },
  { endsBlock: false },
);

/**
 * Operands: bytes of locals (Iw), nesting level (Ib). SDM Vol. 2A "ENTER". Everything is checked first, in the order of
 * the accesses; then the display is copied word by word, since the frames may overlap.
 */
export const ENTER = procedure(
  'ENTER',
  (cpu, instruction) => {
    const [locals] = instruction.operands;
    const localBytes = locals?.kind === 'immediate' ? BigInt.asUintN(16, locals.value) : 0n;
    const level = instruction.immediate2 & 31;
    const width = instruction.operandSize;
    const bytes = width / 8;
    const stack = stackOf(cpu);
    const slot = (n: number): bigint => offsetIn(stack, stack.top - BigInt((n + 1) * bytes));
    const display = (n: number): bigint => offsetIn(stack, cpu.readGpr(GPR.RBP, stack.width) - BigInt(n * bytes));
    // On a 16-bit stack EBP gets the upper half of ESP too.
    const frame = BigInt.asUintN(width, cpu.readGpr(GPR.RSP, 64) - stack.top + slot(0));
    const pushed = 1 + level;
    const top = offsetIn(stack, stack.top - BigInt(pushed * bytes) - localBytes);

    cpu.probeWrite(SEG.SS, slot(0), bytes);
    for (let n = 1; n < level; n++) {
      cpu.readMemory(SEG.SS, display(n), bytes);
      cpu.probeWrite(SEG.SS, slot(n), bytes);
    }
    if (level > 0) cpu.probeWrite(SEG.SS, slot(level), bytes);
    // The new top must be writable too, though nothing is stored there.
    cpu.probeWrite(SEG.SS, top, bytes);

    cpu.writeMemory(SEG.SS, slot(0), bytes, cpu.readGpr(GPR.RBP, width));
    for (let n = 1; n < level; n++) {
      cpu.writeMemory(SEG.SS, slot(n), bytes, cpu.readMemory(SEG.SS, display(n), bytes));
    }
    if (level > 0) cpu.writeMemory(SEG.SS, slot(level), bytes, frame);
    cpu.writeGpr(GPR.RBP, width, frame);
    cpu.writeGpr(GPR.RSP, stack.width, top);
  },
  { endsBlock: false },
);
