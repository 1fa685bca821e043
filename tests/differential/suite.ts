import { afterAll, describe, expect, test } from 'vitest';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import { AgainstHost, type SoftwareCpu } from './against-host.ts';
import { allEncodings, type Encoding } from './encodings.ts';
import { CaseGenerator } from './generate.ts';
import { CaseBatch } from './native/case.ts';
import { hostHas } from './native/host-features.ts';
import { openNativeHost } from './native/runner.ts';
import { hashName, Prng } from './prng.ts';
import { masksFor, NOT_COMPARED } from './quirks.ts';
import { factor, seed } from './seed.ts';

export interface SuiteOptions {
  readonly name: string;
  readonly includes: (encoding: Encoding) => boolean;
  /** Each is compared with the host; the first says which flags are undefined. */
  readonly cpus: () => readonly SoftwareCpu[];
}

const LEAST_CASES = 1000;
const LEAST_CASES_PER_ENCODING = 60;

/** Registers tests that compare every mnemonic of the maps that `includes` picks with the host CPU. */
export async function differentialSuite(options: SuiteOptions): Promise<void> {
  const host = await openNativeHost();
  const counts = { mnemonics: 0, cases: 0, mismatches: 0 };
  const skipped: string[] = [];
  const runner = host.kind === 'available' ? host.runner : undefined;
  const compat = host.kind === 'unavailable' || host.compat;
  if (host.kind === 'unavailable') console.log(hostSkipped(options.name, host.reason));
  describe(`${options.name} against ${runner === undefined ? 'the oracle' : 'the host CPU'}`, () => {
    const against = new AgainstHost(runner, options.cpus());
    for (const [mnemonic, encodings] of byMnemonic(options.includes)) {
      const able = runner === undefined ? encodings : encodings.flatMap((encoding) => onHost(encoding, compat) ?? []);
      if (able.length === 0) {
        skipped.push(mnemonic);
        continue;
      }
      test(mnemonic, async () => {
        const { batch, masksOf } = randomCases(mnemonic, able);
        const mismatches = await against.compare(batch, masksOf);
        counts.mnemonics++;
        counts.cases += batch.records.length;
        counts.mismatches += mismatches.length;
        if (mismatches.length === 0) return;
        const sum = `${mnemonic}: ${mismatches.length} of ${batch.records.length} cases differ`;
        expect.fail(`${sum}\n${await against.explain(mismatches)}`);
      }, 120_000);
    }
  });
  afterAll(() => {
    runner?.dispose();
    const lacks = skipped.length === 0 ? '' : `, not on this host: ${skipped.join(' ')}`;
    console.log(
      `differential ${options.name}: ${counts.mnemonics} mnemonics, ${counts.cases} cases, ` +
        `${counts.mismatches} mismatches, seed ${seed}${lacks}`,
    );
  });
}

/** What is left of a comparison without a host to compare with. */
export const hostSkipped = (name: string, reason: string): string =>
  `differential ${name}: host CPU skipped, ${reason}; interpreter against oracle`;

function byMnemonic(includes: SuiteOptions['includes']): ReadonlyMap<string, readonly Encoding[]> {
  const found = new Map<string, Encoding[]>();
  for (const encoding of allEncodings(opcodeMaps())) {
    if (NOT_COMPARED.has(encoding.mnemonic) || !includes(encoding)) continue;
    const known = found.get(encoding.mnemonic);
    if (known === undefined) found.set(encoding.mnemonic, [encoding]);
    else known.push(encoding);
  }
  return found;
}

/** The encoding in the modes that the host can run it in; undefined if in none. */
export function onHost(encoding: Encoding, compat: boolean): Encoding | undefined {
  if (!hostHas(encoding.row.options.feature)) return undefined;
  const modes = encoding.modes.filter((mode) => mode === 64 || compat);
  return modes.length === 0 ? undefined : { ...encoding, modes };
}

function randomCases(mnemonic: string, encodings: readonly Encoding[]) {
  const generator = new CaseGenerator(new Prng(seed ^ hashName(mnemonic)));
  // A trailing `cc` stands for sixteen mnemonics.
  const least = mnemonic.endsWith('cc') ? 16 * LEAST_CASES : LEAST_CASES;
  const count = Math.ceil(Math.max(least, LEAST_CASES_PER_ENCODING * encodings.length) * factor);
  const batch = CaseBatch.allocate(count);
  const encoded = batch.records.map((record, i) => generator.generate(encodings[i % encodings.length]!, record));
  const masksOf = (i: number) => masksFor.bind(undefined, encoded[i]!);
  return { batch, masksOf };
}
