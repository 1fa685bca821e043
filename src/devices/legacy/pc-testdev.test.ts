import { expect, test } from 'vitest';
import { Bus } from '../../bus/bus.ts';
import { RecordingLine } from '../recording-line.cases.ts';
import { debugExit } from './debug-exit.ts';
import { debugConsole, postCodePort } from './debug-ports.ts';
import { PcTestdev } from './pc-testdev.ts';

function setUp() {
  const lines = Array.from({ length: 24 }, () => new RecordingLine());
  const device = new PcTestdev((gsi) => lines[gsi] ?? new RecordingLine());
  const ports = new Bus('ports');
  const mmio = new Bus('mmio');
  for (const range of device.portRanges()) ports.map(range);
  for (const range of device.mmioRanges()) mmio.map(range);
  return { lines, ports, mmio };
}

test('the latch keeps parts of 32 bits and is seen at both ports', () => {
  const { ports } = setUp();
  ports.write(0xe0, 4, 0x1122_3344);
  ports.write(0xe1, 1, 0xaa);
  ports.write(0xe2, 2, 0xbbcc);
  expect(ports.read(0xe0, 4)).toBe(0xbbcc_aa44);
  expect(ports.read(0xe0, 1)).toBe(0x44);
  expect(ports.read(0xe8, 2)).toBe(0xaa44);
});

test('a write to port 0x2000 + n sets the level of line n', () => {
  const { ports, lines } = setUp();
  ports.write(0x200e, 1, 1);
  expect(lines.map((line) => line.level).indexOf(true)).toBe(14);
  ports.write(0x200e, 1, 0);
  expect(lines[14]).toMatchObject({ level: false, edges: 1 });
});

test('the device memory keeps bytes of any width', () => {
  const { mmio } = setUp();
  mmio.write(0xff00_0100, 4, 0x8765_4321);
  mmio.write(0xff00_0101, 2, 0xbeef);
  expect(mmio.read(0xff00_0100, 4)).toBe(0x87be_ef21);
  expect(mmio.read(0xff00_ffff, 4)).toBe(0xffff_ff00);
  mmio.write(0xff00_ffff, 4, 0x0102_0304);
  expect(mmio.read(0xff00_ffff, 1)).toBe(4);
});

test('the flush port takes a page address', () => {
  const { ports } = setUp();
  ports.write(0xe4, 4, 0x1000);
  expect(ports.unclaimed).toBe(0);
});

test('debugExit hands on the value', () => {
  const values: number[] = [];
  const target = debugExit((value) => void values.push(value));
  target.write(0, 4, 0x10);
  expect([values, target.read(0, 4)]).toEqual([[0x10], 0]);
});

test('the debug ports take bytes and answer probes', () => {
  const bytes: number[] = [];
  const ports = new Bus('ports');
  ports.map(postCodePort());
  ports.map(debugConsole((byte) => void bytes.push(byte)));
  ports.write(0x80, 1, 0x31);
  ports.write(0xe9, 1, 0x41);
  expect([ports.read(0x80, 1), ports.read(0xe9, 1), bytes]).toEqual([0x31, 0xe9, [0x41]]);
});
