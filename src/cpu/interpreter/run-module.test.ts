import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { HOST_FUNCTIONS } from './host-functions.ts';
import { hotForms } from './hot-forms.ts';
import { memoryOf } from './layout.ts';
import { generateRun, runModule } from './run-module.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

describe.each([32, 64] as const)('runModule of %i-bit code', (codeSize) => {
  const generated = generateRun(codeSize);
  const hot = hotForms(codeSize);

  it('is the same whenever it is generated', () => {
    expect(Buffer.compare(runModule(hot, { base: 0, codeSize }, undefined), generated)).toBe(0);
  });

  it('takes what the build left, for the first processor', () => {
    const prebuilt = { 32: '', 64: '', [codeSize]: base64(Uint8Array.of(1, 2, 3)) };
    expect(runModule(hot, { base: 0, codeSize }, prebuilt)).toEqual(Uint8Array.of(1, 2, 3));
    const second = runModule(hot, { base: 0x1000_0000, codeSize }, prebuilt);
    expect(second.length).toBeGreaterThan(generated.length / 2);
    expect(Buffer.compare(second, generated)).not.toBe(0);
  });

  it.each([0, 256])('fits a machine with %i pages of RAM', (ramPages) => {
    const pages = memoryOf(0).initial + ramPages;
    const functions = Object.keys(HOST_FUNCTIONS).map((name) => [name, () => 0]);
    const host = {
      memory: new WebAssembly.Memory({ initial: pages, maximum: pages }),
      ...Object.fromEntries(functions),
    };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(generated), { host });
    expect(Object.keys(exports).sort()).toEqual(['cold', 'run']);
  });
});
