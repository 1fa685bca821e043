import { expect, test } from 'vitest';
import { Bus } from '../../bus/bus.ts';
import { GuestMemory } from '../../memory/guest-memory.ts';
import { FW_CFG, FwCfg } from './fw-cfg.ts';

function setUp() {
  const memory = new GuestMemory(new ArrayBuffer(65_536), 0, 65_536);
  const files = new Map([
    ['opt/b', Uint8Array.of(1, 2, 3)],
    ['etc/a', Uint8Array.of(9)],
  ]);
  const device = new FwCfg({ cpuCount: 2, ramBytes: 5 * 2 ** 30, files, memory });
  const ports = new Bus('ports');
  for (const range of device.portRanges()) ports.map(range);
  const read = (key: number, count: number) => {
    ports.write(0x510, 2, key);
    return Array.from({ length: count }, () => ports.read(0x511, 1));
  };
  /** Runs a transfer described at gpa 0x100; returns the control word it leaves. */
  const dma = (control: number, lengthBytes: number, gpa: number) => {
    memory.view.setUint32(0x100, control);
    memory.view.setUint32(0x104, lengthBytes);
    memory.view.setBigUint64(0x108, BigInt(gpa));
    ports.write(0x514, 4, 0);
    ports.write(0x518, 4, 0x0001_0000);
    return memory.view.getUint32(0x100);
  };
  return { memory, ports, read, dma };
}

test.each([
  { key: FW_CFG.SIGNATURE, bytes: [0x51, 0x45, 0x4d, 0x55, 0] },
  { key: FW_CFG.ID, bytes: [3, 0, 0, 0] },
  { key: FW_CFG.NB_CPUS, bytes: [2, 0] },
  { key: FW_CFG.RAM_SIZE, bytes: [0, 0, 0, 0x40, 1, 0, 0, 0] },
  { key: 0x1234, bytes: [0, 0] },
])('item $key reads $bytes', ({ key, bytes }) => {
  expect(setUp().read(key, bytes.length)).toEqual(bytes);
});

test('the directory lists files in order, with their selectors', () => {
  const { read } = setUp();
  const directory = read(FW_CFG.FILE_DIR, 4 + 64);
  expect(directory.slice(0, 12)).toEqual([0, 0, 0, 2, 0, 0, 0, 1, 0, 0x20, 0, 0]);
  expect(String.fromCharCode(...directory.slice(12, 17))).toBe('etc/a');
  expect(read(0x21, 4)).toEqual([1, 2, 3, 0]);
});

test('DMA copies an item and pads it with zeros', () => {
  const { memory, dma } = setUp();
  memory.bytes.fill(0xee, 0x200, 0x210);
  expect(dma((0x21 << 16) | 0x0a, 5, 0x200)).toBe(0);
  expect([...memory.bytes.subarray(0x200, 0x206)]).toEqual([1, 2, 3, 0, 0, 0xee]);
});

test('DMA skips, and refuses writes and addresses outside memory', () => {
  const { memory, dma } = setUp();
  expect(dma((0x21 << 16) | 0x0c, 1, 0)).toBe(0);
  expect(dma(0x02, 1, 0x200)).toBe(0);
  expect(memory.readU8(0x200)).toBe(2);
  expect(dma((0x21 << 16) | 0x18, 1, 0x200)).toBe(1);
  expect(dma(0x02, 0xffff_ffff, 0x200)).toBe(1);
});

test('the DMA register reads its signature', () => {
  const { ports } = setUp();
  expect([ports.read(0x514, 4), ports.read(0x518, 4)]).toEqual([0x554d_4551, 0x4746_4320]);
});
