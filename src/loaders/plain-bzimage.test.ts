import { describe, expect, it } from 'vitest';
import { MIB, makeBzImage, makeElf, makeRequest, pattern } from './kernels.cases.ts';
import { loadGuest } from './load.ts';
import { plainBzImage } from './plain-bzimage.ts';

const TEXT = pattern(5000, 1);
const INIT = new Uint8Array([...pattern(2000, 3), ...new Uint8Array(500)]);

describe.each([true, false])('plainBzImage of a 64-bit kernel: %s', (is64Bit) => {
  const vmlinux = makeElf({
    is64Bit,
    entry: 0x100_0000n,
    dataOffset: is64Bit ? 0x20_0000 : 0x1000,
    notes: pattern(32, 5),
    segments: [
      { gpa: 0x100_0000, data: TEXT, virtualAddress: is64Bit ? 0xffff_ffff_8100_0000n : 0xc100_0000n },
      { gpa: 0x100_2100, data: INIT, memoryBytes: 0x9000, virtualAddress: 0n },
    ],
  });
  const packed = makeBzImage({ vmlinux, is64Bit });
  const plain = plainBzImage(packed, 'vmlinuz') as Uint8Array;

  it('is loaded and entered like the packed one', () => {
    const [a, b] = [packed, plain].map((kernel) => {
      const request = makeRequest(kernel);
      request.memory.bytes.fill(0);
      const { boot, format } = loadGuest(request);
      // The setup header tells where the payload is.
      request.memory.bytes.fill(0, 0x7248, 0x7250);
      return { boot, format, bytes: request.memory.bytes };
    });
    expect(b?.format).toBe('bzImage');
    expect(b?.boot).toEqual(a?.boot);
    expect(Buffer.compare(a?.bytes as Uint8Array, b?.bytes as Uint8Array)).toBe(0);
  });

  it('holds what is loaded, without zeros at the ends', () => {
    expect(plain.length).toBeLessThan(TEXT.length + 2000 + 2048);
  });

  it('clears .bss', () => {
    const { memory } = makeRequest(plain);
    loadGuest({ ...makeRequest(plain), memory });
    expect(memory.bytes.subarray(0x100_2100 + 2000, 0x100_2100 + 0x9000).every((byte) => byte === 0)).toBe(true);
  });

  it('is damaged where a bzImage is', () => {
    expect(() => loadGuest(makeRequest(plain.subarray(0, plain.length - 10)))).toThrow('truncated');
  });
});

it.each([
  ['an ELF file', makeElf({ is64Bit: true, entry: 0n, segments: [{ gpa: MIB, data: TEXT }] })],
  ['an unknown payload', makeBzImage({ vmlinux: new Uint8Array(1), payload: pattern(100, 1) })],
])('plainBzImage has none of %s', (_, kernel) => {
  expect(plainBzImage(kernel, 'vmlinuz')).toBeNull();
});
