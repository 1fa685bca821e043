import { expect, test } from 'vitest';
import { ConsoleChannel } from '../backends/console.ts';
import { unconnectedIrq } from '../bus/irq-line.ts';
import { SERIAL_16550 } from '../devices/legacy/serial-16550.ts';
import { SerialConsole } from './serial-console.ts';

const { THR, RBR, LSR } = SERIAL_16550.registers;
const RTS = 1 << 1;

function setUp() {
  const channel = new ConsoleChannel();
  const seen: number[] = [];
  const console = new SerialConsole(channel, unconnectedIrq, { onOutput: (bytes) => seen.push(...bytes) });
  const target = SERIAL_16550.target(console.uart);
  return { channel, seen, console, target };
}

test('SerialConsole passes output on in order when flushed', async () => {
  const { channel, seen, console, target } = setUp();
  for (const byte of Buffer.from('login: ')) target.write(THR.offset, 1, byte);
  expect(seen).toEqual([]);
  console.flush();
  console.flush();
  expect(Buffer.from((await channel.take()) ?? []).toString()).toBe('login: ');
  expect(Buffer.from(seen).toString()).toBe('login: ');
});

test('SerialConsole flushes by itself before its buffer overflows', async () => {
  const { channel, console, target } = setUp();
  const text = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
  for (const byte of text) target.write(THR.offset, 1, byte);
  console.flush();
  expect(Buffer.compare((await channel.take()) ?? new Uint8Array(0), text)).toBe(0);
});

test('SerialConsole gives the guest all input, as it has room', () => {
  const { channel, console, target } = setUp();
  const text = 'a line that is longer than the receiver has room for\n';
  void channel.send(Buffer.from(text));
  // Before it raises RTS, a driver reads to empty the receiver: that would lose what was typed ahead.
  expect(target.read(LSR.offset, 1) & 1).toBe(0);
  console.uart.controlModem(RTS);
  let read = '';
  while ((target.read(LSR.offset, 1) & 1) !== 0) read += String.fromCharCode(target.read(RBR.offset, 1));
  expect(read).toBe(text);
});

test('SerialConsole holds input until the guest raises RTS, so that its driver does not throw it away', () => {
  const { channel, console, target } = setUp();
  console.uart.controlModem(0);
  void channel.send(Buffer.from('typed ahead'));
  expect(target.read(LSR.offset, 1) & 1).toBe(0);
  expect(channel.readableBytes).toBe(11);
  console.uart.controlModem(RTS);
  expect(target.read(RBR.offset, 1)).toBe('t'.charCodeAt(0));
});
