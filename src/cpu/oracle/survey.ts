import type { Bool } from '../../x86/emitter.ts';
import type { Instruction } from '../../x86/instruction.ts';
import { MODE } from '../../x86/processor-mode.ts';
import type { Description } from '../../x86/semantics.ts';
import { STATE } from '../../x86/state.ts';
import { BoundEvaluator } from './bound-evaluator.ts';
import type { OracleProcessor } from './state-evaluator.ts';

const nothing = (): void => {};
const zero = (): bigint => 0n;

/** A processor of a mode that has neither state nor memory: reads give 0, writes vanish, nothing faults. */
export const blankProcessor = (mode: number): OracleProcessor => ({
  u32: (offset) => (offset === STATE.mode ? mode : 0),
  setU32: nothing,
  u64: zero,
  setU64: nothing,
  readGpr: zero,
  writeGpr: nothing,
  rflags: () => 0,
  setRflags: nothing,
  effectiveAddress: zero,
  readMemory: zero,
  writeMemory: nothing,
  probeWrite: nothing,
  linearAddress: zero,
  raise: nothing as () => never,
});

/** Runs every branch of a description without effect, to learn what it does to its memory operand. */
class Surveyor extends BoundEvaluator {
  protected override readonly strict = false;

  override when(_condition: Bool, then: () => void, otherwise?: () => void): void {
    then();
    otherwise?.();
  }

  protected override mayFault(): void {}

  override raise(): void {}

  protected override evaluateIntrinsic(): bigint {
    return 0n;
  }
}

const known = new WeakMap<Description, Map<string, boolean>>();

/** Does the description read its memory operand and write it too? */
export function updatesMemoryOperand(description: Description, instruction: Instruction, mode: number): boolean {
  const kinds = instruction.operands.map((operand) => operand.kind);
  if (!kinds.includes('memory')) return false;
  const codeSize = mode & (MODE.CODE_SIZE | MODE.STACK_32);
  const key = `${kinds.join()} ${instruction.operandSize} ${instruction.addressSize} ${codeSize}`;
  let byForm = known.get(description);
  if (byForm === undefined) known.set(description, (byForm = new Map()));
  let updates = byForm.get(key);
  if (updates === undefined) {
    const surveyor = new Surveyor(blankProcessor(mode), instruction, false);
    surveyor.emit(description);
    updates = surveyor.operandRead && surveyor.operandWritten;
    byForm.set(key, updates);
  }
  return updates;
}
