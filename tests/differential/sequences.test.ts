import { afterAll, describe, expect, test } from 'vitest';
import { opcodeMaps } from '../../src/x86/opcodes/maps.ts';
import { AgainstHost } from './against-host.ts';
import { allEncodings } from './encodings.ts';
import { allFeatures } from './features.ts';
import { CaseGenerator } from './generate.ts';
import { interpreterSequenceCpu } from './interpreter-cpu.ts';
import { CaseBatch } from './native/case.ts';
import { openNativeHost } from './native/runner.ts';
import { oracleSequenceCpu } from './oracle-cpu.ts';
import { Prng } from './prng.ts';
import { factor, seed } from './seed.ts';
import { mayBeInSequence, SequenceGenerator } from './sequence.ts';
import { hostSkipped, onHost } from './suite.ts';

const host = await openNativeHost();
const CASES = 6000;
let compared = 0;

const runner = host.kind === 'available' ? host.runner : undefined;
if (host.kind === 'unavailable') console.log(hostSkipped('sequences', host.reason));

describe('sequences', () => {
  const against = new AgainstHost(runner, [oracleSequenceCpu(allFeatures()), interpreterSequenceCpu(allFeatures())]);
  const encodings = allEncodings(opcodeMaps())
    .filter(mayBeInSequence)
    .flatMap((encoding) => (host.kind === 'available' ? (onHost(encoding, host.compat) ?? []) : encoding));
  const modes = host.kind === 'unavailable' || host.compat ? ([64, 32] as const) : ([64] as const);
  test.each(modes)(
    '%d-bit code: flags, branches and loops over several instructions',
    async (mode) => {
      const prng = new Prng(seed + mode);
      const generator = new SequenceGenerator(prng, new CaseGenerator(prng), encodings);
      const batch = CaseBatch.allocate(Math.ceil(CASES * factor));
      for (const record of batch.records) generator.generate(record, mode);
      const mismatches = await against.compare(batch, () => () => ({}));
      compared += batch.records.length;
      if (mismatches.length > 0) expect.fail(`${mismatches.length} differ\n${await against.explain(mismatches)}`);
    },
    120_000,
  );
});

afterAll(() => {
  runner?.dispose();
  console.log(`differential sequences: ${compared} sequences, seed ${seed}`);
});
