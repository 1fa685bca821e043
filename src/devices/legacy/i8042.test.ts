import { describe, expect, test } from 'vitest';
import { registerMapConformance } from '../../bus/register-map.cases.ts';
import { RecordingLine } from '../recording-line.cases.ts';
import { I8042, I8042_PORTS } from './i8042.ts';
import { type Ps2Device, Ps2Keyboard } from './ps2-device.ts';

function setUp(devices: { keyboard?: Ps2Device; aux?: Ps2Device } = { keyboard: new Ps2Keyboard() }) {
  const irqKeyboard = new RecordingLine();
  const irqAux = new RecordingLine();
  const events: string[] = [];
  const controller = new I8042({
    irqKeyboard,
    irqAux,
    reset: () => void events.push('reset'),
    a20: (enabled) => void events.push(enabled ? 'a20 on' : 'a20 off'),
    ...devices,
  });
  const target = I8042_PORTS.target(controller);
  return {
    controller,
    irqKeyboard,
    irqAux,
    events,
    command: (value: number) => target.write(4, 1, value),
    data: (value: number) => target.write(0, 1, value),
    status: () => target.read(4, 1),
    /** All bytes that wait. */
    drain: () => {
      const bytes: number[] = [];
      while ((target.read(4, 1) & 1) !== 0) bytes.push(target.read(0, 1));
      return bytes;
    },
  };
}

describe('conformance', () => {
  registerMapConformance(I8042_PORTS, { create: () => setUp().controller });
});

test.each([
  { command: 0xaa, answer: 0x55, name: 'self-test' },
  { command: 0xab, answer: 0x00, name: 'keyboard interface test' },
  { command: 0xa9, answer: 0x02, name: 'auxiliary interface test without a device' },
  { command: 0x20, answer: 0x47, name: 'command byte' },
  { command: 0xd0, answer: 0xcf, name: 'output port' },
])('command $command answers the $name', ({ command, answer }) => {
  const bench = setUp();
  bench.command(command);
  expect(bench.drain()).toEqual([answer]);
});

test('the command byte is stored and enables interrupts', () => {
  const bench = setUp();
  bench.command(0x60);
  bench.data(0x44);
  bench.command(0x20);
  expect(bench.irqKeyboard.level).toBe(false);
  expect(bench.drain()).toEqual([0x44]);
  bench.command(0x60);
  bench.data(0x45);
  bench.controller.sendKeyboard([0x1e, 0x9e]);
  expect(bench.irqKeyboard.edges).toBe(1);
  bench.drain();
  expect(bench.irqKeyboard).toMatchObject({ edges: 2, level: false });
});

test.each([
  { bytes: [0xff], answer: [0xfa, 0xaa], name: 'reset' },
  { bytes: [0xf2], answer: [0xfa, 0xab, 0x41], name: 'identify, translated' },
  { bytes: [0xed, 0x07], answer: [0xfa, 0xfa], name: 'LEDs' },
  { bytes: [0xee], answer: [0xee], name: 'echo' },
  { bytes: [0x12], answer: [0xfe], name: 'nonsense' },
])('the keyboard answers $name', ({ bytes, answer }) => {
  const bench = setUp();
  for (const byte of bytes) bench.data(byte);
  expect(bench.drain()).toEqual(answer);
});

test('the keyboard ID is not translated when translation is off', () => {
  const bench = setUp();
  bench.command(0x60);
  bench.data(0x05);
  bench.data(0xf2);
  expect(bench.drain()).toEqual([0xfa, 0xab, 0x83]);
});

test('an absent device answers a timeout at once', () => {
  const bench = setUp({});
  bench.data(0xff);
  expect(bench.status() & 0x61).toBe(0x41);
  expect(bench.drain()).toEqual([0xfe]);
  bench.command(0xd4);
  bench.data(0xff);
  expect(bench.status() & 0x61).toBe(0x61);
});

test('the auxiliary loop comes back with the AUX flag only where there is a port', () => {
  const without = setUp();
  without.command(0xd3);
  without.data(0x5a);
  expect(without.status() & 0x21).toBe(0x01);
  const seen: number[] = [];
  const bench = setUp({ aux: { command: (byte) => (seen.push(byte) > 0 ? [0xfa] : []) } });
  bench.command(0xd3);
  bench.data(0x5a);
  expect(bench.status() & 0x21).toBe(0x21);
  expect(bench.irqAux.level).toBe(true);
  expect(bench.drain()).toEqual([0x5a]);
  bench.command(0xd4);
  bench.data(0xf4);
  expect([seen, bench.drain()]).toEqual([[0xf4], [0xfa]]);
});

test('the output port gates A20', () => {
  const bench = setUp();
  bench.command(0xd1);
  bench.data(0xdd);
  bench.command(0xd1);
  bench.data(0xdf);
  bench.command(0xdd);
  bench.command(0xdf);
  expect(bench.events).toEqual(['a20 off', 'a20 on', 'a20 off', 'a20 on']);
});

test.each([
  { name: '0xfe', act: (bench: ReturnType<typeof setUp>) => bench.command(0xfe) },
  {
    name: 'the output port',
    act: (bench: ReturnType<typeof setUp>) => {
      bench.command(0xd1);
      bench.data(0xde);
    },
  },
])('reset is pulsed by $name', ({ act }) => {
  const bench = setUp();
  act(bench);
  expect(bench.events).toEqual(['reset']);
  bench.command(0xff);
  expect(bench.events).toHaveLength(1);
});

test('a guest that never reads cannot fill memory', () => {
  const bench = setUp();
  for (let i = 0; i < 1000; i++) bench.command(0x20);
  expect(bench.drain().length).toBeLessThanOrEqual(256);
});
