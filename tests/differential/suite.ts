import { afterAll, describe, expect, test } from 'vitest';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import { applyRow, printRow } from './case-row.ts';
import { compareResults, type Difference, normaliseNative } from './compare.ts';
import type { Encoded } from './encode.ts';
import { allEncodings, type Encoding } from './encodings.ts';
import { CaseGenerator } from './generate.ts';
import { CaseBatch, type CaseRecord } from './native/case.ts';
import { hostHas } from './native/host-features.ts';
import { type NativeRunner, openNativeHost } from './native/runner.ts';
import { hashName, Prng } from './prng.ts';
import { masksFor, NOT_COMPARED } from './quirks.ts';
import { shrink } from './shrink.ts';

/** A way to run one instruction in software. */
export interface SoftwareCpu {
  readonly name: string;
  /** Runs the case and writes a normalised result. Answers which RFLAGS bits are undefined for it. */
  run(given: CaseRecord, result: CaseRecord): number;
}

export interface SuiteOptions {
  readonly name: string;
  readonly includes: (encoding: Encoding) => boolean;
  /** Each is compared with the host; the first says which flags are undefined. */
  readonly cpus: () => readonly SoftwareCpu[];
}

const LEAST_CASES = 1000;
const LEAST_CASES_PER_ENCODING = 60;

const seed = Number(process.env.DIFFERENTIAL_SEED ?? 1) >>> 0;
const factor = Number(process.env.DIFFERENTIAL_FACTOR ?? 1);

/** Registers tests that compare every mnemonic of the maps that `includes` picks with the host CPU. */
export async function differentialSuite(options: SuiteOptions): Promise<void> {
  const host = await openNativeHost();
  const byMnemonic = new Map<string, Encoding[]>();
  for (const encoding of allEncodings(opcodeMaps())) {
    if (encoding.row.options.system === true || NOT_COMPARED.has(encoding.mnemonic) || !options.includes(encoding))
      continue;
    byMnemonic.set(encoding.mnemonic, [...(byMnemonic.get(encoding.mnemonic) ?? []), encoding]);
  }
  const counts = { mnemonics: 0, cases: 0, mismatches: 0 };
  const skipped: string[] = [];
  describe.skipIf(host.kind === 'unavailable')(`${options.name} against the host CPU`, () => {
    if (host.kind === 'unavailable') return;
    const cpus = options.cpus();
    for (const [mnemonic, encodings] of byMnemonic) {
      const able = encodings
        .filter((encoding) => hostHas(encoding.row.options.feature))
        .map((encoding) => ({
          ...encoding,
          modes: host.compat ? encoding.modes : encoding.modes.filter((mode) => mode === 64),
        }))
        .filter((encoding) => encoding.modes.length > 0);
      if (able.length === 0) {
        skipped.push(mnemonic);
        continue;
      }
      test(mnemonic, async () => {
        const outcome = await compareMnemonic({ runner: host.runner, cpus, mnemonic, encodings: able });
        counts.mnemonics++;
        counts.cases += outcome.cases;
        counts.mismatches += outcome.mismatches.length;
        if (outcome.mismatches.length > 0) expect.fail(await explain(host.runner, cpus, outcome));
      }, 120_000);
    }
  });
  afterAll(() => {
    if (host.kind === 'unavailable') console.log(`differential ${options.name}: skipped, ${host.reason}`);
    else {
      host.runner.dispose();
      const lacks = skipped.length === 0 ? '' : `, not on this host: ${skipped.join(' ')}`;
      console.log(
        `differential ${options.name}: ${counts.mnemonics} mnemonics, ${counts.cases} cases, ` +
          `${counts.mismatches} mismatches, seed ${seed}${lacks}`,
      );
    }
  });
}

interface Mismatch {
  readonly given: CaseRecord;
  readonly encoded: Encoded;
  readonly cpu: SoftwareCpu;
  readonly differences: readonly Difference[];
}

interface Outcome {
  readonly mnemonic: string;
  readonly cases: number;
  readonly mismatches: readonly Mismatch[];
}

interface Comparison {
  readonly runner: NativeRunner;
  readonly cpus: readonly SoftwareCpu[];
  readonly mnemonic: string;
  readonly encodings: readonly Encoding[];
}

async function compareMnemonic({ runner, cpus, mnemonic, encodings }: Comparison): Promise<Outcome> {
  const generator = new CaseGenerator(new Prng(seed ^ hashName(mnemonic)));
  const count = Math.ceil(Math.max(LEAST_CASES, LEAST_CASES_PER_ENCODING * encodings.length) * factor);
  const batch = CaseBatch.allocate(count);
  const encoded = batch.records.map((record, i) => generator.generate(encodings[i % encodings.length]!, record));
  const native = await runner.run(batch);
  const mismatches: Mismatch[] = [];
  for (const [i, given] of batch.records.entries()) {
    const compared = compareOne(given, native.records[i]!, cpus, encoded[i]!);
    for (const { cpu, differences } of compared) mismatches.push({ given, encoded: encoded[i]!, cpu, differences });
  }
  return { mnemonic, cases: count, mismatches };
}

const scratch = CaseBatch.allocate(1).records[0]!;

function compareOne(
  given: CaseRecord,
  native: CaseRecord,
  cpus: readonly SoftwareCpu[],
  encoded: Encoded,
): readonly { cpu: SoftwareCpu; differences: readonly Difference[] }[] {
  normaliseNative(native);
  const masks = masksFor(encoded, given, native);
  let undefinedFlags = masks.undefinedFlags ?? 0;
  const failed: { cpu: SoftwareCpu; differences: readonly Difference[] }[] = [];
  for (const cpu of cpus) {
    undefinedFlags |= cpu.run(given, scratch);
    const differences = compareResults(native, scratch, { ...masks, undefinedFlags });
    if (differences.length > 0) failed.push({ cpu, differences });
  }
  return failed;
}

const EXPLAINED = 3;

/** The first mismatch of each kind, shrunk, as rows for regressions.ts. */
async function explain(runner: NativeRunner, cpus: readonly SoftwareCpu[], outcome: Outcome): Promise<string> {
  const kinds = new Map<string, Mismatch>();
  for (const mismatch of outcome.mismatches) {
    const kind = `${mismatch.cpu.name} ${mismatch.differences.map(({ field }) => field.replace(/[0-9a-f[\]]+/, '')).join(' ')}`;
    if (!kinds.has(kind)) kinds.set(kind, mismatch);
  }
  const lines = [`${outcome.mnemonic}: ${outcome.mismatches.length} of ${outcome.cases} cases differ from the host`];
  for (const { given, encoded, cpu } of [...kinds.values()].slice(0, EXPLAINED)) {
    const all = cpu === cpus[0] ? [cpu] : [cpus[0]!, cpu];
    const differences = async (batch: CaseBatch) => {
      const native = await runner.run(batch);
      return batch.records.map(
        (record, i) =>
          compareOne(record, native.records[i]!, all, encoded).find((found) => found.cpu === cpu)?.differences ?? [],
      );
    };
    const row = await shrink(given, async (batch) => (await differences(batch)).map((found) => found.length > 0));
    const shrunk = CaseBatch.allocate(1);
    applyRow(row, shrunk.records[0]!);
    const [left = []] = await differences(shrunk);
    lines.push(`${cpu.name}: ${printRow(row)}`);
    for (const { field, expected, actual } of left) lines.push(`    ${field}: host ${expected}, ${cpu.name} ${actual}`);
  }
  return lines.join('\n');
}
