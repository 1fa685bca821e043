import { describe, expect, test } from 'vitest';
import { registerMapConformance } from './register-map.cases.ts';
import { registerMap } from './register-map.ts';

interface Toy {
  bank: number;
  control: number;
  low: number;
  high: number;
  wide: number;
  cleared: number;
  strobes: number[];
  unknown: number;
}

const toy = (): Toy => ({
  bank: 0,
  control: 0x80,
  low: 1,
  high: 2,
  wide: 0x1122_3344,
  cleared: 0,
  strobes: [],
  unknown: 0,
});

const TOY = registerMap<Toy>({ onUnknown: (t) => void t.unknown++ })({
  LOW: { offset: 0, when: (t) => t.bank === 0, reset: 1, read: (t) => t.low, write: (t, v) => void (t.low = v) },
  HIGH: { offset: 0, when: (t) => t.bank === 1, reset: 2, read: (t) => t.high, write: (t, v) => void (t.high = v) },
  BANK: { offset: 1, writable: 1, reset: 0, read: (t) => t.bank, write: (t, v) => void (t.bank = v) },
  CONTROL: {
    offset: 2,
    writable: 0x0f,
    reset: 0x80,
    read: (t) => t.control,
    write: (t, v) => void (t.control = (t.control & 0xf0) | v),
  },
  STROBE: { offset: 3, write: (t, v) => void t.strobes.push(v) },
  WIDE: {
    offset: 4,
    bytes: 4,
    partial: 'merge',
    reset: 0x1122_3344,
    read: (t) => t.wide,
    write: (t, v) => void (t.wide = v),
  },
  ACK: {
    offset: 8,
    bytes: 2,
    partial: 'zero',
    volatile: true,
    read: () => 0xbeef,
    write: (t, v) => void (t.cleared |= v),
  },
  WHOLE: { offset: 12, bytes: 4, read: () => 7 },
});

describe('conformance', () => {
  registerMapConformance(TOY, { create: toy, reach: { HIGH: (t) => void (t.bank = 1) } });
});

test('RegisterMap knows its names and its size', () => {
  expect(TOY.names).toContain('STROBE');
  expect(TOY.sizeBytes).toBe(16);
});

test('RegisterTarget picks the register of the bank', () => {
  const device = toy();
  const target = TOY.target(device);
  expect(target.read(0, 1)).toBe(1);
  target.write(1, 1, 0xff);
  expect(device.bank).toBe(1);
  expect(target.read(0, 1)).toBe(2);
});

test('RegisterTarget splits a wide access over byte registers, low byte first', () => {
  const device = toy();
  const target = TOY.target(device);
  target.write(0, 4, 0x55ff_0009);
  expect(device).toMatchObject({ low: 9, bank: 0, control: 0x8f, strobes: [0x55] });
  expect(target.read(0, 2)).toBe(0x0009);
});

test('RegisterTarget reads part of a wide register and merges part of a write', () => {
  const device = toy();
  const target = TOY.target(device);
  expect(target.read(5, 1)).toBe(0x33);
  expect(target.read(6, 2)).toBe(0x1122);
  target.write(6, 2, 0xabcd);
  expect(device.wide >>> 0).toBe(0xabcd_3344);
});

test('RegisterTarget zeroes the other bytes of a write-1-to-clear register', () => {
  const device = toy();
  TOY.target(device).write(9, 1, 0x80);
  expect(device.cleared).toBe(0x8000);
});

test('RegisterTarget counts what meets no register and reads all-ones', () => {
  const device = toy();
  const target = TOY.target(device);
  expect(target.read(3, 1)).toBe(0xff);
  expect(target.read(10, 2)).toBe(0xffff);
  expect(target.read(100, 4)).toBe(0xffff_ffff);
  target.write(12, 4, 1);
  target.write(4, 1, 1);
  expect(target).toMatchObject({ unknownReads: 3, unknownWrites: 1 });
  expect(device.unknown).toBe(4);
});

test('RegisterTarget drops a narrow write to a register that takes none', () => {
  const map = registerMap<Toy>()({
    WIDE: { offset: 0, bytes: 4, read: (t) => t.wide, write: (t, v) => void (t.wide = v) },
  });
  const device = toy();
  const target = map.target(device);
  target.write(1, 1, 0xee);
  expect(device.wide).toBe(0x1122_3344);
  expect(target.unknownWrites).toBe(1);
});

test('RegisterTarget shows a window that starts inside the map', () => {
  const device = toy();
  const target = TOY.target(device, 4);
  expect(target.read(0, 4)).toBe(0x1122_3344);
});
