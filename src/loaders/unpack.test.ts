import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { PACKED_SAMPLES, packedSample, sampleBytes } from './decompress/sample.cases.ts';
import { CODECS, findCodec, unpack, unpackedSizeBytes } from './unpack.ts';

const sample = sampleBytes();

function appendSize(packed: Uint8Array, sizeBytes: number): Uint8Array {
  const payload = new Uint8Array(packed.length + 4);
  payload.set(packed);
  new DataView(payload.buffer).setUint32(packed.length, sizeBytes, true);
  return payload;
}

const PAYLOADS = [
  { format: 'gz', payload: new Uint8Array(gzipSync(sample)) },
  ...PACKED_SAMPLES.map((format) => ({ format, payload: appendSize(packedSample(format), sample.length) })),
];

describe.each(PAYLOADS)('$format', ({ payload }) => {
  test('unpack gives back what was packed', () => {
    const codec = findCodec(payload);
    expect(codec).toBeDefined();
    expect(unpackedSizeBytes(payload)).toBe(sample.length);
    const output = new Uint8Array(sample.length);
    if (codec !== undefined) unpack(codec, payload, output);
    expect(Buffer.compare(output, sample)).toBe(0);
  });

  test('unpack says that a truncated payload is damaged', () => {
    const codec = findCodec(payload);
    const half = payload.subarray(0, payload.length >> 1);
    expect(() => codec && unpack(codec, half, new Uint8Array(sample.length))).toThrow(
      expect.objectContaining({ code: 'VMM_KERNEL_CORRUPT', kind: 'usage' }),
    );
  });
});

test('findCodec knows each codec by its magic and nothing else', () => {
  expect(PAYLOADS.map(({ payload }) => findCodec(payload)?.name).sort()).toEqual(CODECS.map(({ name }) => name).sort());
  expect(findCodec(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46))).toBeUndefined();
  expect(findCodec(new Uint8Array())).toBeUndefined();
});
