import { expect, test } from 'vitest';
import { cString, MIB, makeElf, makeNote, makeRequest, pattern, TEST_RSDP_GPA } from './kernels.cases.ts';
import { loadGuest } from './load.ts';

const segments = [{ gpa: 0x20_0000, data: pattern(600, 3), memoryBytes: 0x2800 }];
const notes = Buffer.concat([
  makeNote('GNU', 3, [1, 2, 3]),
  makeNote('Xen', 6, [7]),
  makeNote('Xen', 18, [0x20_0040, 0]),
]);
const kernel = makeElf({ is64Bit: true, entry: 0x20_0000n, segments, notes: new Uint8Array(notes) });

test('a kernel with a PVH note is entered there in flat protected mode with EBX at the start info', () => {
  const modules = [
    { name: 'initrd', bytes: pattern(5000, 1), commandLine: '' },
    { name: 'second', bytes: pattern(10, 2), commandLine: 'with words' },
  ];
  const request = makeRequest(kernel, { memoryMib: 8, modules });
  const { boot, format } = loadGuest(request);
  expect(format).toBe('PVH');
  expect(boot).toMatchObject({ mode: 'protected32', rip: 0x20_0040, cr0: 0x11, gprs: { rbx: 0x1000 } });
  expect(boot.segments.tr).toEqual({ selector: 0x20, base: 0, limit: 0x67, attributes: 0x8b });

  const { memory } = request;
  const info = 0x1000;
  expect([0, 4, 8, 12].map((offset) => memory.readU32(info + offset))).toEqual([0x336e_c578, 1, 0, 2]);
  expect(cString(memory, Number(memory.readU64(info + 24)))).toBe('console=ttyS0');
  expect(memory.readU64(info + 32)).toBe(BigInt(TEST_RSDP_GPA));

  const list = Number(memory.readU64(info + 16));
  const [first, second] = [0, 32].map((offset) =>
    [0, 8, 16].map((field) => Number(memory.readU64(list + offset + field))),
  );
  expect(first).toEqual([0x20_3000, 5000, 0]);
  expect(Buffer.compare(memory.bytes.subarray(0x20_3000, 0x20_3000 + 5000), pattern(5000, 1))).toBe(0);
  expect(second.slice(0, 2)).toEqual([0x20_5000, 10]);
  expect(cString(memory, second[2])).toBe('with words');

  const map = Number(memory.readU64(info + 40));
  expect(memory.readU32(info + 48)).toBe(3);
  expect([0, 8].map((field) => memory.readU64(map + 48 + field))).toEqual([BigInt(MIB), BigInt(7 * MIB)]);
  expect(memory.readU32(map + 48 + 16)).toBe(1);
});

test('a PVH entry behind the kernel is refused', () => {
  const bad = makeElf({ is64Bit: true, entry: 0x20_0000n, segments, notes: makeNote('Xen', 18, [0x7fff_0000, 0]) });
  expect(() => loadGuest(makeRequest(bad, { memoryMib: 8 }))).toThrow(
    expect.objectContaining({ code: 'VMM_KERNEL_CORRUPT' }),
  );
});

test('modules beyond the limit are refused', () => {
  const modules = Array.from({ length: 257 }, (_, i) => ({ name: `m${i}`, bytes: new Uint8Array(1), commandLine: '' }));
  expect(() => loadGuest(makeRequest(kernel, { memoryMib: 8, modules }))).toThrow(
    expect.objectContaining({ code: 'VMM_MODULE_COUNT' }),
  );
  expect(loadGuest(makeRequest(kernel, { memoryMib: 8, modules: modules.slice(1) })).format).toBe('PVH');
});
