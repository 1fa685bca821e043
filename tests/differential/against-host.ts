import { applyRow, printRow } from './case-row.ts';
import { compareResults, type Difference, type Masks, normaliseNative } from './compare.ts';
import { CaseBatch, type CaseRecord } from './native/case.ts';
import type { NativeRunner } from './native/runner.ts';
import { SIGALRM } from './native/runner-program.ts';
import { shrink } from './shrink.ts';

/** A way to run cases in software. */
export interface SoftwareCpu {
  readonly name: string;
  /** Runs the case and writes a normalised result. Answers which RFLAGS bits are undefined for it. */
  run(given: CaseRecord, result: CaseRecord): number;
}

/** What of a case may differ; `host` is its normalised result. */
export type MasksOf = (given: CaseRecord, host: CaseRecord) => Masks;

export interface Mismatch {
  readonly given: CaseRecord;
  readonly masksOf: MasksOf;
  readonly cpu: SoftwareCpu;
  readonly differences: readonly Difference[];
}

/** Mismatches that are shrunk and printed at most, of different kinds. */
const EXPLAINED = 3;

/**
 * Runs cases on the host CPU and on software CPUs; the first of these says which flags are undefined. Without a runner,
 * on hosts of another architecture, the first takes the host's place.
 */
export class AgainstHost {
  readonly #runner: NativeRunner | undefined;
  readonly #cpus: readonly SoftwareCpu[];
  readonly #scratch = CaseBatch.allocate(1).records[0]!;

  constructor(runner: NativeRunner | undefined, cpus: readonly SoftwareCpu[]) {
    this.#runner = runner;
    this.#cpus = cpus;
  }

  async compare(batch: CaseBatch, masksOf: (index: number) => MasksOf): Promise<readonly Mismatch[]> {
    const native = await this.#expected(batch);
    return batch.records.flatMap((given, i) =>
      this.#compareOne(given, native.records[i]!, { cpus: this.#cpus, masksOf: masksOf(i) }),
    );
  }

  async #expected(batch: CaseBatch): Promise<CaseBatch> {
    if (this.#runner !== undefined) return this.#runner.run(batch);
    const results = CaseBatch.allocate(batch.records.length);
    for (const [i, given] of batch.records.entries()) this.#cpus[0]!.run(given, results.records[i]!);
    return results;
  }

  #compareOne(
    given: CaseRecord,
    native: CaseRecord,
    options: { cpus: readonly SoftwareCpu[]; masksOf: MasksOf },
  ): readonly Mismatch[] {
    if (native.signal === SIGALRM) return []; // some far transfers never end on some hosts
    normaliseNative(native);
    const { cpus, masksOf } = options;
    const masks = masksOf(given, native);
    let undefinedFlags = masks.undefinedFlags ?? 0;
    const mismatches: Mismatch[] = [];
    for (const cpu of cpus) {
      undefinedFlags |= cpu.run(given, this.#scratch);
      const differences = compareResults(native, this.#scratch, { ...masks, undefinedFlags });
      if (differences.length > 0) mismatches.push({ given, masksOf, cpu, differences });
    }
    return mismatches;
  }

  /** The first mismatch of each kind, shrunk to a row for regressions.ts, and what differs. */
  async explain(mismatches: readonly Mismatch[]): Promise<string> {
    const kinds = new Map<string, Mismatch>();
    for (const mismatch of mismatches) {
      const fields = mismatch.differences.map(({ field }) => field.replace(/[0-9a-f[\]]+/, ''));
      const kind = `${mismatch.cpu.name} ${fields.join(' ')}`;
      if (!kinds.has(kind)) kinds.set(kind, mismatch);
    }
    const lines: string[] = [];
    for (const mismatch of [...kinds.values()].slice(0, EXPLAINED)) lines.push(...(await this.#explainOne(mismatch)));
    return lines.join('\n');
  }

  async #explainOne({ given, cpu, masksOf }: Mismatch): Promise<readonly string[]> {
    // The first CPU is needed for the undefined flags.
    const cpus = [...new Set([this.#cpus[0]!, cpu])];
    const differences = async (batch: CaseBatch): Promise<readonly (readonly Difference[])[]> => {
      const native = await this.#expected(batch);
      return batch.records.map((record, i) => {
        const found = this.#compareOne(record, native.records[i]!, { cpus, masksOf });
        return found.find((mismatch) => mismatch.cpu === cpu)?.differences ?? [];
      });
    };
    const row = await shrink(given, async (batch) => (await differences(batch)).map((found) => found.length > 0));
    const shrunk = CaseBatch.allocate(1);
    applyRow(row, shrunk.records[0]!);
    const [left = []] = await differences(shrunk);
    const details = left.map(({ field, expected, actual }) => `    ${field}: host ${expected}, ${cpu.name} ${actual}`);
    return [`${cpu.name}: ${printRow(row)}`, ...details];
  }
}
