import { afterAll, describe, expect, test } from 'vitest';
import { AgainstHost } from './against-host.ts';
import { applyRow, printRow, rowOf } from './case-row.ts';
import { allFeatures } from './features.ts';
import { interpreterCpu } from './interpreter-cpu.ts';
import { CaseBatch } from './native/case.ts';
import { openNativeHost } from './native/runner.ts';
import { oracleCpu } from './oracle-cpu.ts';
import { REGRESSIONS } from './regressions.ts';

const host = await openNativeHost();

const runner = host.kind === 'available' ? host.runner : undefined;

describe('regressions', () => {
  const cpus = [oracleCpu(allFeatures()), interpreterCpu(allFeatures())];
  test.each(REGRESSIONS)('$name', async (row) => {
    if (row.mode === 32 && host.kind === 'available' && !host.compat) return;
    const against = new AgainstHost(runner, cpus);
    const batch = CaseBatch.allocate(1);
    applyRow(row, batch.records[0]!);
    const mismatches = await against.compare(batch, () => () => ({}));
    expect(mismatches.map(({ cpu, differences }) => ({ cpu: cpu.name, differences }))).toEqual([]);
  });
});

test('a row says all of a case', () => {
  const [from, to] = CaseBatch.allocate(2).records as [ReturnType<typeof oneRecord>, ReturnType<typeof oneRecord>];
  for (const row of REGRESSIONS) {
    applyRow(row, from);
    const { code, mode, state } = rowOf(from, to);
    expect(printRow({ code, ...(mode === undefined ? {} : { mode }), state })).toBe(printRow(row));
  }
});

const oneRecord = () => CaseBatch.allocate(1).records[0]!;

afterAll(() => {
  runner?.dispose();
});
