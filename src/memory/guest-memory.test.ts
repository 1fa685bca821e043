import { describe, expect, test } from 'vitest';
import { GuestMemory } from './guest-memory.ts';

const SIZE = 0x1000;
const memory = () => new GuestMemory(new ArrayBuffer(3 * SIZE), SIZE, SIZE);

describe('GuestMemory', () => {
  test('is a window of its buffer', () => {
    const ram = memory();
    ram.writeU8(0, 1);
    ram.writeU8(SIZE - 1, 2);
    const all = new Uint8Array(ram.buffer);
    expect([all[SIZE], all[2 * SIZE - 1]]).toEqual([1, 2]);
  });

  test('values are little-endian', () => {
    const ram = memory();
    ram.writeU64(8, 0x1122_3344_5566_7788n);
    expect([ram.readU8(8), ram.readU16(8), ram.readU32(8), ram.readU64(8)]).toEqual([
      0x88,
      0x7788,
      0x5566_7788,
      0x1122_3344_5566_7788n,
    ]);
  });

  test.each([-1, SIZE - 1, SIZE, 2 ** 40, Number.MAX_SAFE_INTEGER])(
    'outside (%d) reads give zeros, writes are dropped',
    (gpa) => {
      const ram = memory();
      new Uint8Array(ram.buffer).fill(0xee);
      const before = new Uint8Array(ram.buffer).slice();
      ram.writeU16(gpa, 1);
      ram.writeU32(gpa, 1);
      ram.writeU64(gpa, 1n);
      expect([ram.readU16(gpa), ram.readU32(gpa), ram.readU64(gpa)]).toEqual([0, 0, 0n]);
      expect(new Uint8Array(ram.buffer)).toEqual(before);
    },
  );

  test('contains knows the borders', () => {
    const ram = memory();
    expect([ram.contains(0, SIZE), ram.contains(0, SIZE + 1), ram.contains(SIZE, 0), ram.contains(0, -1)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  test('load says where and why it does not fit', () => {
    const ram = memory();
    ram.load(SIZE - 4, Uint8Array.of(1, 2, 3, 4), 'The initrd');
    expect(ram.readU32(SIZE - 4)).toBe(0x0403_0201);
    expect(() => ram.load(SIZE - 3, new Uint8Array(4), 'The initrd')).toThrow(
      expect.objectContaining({ code: 'VMM_LOAD_RANGE', kind: 'usage' }),
    );
  });
});
