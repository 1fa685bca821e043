import { expect, test } from 'vitest';
import type { Address, Bool, Int } from '../../x86/emitter.ts';
import type { Instruction } from '../../x86/instruction.ts';
import { opcodeMaps } from '../../x86/opcodes/maps.ts';
import { MODE } from '../../x86/processor-mode.ts';
import { type Description, describe } from '../../x86/semantics.ts';
import { BoundEvaluator } from './bound-evaluator.ts';
import { formsOf, type Placed, rowsOf } from './forms.cases.ts';
import { PROGRESS } from './state-evaluator.ts';
import { blankProcessor } from './survey.ts';

/** Follows every path through a description and notes what could fault after a change. */
class OrderChecker extends BoundEvaluator {
  readonly violations: string[] = [];
  protected override readonly strict = false;
  #probed = false;

  constructor(instruction: Instruction) {
    super(blankProcessor(MODE.CODE_64 | MODE.FLAT), instruction, false);
  }

  protected override mayFault(latest: number = PROGRESS.CHECKS): void {
    if (this.progress > latest) this.violations.push('a check or store after a change');
    if (latest === PROGRESS.STORES && this.progress === PROGRESS.STORES && !this.#probed) {
      this.violations.push('a second store without a probe');
    }
  }

  override probeWrite(address: Address, bytes: number): void {
    super.probeWrite(address, bytes);
    this.#probed = true;
  }

  override when(_condition: Bool, then: () => void, otherwise: () => void = () => {}): void {
    const before = this.progress;
    then();
    const after = this.progress;
    this.progress = before;
    otherwise();
    this.progress = Math.max(after, this.progress);
  }

  override raise(): void {
    this.mayFault();
  }

  protected override evaluateIntrinsic(): bigint {
    this.mayFault();
    return 0n;
  }
}

function violationsOf({ row, mod }: Placed, opcode: number): readonly string[] {
  const { semantics } = row;
  if (semantics.kind !== 'description') return [];
  return formsOf({ row, mod }, opcode).flatMap((instruction) => {
    const checker = new OrderChecker(instruction);
    checker.emit(semantics);
    const kinds = instruction.operands.map((operand) => operand.kind).join();
    return checker.violations.map((violation) => `${semantics.name} ${kinds} ${instruction.operandSize}: ${violation}`);
  });
}

test.each(Object.entries(opcodeMaps()))(
  '%s: descriptions check and load, then store, then change registers',
  (_, map) => {
    const entries = Object.entries(map).map(([opcode, entry]) => ({ opcode: Number(opcode), rows: rowsOf(entry) }));
    const violations = entries.flatMap(({ opcode, rows }) => rows.flatMap((row) => violationsOf(row, opcode)));
    expect(violations).toEqual([]);
  },
);

test.each<[string, Description<readonly ['dst', 'src']>]>([
  [
    'a load after a register write',
    describe('WRONG', ['dst', 'src'], ({ e, src }) => {
      e.setGpr(0, e.int(64, 0));
      src.read();
    }),
  ],
  [
    'a load after a register write in one branch',
    describe('WRONG', ['dst', 'src'], ({ e, src }) => {
      e.when(e.isZero(e.gpr(0, 64)), () => e.setGpr(0, e.int(64, 0)));
      src.read();
    }),
  ],
  [
    'two stores',
    describe('WRONG', ['dst', 'src'], ({ e }) => {
      const zero: Int = e.int(64, 0);
      e.store(e.address(3, zero), zero);
      e.store(e.address(3, zero), zero);
    }),
  ],
])('OrderChecker finds %s', (_, wrong) => {
  const row = { semantics: wrong, operands: ['Gv', 'Ev'], options: {} } as const;
  expect(violationsOf({ row, mod: 'any' }, 0)).not.toEqual([]);
});
