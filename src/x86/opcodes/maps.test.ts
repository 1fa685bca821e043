import { expect, test } from 'vitest';
import { MAP_NAMES, opcodeMaps } from './maps.ts';
import type { Entry, Row } from './row.ts';

function rowsOf(entry: Entry | undefined): readonly Row[] {
  if (entry === undefined) return [];
  if (!('kind' in entry)) return [entry, ...rowsOf(entry.options.without)];
  switch (entry.kind) {
    case 'group':
      return entry.byReg.flatMap(rowsOf);
    case 'byMod':
      return [entry.memory, entry.register, ...(entry.byRm ?? [])].flatMap(rowsOf);
    case 'byPrefix':
      return [entry.none, entry.p66, entry.f3, entry.f2].flatMap(rowsOf);
    case 'byMode':
      return [entry.mode64, entry.legacy].flatMap(rowsOf);
    case 'byRex':
      return [entry.clear, entry.set].flatMap(rowsOf);
  }
}

const rows = MAP_NAMES.flatMap((name) => Object.values(opcodeMaps()[name]).flatMap(rowsOf));

test('opcodeMaps has as many operands in a row as its description has roles', () => {
  const wrong = rows.filter(
    ({ semantics, operands }) => semantics.kind === 'description' && semantics.roles.length !== operands.length,
  );
  expect(wrong.map(({ semantics, operands }) => `${semantics.name} ${operands.join()}`)).toEqual([]);
});

test('opcodeMaps marks every row with vector operands with its unit', () => {
  const vectors = rows.filter(({ operands }) => operands.some((code) => /^[PQNVWU][dqw]/.test(code)));
  expect(vectors.length).toBeGreaterThan(300);
  const wrong = vectors.filter(({ operands, options }) => {
    const mmx = operands.some((code) => /^[PQN]/.test(code));
    return options.unit !== (mmx ? 'mmx' : 'sse') || options.feature === undefined;
  });
  expect(wrong.map(({ semantics }) => semantics.name)).toEqual([]);
});
