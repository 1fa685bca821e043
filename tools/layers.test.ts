import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allowedLayers, importsOf, LAYERS, layerOf, MAX_CODE_LINES, reExportsOf, TABLE_FILES } from './layers.ts';

const SRC = join(import.meta.dirname, '..', 'src');

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Code that is shipped: tests may import and use what they like. */
const FILES: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/\.(test|cases|d)\.ts$/.test(path) && !path.includes('fixtures/'))
  .map((path) => ({ path, text: readFileSync(join(SRC, path), 'utf8') }));

/** What is wrong with one import of a file; null when nothing is. */
function importProblem(path: string, specifier: string): string | null {
  const layer = layerOf(path) ?? '';
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(path), specifier));
    const targetLayer = layerOf(target);
    if (targetLayer === undefined) return `${path} imports ${target}, which is in no layer`;
    return allowedLayers(layer).has(targetLayer)
      ? null
      : `${path}: ${layer} must not import ${targetLayer} (${target})`;
  }
  const { runtime, packages = [] } = LAYERS[layer] ?? { runtime: 'any' };
  const isAllowed = specifier.startsWith('node:') ? runtime === 'node' : packages.includes(specifier);
  return isAllowed ? null : `${path}: ${layer} must not import '${specifier}'`;
}

describe('layers', () => {
  it('hold every file of src', () => {
    expect(FILES.length).toBeGreaterThan(50);
    expect(FILES.filter(({ path }) => layerOf(path) === undefined).map(({ path }) => path)).toEqual([]);
  });

  it('lie below each other without a circle', () => {
    const circles = Object.entries(LAYERS).flatMap(([name, { below }]) =>
      below
        .filter((lower) => LAYERS[lower] === undefined || allowedLayers(lower).has(name))
        .map((lower) => [name, lower]),
    );
    expect(circles).toEqual([]);
  });

  it('import only downward, and platform API only where it is', () => {
    const problems = FILES.flatMap(({ path, text }) =>
      importsOf(text).map((specifier) => importProblem(path, specifier)),
    );
    expect(problems.filter((problem) => problem !== null)).toEqual([]);
  });

  it('re-export only in the SDK', () => {
    const barrels = FILES.filter(({ path, text }) => !path.startsWith('sdk/') && reExportsOf(text).length > 0);
    expect(barrels.map(({ path }) => path)).toEqual([]);
  });

  it(`are of files no longer than ${MAX_CODE_LINES} lines`, () => {
    const long = FILES.filter(({ path }) => !TABLE_FILES.some((pattern) => pattern.test(path)))
      .map(({ path, text }) => `${path}: ${text.split('\n').length - 1} lines`)
      .filter((line) => Number(/(\d+) lines$/.exec(line)?.[1]) > MAX_CODE_LINES);
    expect(long).toEqual([]);
  });
});

describe('importProblem', () => {
  it.each([
    ['devices/legacy/pit.ts', '../../engine/engine.ts', 'must not import engine'],
    ['engine/engine.ts', '../devices/catalog.ts', 'must not import devices'],
    ['x86/decoder.ts', '../cpu/mmu/page-walk.ts', 'must not import cpu'],
    ['base/clock.ts', 'node:fs', "must not import 'node:fs'"],
    ['sdk/index.ts', './node.ts', 'must not import sdk/node'],
    ['sdk/index.ts', 'fflate', "must not import 'fflate'"],
    ['cli/main.ts', '../apps/web.ts', 'in no layer'],
  ])('refuses %s → %s', (path, specifier, problem) => {
    expect(importProblem(path, specifier)).toContain(problem);
  });

  it.each([
    ['machine/board.ts', '../devices/catalog.ts'],
    ['engine/soft/soft-vm.ts', '../../cpu/processor/soft-processor.ts'],
    ['cli/main.ts', 'node:fs'],
    ['sdk/node.ts', '../images/node/guest-image.ts'],
  ])('allows %s → %s', (path, specifier) => {
    expect(importProblem(path, specifier)).toBeNull();
  });
});

describe('importsOf', () => {
  it('finds every form of import', () => {
    const source = [
      "import { a } from './a.ts';",
      "import type {\n  B,\n  C,\n} from '../b.ts';",
      "import './c.ts';",
      "export { d } from './d.ts';",
      "export * from './f.ts';",
      "const e = await import('./e.ts');",
      "export const from = 'nowhere';",
    ].join('\n');
    expect(importsOf(source)).toEqual(['./a.ts', '../b.ts', './c.ts', './e.ts', './d.ts', './f.ts']);
  });
});
