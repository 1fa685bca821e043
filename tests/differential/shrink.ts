import { type CaseRow, rowOf, SLOTS } from './case-row.ts';
import { CaseBatch, type CaseRecord, resetCase } from './native/case.ts';

/** Tells for each case of a batch whether it still shows the mismatch. */
export type Fails = (batch: CaseBatch) => Promise<readonly boolean[]>;

const MAX_ROUNDS = 8;

/**
 * Puts as much of a failing case as possible back to its initial state. Every round tries all parts at once, each
 * alone in a copy, then keeps those that did not matter if they do not matter together.
 */
export async function shrink(failing: CaseRecord, fails: Fails): Promise<CaseRow> {
  const reset = CaseBatch.allocate(1).records[0]!;
  resetCase(reset);
  const current = CaseBatch.allocate(1);
  const record = current.records[0]!;
  record.bytes.set(failing.bytes);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // Another RIP could make a branch go to itself.
    const open = SLOTS.filter(({ name, at, bytes }) => name !== 'RIP' && !sameBytes(record, reset, at, bytes));
    if (open.length === 0) break;
    const trials = CaseBatch.allocate(open.length);
    for (const [i, { at, bytes }] of open.entries()) {
      trials.records[i]!.bytes.set(record.bytes);
      trials.records[i]!.bytes.set(reset.bytes.subarray(at, at + bytes), at);
    }
    const verdicts = await fails(trials);
    const droppable = open.filter((_, i) => verdicts[i]);
    if (droppable.length === 0) break;
    if (!(await drop(record, reset, droppable, fails))) break;
  }
  return rowOf(record, reset);
}

/** Resets the most of `slots`, by halves, that keeps the case failing; false if none. */
async function drop(
  record: CaseRecord,
  reset: CaseRecord,
  slots: readonly (typeof SLOTS)[number][],
  fails: Fails,
): Promise<boolean> {
  const trial = CaseBatch.allocate(1);
  const copy = trial.records[0]!;
  copy.bytes.set(record.bytes);
  for (const { at, bytes } of slots) copy.bytes.set(reset.bytes.subarray(at, at + bytes), at);
  if ((await fails(trial))[0]) {
    record.bytes.set(copy.bytes);
    return true;
  }
  if (slots.length === 1) return false;
  const half = slots.length >> 1;
  const first = await drop(record, reset, slots.slice(0, half), fails);
  const second = await drop(record, reset, slots.slice(half), fails);
  return first || second;
}

function sameBytes(a: CaseRecord, b: CaseRecord, at: number, bytes: number): boolean {
  for (let i = at; i < at + bytes; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return true;
}
