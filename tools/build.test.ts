import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateRun } from '../src/cpu/interpreter/run-module.ts';

const ROOT = join(import.meta.dirname, '..');
const PREBUILT = join(ROOT, 'dist/cpu/interpreter/prebuilt-run.js');

const modifiedMs = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => /(?<!\.test|\.cases)\.ts$/.test(path))
  .map((path) => modifiedMs(join(ROOT, 'src', path)));

// Says nothing of sources that were changed since the last build.
describe.skipIf(modifiedMs(PREBUILT) < Math.max(...sources))('dist', () => {
  it.each([32, 64] as const)('has the module for %i-bit code that the sources generate', (codeSize) => {
    const text = readFileSync(PREBUILT, 'utf8').match(new RegExp(`${codeSize}: '([^']*)'`))?.[1] ?? '';
    expect(Buffer.compare(Buffer.from(text, 'base64'), generateRun(codeSize))).toBe(0);
  });

  it('has a program that loads no processor until a guest runs', () => {
    const bundle = join(ROOT, 'dist/bundle');
    const read = (file: string): string => readFileSync(join(bundle, file), 'utf8');
    const holders = readdirSync(bundle).filter((file) =>
      /\bInterpreter = class|\bclass Interpreter\b/.test(read(file)),
    );
    expect(holders).toHaveLength(1);
    const loaded = new Set(['paravane.js']);
    for (const file of loaded) {
      for (const [, name] of read(file).matchAll(/^(?:import|export) [^;]*?from "\.\/([^"]+)";/gm))
        loaded.add(name as string);
    }
    expect(loaded.size).toBeGreaterThan(1);
    expect([...loaded].filter((file) => holders.includes(file))).toEqual([]);
  });
});
