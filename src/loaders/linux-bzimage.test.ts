import { describe, expect, test } from 'vitest';
import {
  cString,
  MIB,
  makeBzImage,
  makeElf,
  makeRequest,
  PAYLOAD_OFFSET,
  pattern,
  SETUP_BYTES,
  TEST_RSDP_GPA,
} from './kernels.cases.ts';
import { loadGuest } from './load.ts';

const TEXT = pattern(5000, 1);
const DATA = pattern(3000, 2);
const INIT = pattern(2000, 3);

/** Laid out as a real vmlinux: entry at 16 MiB, virtual addresses high, a gap, .bss at the end. */
function vmlinux(is64Bit: boolean): Uint8Array {
  return makeElf({
    is64Bit,
    entry: 0x100_0000n,
    dataOffset: is64Bit ? 0x20_0000 : 0x1000,
    segments: [
      { gpa: 0x100_0000, data: TEXT, virtualAddress: is64Bit ? 0xffff_ffff_8100_0000n : 0xc100_0000n },
      { gpa: 0x100_1500, data: DATA, virtualAddress: is64Bit ? 0xffff_ffff_8100_1500n : 0xc100_1500n },
      { gpa: 0x100_2100, data: INIT, memoryBytes: 0x9000, virtualAddress: 0n },
    ],
  });
}

describe.each([
  { is64Bit: true, mode: 'long64', cr0: 0x8000_0011, cr4: 0x20, efer: 0x500, cs: 0xa09b },
  { is64Bit: false, mode: 'protected32', cr0: 0x11, cr4: 0, efer: 0, cs: 0xc09b },
])('a bzImage with a 64-bit kernel: $is64Bit', ({ is64Bit, mode, cr0, cr4, efer, cs }) => {
  const request = makeRequest(makeBzImage({ vmlinux: vmlinux(is64Bit), is64Bit }), {
    modules: [{ name: 'initrd', bytes: pattern(10_001, 9), commandLine: '' }],
  });
  const { boot, format } = loadGuest(request);
  const { memory } = request;

  test('is entered at its own first instruction with boot_params in RSI', () => {
    expect(format).toBe('bzImage');
    expect(boot).toMatchObject({ mode, cr0, cr4, efer, rip: 0x100_0000, rflags: 2, gprs: { rsi: 0x7000 } });
    expect(boot.segments.cs).toEqual({ selector: 0x10, base: 0, limit: 0xffff_ffff, attributes: cs });
    expect(boot.segments.ds).toEqual({ selector: 0x18, base: 0, limit: 0xffff_ffff, attributes: 0xc093 });
  });

  test('has each segment at its physical address and nothing but zeros between and behind', () => {
    const expected = new Uint8Array(0x100_2100 + 0x9000 - 0x100_0000);
    expected.set(TEXT, 0);
    expected.set(DATA, 0x1500);
    expected.set(INIT, 0x2100);
    expect(Buffer.compare(memory.bytes.subarray(0x100_0000, 0x100_0000 + expected.length), expected)).toBe(0);
  });

  test('finds what the loader says in boot_params', () => {
    const zeroPage = 0x7000;
    expect(memory.readU64(zeroPage + 0x070)).toBe(BigInt(TEST_RSDP_GPA));
    expect(memory.readU8(zeroPage + 0x1ef)).toBe(0); // sentinel
    expect(memory.readU16(zeroPage + 0x206)).toBe(0x20f);
    expect(memory.readU8(zeroPage + 0x210)).toBe(0xff);
    expect(memory.readU8(zeroPage + 0x211)).toBe(0x01); // KASLR_FLAG is gone
    expect(cString(memory, memory.readU32(zeroPage + 0x228))).toBe('console=ttyS0');
    expect(memory.readU8(zeroPage + 0x26c)).toBe(0); // behind the header
    expect(memory.readU8(zeroPage + 0x1e8)).toBe(3);
    const lastRange = zeroPage + 0x2d0 + 2 * 20;
    expect([memory.readU64(lastRange), memory.readU64(lastRange + 8), memory.readU32(lastRange + 16)]).toEqual([
      BigInt(MIB),
      BigInt(39 * MIB),
      1,
    ]);
  });

  test('finds its initrd on a page boundary at the end of RAM', () => {
    const gpa = memory.readU32(0x7218);
    expect(memory.readU32(0x721c)).toBe(10_004);
    expect(gpa).toBe(40 * MIB - 0x3000);
    expect(Buffer.compare(memory.bytes.subarray(gpa, gpa + 10_001), pattern(10_001, 9))).toBe(0);
    expect(memory.readU32(gpa + 10_000) >>> 8).toBe(0);
  });
});

test('the identity map covers 4 GiB in 2 MiB pages', () => {
  const request = makeRequest(makeBzImage({ vmlinux: vmlinux(true) }));
  loadGuest(request);
  const { memory } = request;
  const wrong: number[] = [];
  for (let page = 0; page < 2048; page++) {
    const linear = page * 0x20_0000;
    const pdpt = Number(memory.readU64(0x9000) & ~0xfffn);
    const directory = Number(memory.readU64(pdpt + Math.floor(linear / 0x4000_0000) * 8) & ~0xfffn);
    const entry = memory.readU64(directory + (page % 512) * 8);
    if (entry !== BigInt(linear) + 0x83n) wrong.push(page);
  }
  expect(wrong).toEqual([]);
});

test('the GDT says the same as the segment registers', () => {
  const request = makeRequest(makeBzImage({ vmlinux: vmlinux(true) }));
  const { boot } = loadGuest(request);
  const read = (selector: number) => request.memory.readU64(boot.gdtr.base + selector);
  expect([read(0x10), read(0x18), read(0x20)]).toEqual([0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00008b0000000067n]);
  expect(boot.gdtr.limit).toBe(0x2f);
});

test('segments that would have to slide up are placed too', () => {
  const elf = makeElf({
    is64Bit: true,
    entry: 0x100_0000n,
    segments: [
      { gpa: 0x100_2000, data: DATA },
      { gpa: 0x100_0000, data: TEXT },
    ],
  });
  const request = makeRequest(makeBzImage({ vmlinux: elf, preferredGpa: 0x100_0000 }));
  loadGuest(request);
  const { memory } = request;
  expect(Buffer.compare(memory.bytes.subarray(0x100_0000, 0x100_0000 + TEXT.length), TEXT)).toBe(0);
  expect(Buffer.compare(memory.bytes.subarray(0x100_2000, 0x100_2000 + DATA.length), DATA)).toBe(0);
  expect([...new Set(memory.bytes.subarray(0xe0_0000, 0xe0_0000 + elf.length))]).toEqual([0]); // where the file was unpacked
});

test.each([
  { is64Bit: true, rip: 0x10_0200, mode: 'long64' },
  { is64Bit: false, rip: 0x10_0000, mode: 'protected32' },
])('a payload packed in an unknown way runs its own decompressor: $mode', ({ is64Bit, rip, mode }) => {
  const payload = pattern(4000, 5);
  const request = makeRequest(makeBzImage({ vmlinux: new Uint8Array(), payload, is64Bit }));
  expect(loadGuest(request).boot).toMatchObject({ rip, mode, gprs: { rsi: 0x7000 } });
  const at = 0x10_0000 + PAYLOAD_OFFSET;
  expect(Buffer.compare(request.memory.bytes.subarray(at, at + payload.length), payload)).toBe(0);
});

describe('what cannot be loaded', () => {
  const good = makeBzImage({ vmlinux: vmlinux(true) });
  const damaged = good.slice();
  damaged.fill(0x55, SETUP_BYTES + PAYLOAD_OFFSET + 30, SETUP_BYTES + PAYLOAD_OFFSET + 300);
  const huge = good.slice();
  new DataView(huge.buffer).setUint32(good.length - 64 - 4, 0x7fff_ffff, true);

  test.each([
    ['truncated in the setup code', good.slice(0, 700), {}, 'VMM_KERNEL_TRUNCATED'],
    ['truncated in the payload', good.slice(0, 3000), {}, 'VMM_KERNEL_TRUNCATED'],
    ['damaged in the payload', damaged, {}, 'VMM_KERNEL_CORRUPT'],
    ['of an absurd unpacked length', huge, {}, 'VMM_KERNEL_CORRUPT'],
    ['a zImage', makeBzImage({ vmlinux: vmlinux(true), loadFlags: 0 }), {}, 'VMM_KERNEL_FORMAT'],
    ['without an ELF file in it', makeBzImage({ vmlinux: pattern(6000, 4) }), {}, 'VMM_KERNEL_FORMAT'],
    ['64-bit on a 32-bit CPU', good, { cpuHas64Bit: false }, 'VMM_KERNEL_CPU'],
    ['too large for the memory', good, { memoryMib: 16 }, 'VMM_MEMORY_TOO_SMALL'],
    ['with a long command line', good, { commandLine: 'x'.repeat(2048) }, 'VMM_COMMAND_LINE_LENGTH'],
  ] as const)('%s', (_, kernel, changes, code) => {
    expect(() => loadGuest(makeRequest(kernel, changes))).toThrow(expect.objectContaining({ code, kind: 'usage' }));
  });

  test('an initrd that does not fit beside the kernel', () => {
    const modules = [{ name: 'initrd', bytes: new Uint8Array(24 * MIB), commandLine: '' }];
    expect(() => loadGuest(makeRequest(good, { modules }))).toThrow(
      expect.objectContaining({ code: 'VMM_INITRD_RANGE', message: expect.stringContaining('room for 23 MiB') }),
    );
  });
});
