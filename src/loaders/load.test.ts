import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VmmError } from '../base/errors.ts';
import { MIB, makeBzImage, makeElf, makeNote, makeRequest, pattern } from './kernels.cases.ts';
import { loadGuest } from './load.ts';

const CODE = pattern(600, 3);
const segments = [{ gpa: 0x20_0000, data: CODE, memoryBytes: 0x3000, virtualAddress: 0xffff_8000_0020_0000n }];
const elf64 = makeElf({ is64Bit: true, entry: 0x20_0010n, segments });
const elf32 = makeElf({ is64Bit: false, entry: 0x20_0010n, segments: [{ gpa: 0x20_0000, data: CODE }] });

describe('a plain ELF kernel', () => {
  test.each([
    ['64-bit', elf64, 'long64'],
    ['32-bit', elf32, 'protected32'],
    ['packed with gzip', new Uint8Array(gzipSync(elf64)), 'long64'],
  ])('%s is entered like a vmlinux', (_, kernel, mode) => {
    const request = makeRequest(kernel, { memoryMib: 8 });
    expect(loadGuest(request)).toMatchObject({ format: 'ELF', boot: { mode, rip: 0x20_0010, gprs: { rsi: 0x7000 } } });
    expect(Buffer.compare(request.memory.bytes.subarray(0x20_0000, 0x20_0000 + CODE.length), CODE)).toBe(0);
    expect(request.memory.readU32(0x7202)).toBe(0x5372_6448);
  });

  test('a virtual entry point is entered at its physical address', () => {
    const kernel = makeElf({ is64Bit: true, entry: 0xffff_8000_0020_0020n, segments });
    expect(loadGuest(makeRequest(kernel, { memoryMib: 8 })).boot.rip).toBe(0x20_0020);
  });
});

describe('what cannot be loaded', () => {
  const at = (gpa: number, memoryBytes = 0x1000) =>
    makeElf({ is64Bit: true, entry: BigInt(gpa), segments: [{ gpa, data: CODE, memoryBytes }] });
  const wrongMachine = elf64.slice();
  wrongMachine[18] = 183; // EM_AARCH64
  const initrd = (sizeBytes: number) => [{ name: 'initrd', bytes: new Uint8Array(sizeBytes), commandLine: '' }];

  test.each([
    ['an empty kernel', new Uint8Array(), {}, 'VMM_KERNEL_EMPTY'],
    ['text', new Uint8Array(Buffer.from('#!/bin/sh\necho no kernel\n')), {}, 'VMM_KERNEL_FORMAT'],
    ['an ELF file for another machine', wrongMachine, {}, 'VMM_KERNEL_FORMAT'],
    ['an ELF file truncated in its header', elf64.slice(0, 40), {}, 'VMM_KERNEL_TRUNCATED'],
    ['an ELF file truncated in its program headers', elf64.slice(0, 90), {}, 'VMM_KERNEL_TRUNCATED'],
    ['an ELF file truncated in a segment', elf64.slice(0, -1), {}, 'VMM_KERNEL_TRUNCATED'],
    ['an ELF file that wants video memory', at(0xa_0000), {}, 'VMM_KERNEL_RANGE'],
    ['an ELF file that wants the boot area', at(0x1000), {}, 'VMM_KERNEL_RANGE'],
    ['an ELF file that wants more than 4 GiB', at(0x100_0000_0000), {}, 'VMM_KERNEL_RANGE'],
    ['an ELF file beyond the end of memory', at(6 * MIB, 3 * MIB), {}, 'VMM_MEMORY_TOO_SMALL'],
    ['an entry outside the segments', makeElf({ is64Bit: true, entry: 5n, segments }), {}, 'VMM_KERNEL_CORRUPT'],
    ['an ELF file without segments', makeElf({ is64Bit: true, entry: 5n, segments: [] }), {}, 'VMM_KERNEL_CORRUPT'],
    ['a 64-bit ELF file on a 32-bit CPU', elf64, { cpuHas64Bit: false }, 'VMM_KERNEL_CPU'],
    ['an empty initrd', elf64, { modules: initrd(0) }, 'VMM_INITRD_EMPTY'],
    ['an initrd larger than memory', elf64, { modules: initrd(9 * MIB) }, 'VMM_INITRD_RANGE'],
    ['an endless command line', elf64, { commandLine: 'é'.repeat(1024) }, 'VMM_COMMAND_LINE_LENGTH'],
    ['a machine without memory', elf64, { memoryMib: 1 }, 'VMM_MEMORY_TOO_SMALL'],
    ['a gzip file that unpacks to more than memory', gzipBomb(), {}, 'VMM_MEMORY_TOO_SMALL'],
  ] as const)('%s', (_, kernel, changes, code) => {
    expect(() => loadGuest(makeRequest(kernel, { memoryMib: 8, ...changes }))).toThrow(
      expect.objectContaining({ code, kind: 'usage' }),
    );
  });

  function gzipBomb(): Uint8Array {
    const packed = new Uint8Array(gzipSync(new Uint8Array(100)));
    new DataView(packed.buffer).setUint32(packed.length - 4, 0xffff_ffff, true);
    return packed;
  }
});

test('loadGuest answers damaged kernels with a state or a VmmError', () => {
  const pvh = makeElf({ is64Bit: true, entry: 0x20_0000n, segments, notes: makeNote('Xen', 18, [0x20_0000, 0]) });
  const kernels = [makeBzImage({ vmlinux: elf64, preferredGpa: 0x20_0000 }), elf64, elf32, pvh];
  const request = makeRequest(elf64, { memoryMib: 4 });
  fc.assert(
    fc.property(
      fc.constantFrom(...kernels),
      fc.array(fc.tuple(fc.nat(0x300), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (kernel, changes) => {
        const damaged = kernel.slice();
        for (const [position, byte] of changes) damaged[position] = byte;
        try {
          loadGuest({ ...request, kernel: damaged });
        } catch (error) {
          expect(error).toBeInstanceOf(VmmError);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('loadGuest refuses random bytes', () => {
  const request = makeRequest(elf64, { memoryMib: 4 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 4096 }), (kernel) => {
      expect(() => loadGuest({ ...request, kernel })).toThrow(VmmError);
    }),
  );
});
