import { describe, expect, test } from 'vitest';
import { cString, MIB, makeElf, makeRequest, pattern } from './kernels.cases.ts';
import { loadGuest } from './load.ts';

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function header(flags: number, ...addresses: number[]): Uint8Array {
  return words(0x1bad_b002, flags, -(0x1bad_b002 + flags), ...addresses);
}

function elfWith(multibootHeader: Uint8Array): Uint8Array {
  const data = pattern(800, 1);
  data.set(multibootHeader, 64);
  return makeElf({ is64Bit: false, entry: 0x40_0010n, segments: [{ gpa: 0x40_0000, data, memoryBytes: 0x1801 }] });
}

const MODULES = [
  { name: 'env.txt', bytes: pattern(100, 2), commandLine: '' },
  { name: 'dir/disk', bytes: pattern(5000, 3), commandLine: 'a b' },
];

test('an ELF kernel is entered with the loader magic in EAX and the information in EBX', () => {
  const request = makeRequest(elfWith(header(0x3)), {
    memoryMib: 8,
    kernelName: 'test.flat',
    modules: MODULES,
    commandLine: 'x=1',
  });
  const { boot, format } = loadGuest(request);
  expect(format).toBe('multiboot');
  expect(boot).toMatchObject({ mode: 'protected32', rip: 0x40_0010, gprs: { rax: 0x2bad_b002, rbx: 0x1000 } });

  const { memory } = request;
  const field = (offset: number) => memory.readU32(0x1000 + offset);
  expect(field(0)).toBe(0x24d);
  expect([field(4), field(8)]).toEqual([639, 7 * 1024]);
  expect(cString(memory, field(16))).toBe('test.flat x=1');
  expect(cString(memory, field(64))).toBe('paravane');

  expect(field(20)).toBe(2);
  const entries = [0, 16].map((offset) => [0, 4, 8].map((part) => memory.readU32(field(24) + offset + part)));
  expect(entries.map(([start, end]) => [start, end - start])).toEqual([
    [0x40_2000, 100],
    [0x40_3000, 5000],
  ]);
  expect(entries.map(([, , text]) => cString(memory, text))).toEqual(['env.txt', 'dir/disk a b']);
  expect(Buffer.compare(memory.bytes.subarray(0x40_3000, 0x40_3000 + 5000), pattern(5000, 3))).toBe(0);

  expect(field(44)).toBe(3 * 24);
  const last = field(48) + 48;
  expect(memory.readU32(last)).toBe(20);
  expect([memory.readU64(last + 4), memory.readU64(last + 12)]).toEqual([BigInt(MIB), BigInt(7 * MIB)]);
  expect(memory.readU32(last + 20)).toBe(1);
});

describe('a flat kernel', () => {
  const flat = (...addresses: number[]) => {
    const kernel = pattern(3000, 7);
    kernel.set(header(0x1_0000, ...addresses), 256);
    return kernel;
  };

  test('goes where its address fields say', () => {
    // header at file offset 256 and gpa 0x20_0080: the file is loaded from offset 128 on
    const kernel = flat(0x20_0080, 0x20_0000, 0x20_0800, 0x20_1000, 0x20_0100);
    const request = makeRequest(kernel, { memoryMib: 8 });
    expect(loadGuest(request).boot.rip).toBe(0x20_0100);
    const { memory } = request;
    expect(Buffer.compare(memory.bytes.subarray(0x20_0000, 0x20_0800), kernel.subarray(128, 128 + 0x800))).toBe(0);
    expect([...new Set(memory.bytes.subarray(0x20_0800, 0x20_1000))]).toEqual([0]);
    expect(memory.readU8(0x20_1000)).toBe(0xdd);
  });

  test('without an end address is loaded whole', () => {
    const kernel = flat(0x20_0100, 0x20_0000, 0, 0, 0x20_0200);
    const request = makeRequest(kernel, { memoryMib: 8 });
    loadGuest(request);
    expect(Buffer.compare(request.memory.bytes.subarray(0x20_0000, 0x20_0000 + 3000), kernel)).toBe(0);
  });

  test('may lie in conventional memory, where no page tables are', () => {
    const request = makeRequest(flat(0x8100, 0x8000, 0, 0xa000, 0x8200), { memoryMib: 8, modules: MODULES });
    expect(loadGuest(request).boot.rip).toBe(0x8200);
    expect(request.memory.readU32(request.memory.readU32(0x1000 + 24))).toBeGreaterThanOrEqual(MIB);
  });

  test.each([
    ['truncated', flat(0x20_0100, 0x20_0000, 0x20_0000 + 3001, 0, 0x20_0200), 'VMM_KERNEL_TRUNCATED'],
    ['loaded before the file begins', flat(0x20_0200, 0x20_0000, 0, 0, 0x20_0200), 'VMM_KERNEL_CORRUPT'],
    ['of negative length', flat(0x20_0100, 0x20_0000, 0x1f_0000, 0, 0x20_0200), 'VMM_KERNEL_CORRUPT'],
    ['in the boot area', flat(0x1100, 0x1000, 0, 0, 0x1100), 'VMM_KERNEL_RANGE'],
    ['beyond the memory', flat(0x20_0100, 0x20_0000, 0, 0x900_0000, 0x20_0200), 'VMM_MEMORY_TOO_SMALL'],
  ])('%s is refused', (_, kernel, code) => {
    expect(() => loadGuest(makeRequest(kernel, { memoryMib: 8 }))).toThrow(expect.objectContaining({ code }));
  });
});

test('unknown required features are refused', () => {
  expect(() => loadGuest(makeRequest(elfWith(header(0x8)), { memoryMib: 8 }))).toThrow(
    expect.objectContaining({ code: 'VMM_KERNEL_FORMAT', message: expect.stringContaining('0x8') }),
  );
});

test('a header with a wrong checksum is none', () => {
  const kernel = elfWith(words(0x1bad_b002, 0, 1));
  expect(loadGuest(makeRequest(kernel, { memoryMib: 8 })).format).toBe('ELF');
});

test('command lines that do not fit are refused', () => {
  const modules = [{ name: 'm', bytes: new Uint8Array(1), commandLine: 'y'.repeat(40_000) }];
  const request = makeRequest(elfWith(header(0)), { memoryMib: 8, modules, commandLine: 'x'.repeat(30_000) });
  expect(() => loadGuest(request)).toThrow(expect.objectContaining({ code: 'VMM_COMMAND_LINE_LENGTH' }));
});
