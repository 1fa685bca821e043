import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatByteSize, parseByteSize } from './byte-size.ts';

describe('parseByteSize', () => {
  it.each([
    ['512M', 512 * 2 ** 20],
    ['1G', 2 ** 30],
    ['1g', 2 ** 30],
    ['64MiB', 64 * 2 ** 20],
    ['64mb', 64 * 2 ** 20],
    ['16384K', 2 ** 24],
    ['1073741824', 2 ** 30],
    ['0', 0],
  ])('%s is %i bytes', (text, sizeBytes) => {
    expect(parseByteSize(text)).toBe(sizeBytes);
  });

  it.each(['', 'M', '-1M', '1.5G', '1T', '512 M', '0x100', '1MM', '9999999999G', 'NaN'])('%j is no size', (text) => {
    expect(parseByteSize(text)).toBeNull();
  });

  it('reads what formatByteSize writes', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (size) => parseByteSize(formatByteSize(size)) === size),
    );
    fc.assert(
      fc.property(fc.nat({ max: 4096 }), (mib) => parseByteSize(formatByteSize(mib * 2 ** 20)) === mib * 2 ** 20),
    );
  });
});
