import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { undoBcjX86 } from './bcj-x86.ts';
import { decompressBzip2 } from './bzip2.ts';
import { CorruptDataError, type Decompress } from './codec.ts';
import { crc32 } from './crc32.ts';
import { decompressLz4Legacy } from './lz4.ts';
import { decompressLzmaAlone } from './lzma-alone.ts';
import { decompressLzop } from './lzo.ts';
import { type PackedSample, packedSample, sampleBytes } from './sample.cases.ts';
import { decompressXz } from './xz.ts';

const OURS: readonly { format: PackedSample; decompress: Decompress }[] = [
  { format: 'xz', decompress: decompressXz },
  { format: 'lzma', decompress: decompressLzmaAlone },
  { format: 'bz2', decompress: decompressBzip2 },
  { format: 'lzo', decompress: decompressLzop },
  { format: 'lz4', decompress: decompressLz4Legacy },
];
const sample = sampleBytes();

describe.each(OURS)('$format', ({ format, decompress }) => {
  const packed = packedSample(format);

  test('decompress gives back what was packed', () => {
    const output = new Uint8Array(sample.length);
    decompress(packed, output);
    expect(Buffer.compare(output, sample)).toBe(0);
  });

  test('decompress stays within its output', () => {
    const around = new Uint8Array(sample.length + 200).fill(0xaa);
    decompress(packed, around.subarray(100, 100 + sample.length));
    expect([...around.subarray(0, 100), ...around.subarray(100 + sample.length)].every((byte) => byte === 0xaa)).toBe(
      true,
    );
  });

  test.each([1, 100, 20_000])('decompress refuses data for %i bytes more', (extraBytes) => {
    expect(() => decompress(packed, new Uint8Array(sample.length + extraBytes))).toThrow(CorruptDataError);
  });

  test('decompress refuses truncated data', () => {
    const lengths = fc.integer({ min: 0, max: packed.length - 300 });
    fc.assert(
      fc.property(lengths, (length) => {
        expect(() => decompress(packed.subarray(0, length), new Uint8Array(sample.length))).toThrow(CorruptDataError);
      }),
      { numRuns: 50 },
    );
  });

  test('decompress ends on damaged data with a result or a complaint', () => {
    const damage = fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(damage, (changes) => {
        const damaged = packed.slice();
        for (const [position, byte] of changes) damaged[position] = byte;
        try {
          decompress(damaged, new Uint8Array(sample.length));
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptDataError);
        }
      }),
      { numRuns: 200 },
    );
  });
});

test.each([0, 1, 2, 3])('decompressXz notices a check that differs in byte %i', (byte) => {
  const packed = packedSample('xz');
  const indexAndFooterBytes = 24;
  packed[packed.length - indexAndFooterBytes - 4 + byte] ^= 0x40;
  expect(() => decompressXz(packed, new Uint8Array(sample.length))).toThrow('CRC-32');
});

test.each([
  ['', 0x0000_0000],
  ['a', 0xe8b7_be43],
  ['123456789', 0xcbf4_3926],
  ['The quick brown fox jumps over the lazy dog', 0x414f_a339],
])('crc32 of %j', (text, expected) => {
  expect(crc32(new Uint8Array(Buffer.from(text)))).toBe(expected);
});

test.each<[string, number[], number[]]>([
  ['an absolute CALL operand becomes relative', [0x90, 0xe8, 0x06, 0x01, 0, 0, 0x90], [0x90, 0xe8, 0, 1, 0, 0, 0x90]],
  ['an operand whose top byte is no sign stays', [0x90, 0xe9, 6, 1, 0, 0x12, 0x90], [0x90, 0xe9, 6, 1, 0, 0x12, 0x90]],
  ['a branch in the last four bytes stays', [0x90, 0x90, 0xe8, 0x06, 0x01, 0], [0x90, 0x90, 0xe8, 0x06, 0x01, 0]],
  ['a backward branch gets its sign back', [0xe8, 0x00, 0, 0, 0, 0x90], [0xe8, 0xfb, 0xff, 0xff, 0xff, 0x90]],
])('undoBcjX86: %s', (_, filtered, expected) => {
  const bytes = Uint8Array.from(filtered);
  undoBcjX86(bytes);
  expect([...bytes]).toEqual(expected);
});
