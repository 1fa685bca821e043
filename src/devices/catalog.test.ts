import { describe, expect, test } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { TimerQueue } from '../base/timers.ts';
import { Bus } from '../bus/bus.ts';
import { GuestMemory } from '../memory/guest-memory.ts';
import { attachDevice, DEVICE_CATALOG, type DeviceContext } from './catalog.ts';
import { RecordingLine } from './recording-line.cases.ts';

function setUp() {
  const exits: number[] = [];
  const bytes: number[] = [];
  const lines = new Map<number, RecordingLine>();
  const context: DeviceContext = {
    ports: new Bus('port'),
    mmio: new Bus('gpa'),
    timers: new TimerQueue(new ManualClock()),
    memory: new GuestMemory(new ArrayBuffer(65_536), 0, 65_536),
    cpuCount: 2,
    irqLine: (gsi) => {
      const line = new RecordingLine();
      lines.set(gsi, line);
      return line;
    },
    debugExit: (value) => void exits.push(value),
    debugByte: (byte) => void bytes.push(byte),
  };
  const attach = (name: string, options: Record<string, string> = {}) => attachDevice(context, { name, options });
  return { context, attach, exits, bytes, lines };
}

test.each(Object.keys(DEVICE_CATALOG))('%s attaches with its defaults', (name) => {
  const { attach, context } = setUp();
  attach(name);
  expect(context.ports.ranges()).not.toEqual([]);
});

test('what kvm-unit-tests need attaches together', () => {
  const { attach, context } = setUp();
  for (const name of ['pc-testdev', 'isa-debug-exit', 'fw_cfg']) attach(name);
  expect(context.mmio.ranges()).toHaveLength(1);
});

test('isa-debug-exit is where its options say', () => {
  const { attach, context, exits } = setUp();
  attach('isa-debug-exit', { iobase: '0x501', iosize: '2' });
  context.ports.write(0x502, 1, 3);
  expect(exits).toEqual([3]);
});

test('pc-testdev moves interrupt lines', () => {
  const { attach, context, lines } = setUp();
  attach('pc-testdev');
  context.ports.write(0x200e, 1, 1);
  expect(lines.get(14)?.level).toBe(true);
});

test('fw_cfg tells the number of processors', () => {
  const { attach, context } = setUp();
  attach('fw_cfg', { dma: '0' });
  context.ports.write(0x510, 2, 5);
  expect([context.ports.read(0x511, 1), context.ports.find(0x514)]).toEqual([2, undefined]);
});

describe('attachDevice refuses', () => {
  test.each<{ name: string; options: Record<string, string>; code: string; says: string }>([
    { name: 'floppy', options: {}, code: 'VMM_DEVICE_UNKNOWN', says: "There is no device 'floppy'" },
    { name: 'toString', options: {}, code: 'VMM_DEVICE_UNKNOWN', says: "'toString'" },
    { name: 'pc-testdev', options: { x: '1' }, code: 'VMM_DEVICE_OPTION', says: "no option 'x'; it has none" },
    { name: 'isa-debug-exit', options: { iobase: 'f4' }, code: 'VMM_DEVICE_OPTION', says: "is 'f4'" },
    { name: 'isa-debug-exit', options: { iosize: '9' }, code: 'VMM_DEVICE_OPTION', says: 'from 1 to 0x8' },
    { name: 'isa-debug-exit', options: { iobase: '' }, code: 'VMM_DEVICE_OPTION', says: "is ''" },
    {
      name: 'isa-debug-exit',
      options: { iobase: '0x60' },
      code: 'VMM_DEVICE_CONFLICT',
      says: "where 'taken' is already",
    },
  ])('$name $options with $code', ({ name, options, code, says }) => {
    const { attach, context } = setUp();
    context.ports.map({ name: 'taken', start: 0x61, sizeBytes: 1, target: { read: () => 0, write: () => {} } });
    expect(() => attach(name, options)).toThrow(
      expect.objectContaining({ code, kind: 'usage', message: expect.stringContaining(says) }),
    );
  });
});
