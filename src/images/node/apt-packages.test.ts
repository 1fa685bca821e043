import { describe, expect, it } from 'vitest';
import { kernelDependency, parseControl } from './apt-packages.ts';

describe('parseControl', () => {
  it('reads the first paragraph', () => {
    const fields = parseControl('Package: a\nVersion: 1:2.3-4\nDescription: one\n two\n .\n\nPackage: b\n');
    expect([...(fields ?? [])]).toEqual([
      ['Package', 'a'],
      ['Version', '1:2.3-4'],
      ['Description', 'one'],
    ]);
  });

  it('is null where there is none', () => {
    expect(parseControl('')).toBeNull();
    expect(parseControl('N: no packages found\n')?.get('Package')).toBeUndefined();
  });
});

describe('kernelDependency', () => {
  it.each([
    ['linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)', 'linux-image-6.1.0-56-cloud-amd64'],
    ['linux-image-6.1.0-50-686', 'linux-image-6.1.0-50-686'],
    ['linux-firmware, linux-image-6.8.0-31-generic, intel-microcode', 'linux-image-6.8.0-31-generic'],
    ['linux-image-unsigned-6.8.0-31-generic | linux-image-6.8.0-31-generic', 'linux-image-unsigned-6.8.0-31-generic'],
    ['linux-image-6.1.0-56-amd64:amd64 (>= 6)', 'linux-image-6.1.0-56-amd64'],
  ])('%s', (depends, name) => {
    expect(kernelDependency(depends)).toBe(name);
  });

  it.each(['', 'linux-base', 'linux-image-amd64'])('is null for %j', (depends) => {
    expect(kernelDependency(depends)).toBeNull();
  });
});
