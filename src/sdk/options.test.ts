import { describe, expect, it } from 'vitest';
import { MEMORY_LIMITS } from '../machine/config.ts';
import { checkOptions, parseDevice } from './options.ts';

describe('checkOptions', () => {
  it('fills in the defaults', () => {
    expect(checkOptions({})).toEqual({
      machine: 'pc',
      memoryBytes: MEMORY_LIMITS.defaultBytes,
      cpuCount: 1,
      cpuModel: 'max',
      personality: 'kvm',
      clock: 'real',
      commandLine: 'console=ttyS0',
      devices: [],
      timeoutMs: null,
    });
  });

  it.each([
    [{ memory: '16M' }, { memoryBytes: MEMORY_LIMITS.minBytes }],
    [{ memory: '3584M' }, { memoryBytes: MEMORY_LIMITS.maxBytes }],
    [{ memory: 64 * 2 ** 20 }, { memoryBytes: 64 * 2 ** 20 }],
    [{ append: '' }, { commandLine: '' }],
    [{ timeoutMs: 1.5 }, { timeoutMs: 1.5 }],
    [{ devices: ['x,a=1'] }, { devices: [{ name: 'x', options: { a: '1' } }] }],
  ])('takes %o', (options, checked) => {
    expect(checkOptions(options)).toMatchObject(checked);
  });

  it.each([
    [{ memory: 16 * 2 ** 20 - 1 }, 'VMM_CONFIG_MEMORY', /16777215.*16M to 3584M/],
    [{ memory: '3585M' }, 'VMM_CONFIG_MEMORY', /3585M.*16M to 3584M/],
    [{ memory: 'lots' }, 'VMM_CONFIG_MEMORY', /'lots'/],
    [{ memory: Number.NaN }, 'VMM_CONFIG_MEMORY', /NaN/],
    [{ cpus: 0 }, 'VMM_CONFIG_CPUS', /'0'/],
    [{ cpus: 1.5 }, 'VMM_CONFIG_CPUS', /1\.5/],
    [{ cpus: 4 }, 'VMM_CONFIG_CPUS', /4 CPUs.*not offered yet/],
    [{ timeoutMs: -1 }, 'VMM_CONFIG_TIMEOUT', /-1 ms/],
    [{ timeoutMs: 2 ** 31 }, 'VMM_CONFIG_TIMEOUT', /2147483648/],
  ])('refuses %o', (options, code, message) => {
    expect(() => checkOptions(options)).toThrow(expect.objectContaining({ code, kind: 'usage' }));
    expect(() => checkOptions(options)).toThrow(message);
  });
});

describe('parseDevice', () => {
  it.each([
    ['isa-debug-exit', { name: 'isa-debug-exit', options: {} }],
    ['isa-debug-exit,iobase=0xf4,iosize=4', { name: 'isa-debug-exit', options: { iobase: '0xf4', iosize: '4' } }],
    ['disk,readonly', { name: 'disk', options: { readonly: 'on' } }],
    ['disk,file=a=b', { name: 'disk', options: { file: 'a=b' } }],
    ['disk,__proto__=1', { name: 'disk', options: Object.fromEntries([['__proto__', '1']]) }],
  ])('%s', (text, device) => {
    expect(parseDevice(text).name).toBe(device.name);
    expect(Object.entries(parseDevice(text).options)).toEqual(Object.entries(device.options));
  });

  it.each(['', ',a=1', 'disk,', 'disk,=1', 'a=1'])('refuses %j', (text) => {
    expect(() => parseDevice(text)).toThrow(expect.objectContaining({ code: 'VMM_CONFIG_DEVICE' }));
  });
});
