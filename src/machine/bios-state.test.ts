import { expect, test } from 'vitest';
import { ConsoleChannel } from '../backends/console.ts';
import { nodeClock, nodeEntropy } from '../host/node/clock.ts';
import { MIB } from './config.ts';
import { createMachine } from './machine.ts';

const ORIGIN = 0x8000;
const u16 = (value: number): number[] => [value & 0xff, value >>> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];

/** A multiboot kernel with addresses in its header that goes to real mode and ends with what it finds in AL. */
function realModeKernel(program: readonly number[]): Uint8Array {
  const code = ORIGIN + 32;
  const tables = code + 64;
  const toReal = code + 21;
  const real = toReal + 13;
  const bytes = [
    ...[...u32(0x1bad_b002), ...u32(0x1_0000), ...u32(-(0x1bad_b002 + 0x1_0000) >>> 0)],
    ...[ORIGIN, ORIGIN, 0, 0, code].flatMap(u32),
    ...[0x0f, 0x01, 0x15, ...u32(tables)], // lgdt
    ...[0x0f, 0x01, 0x1d, ...u32(tables + 6)], // lidt
    ...[0xea, ...u32(toReal), ...u16(0x08)],
    ...[0x0f, 0x20, 0xc0, 0x24, 0xfe, 0x0f, 0x22, 0xc0, 0xea, ...u16(real), ...u16(0)], // CR0.PE = 0; jump
    ...[0x31, 0xc0, 0x8e, 0xd0, 0x8e, 0xd8, 0xbc, ...u16(0x7000), ...program, 0xe6, 0xf4, 0xf4],
  ];
  while (bytes.length < tables - ORIGIN) bytes.push(0x90);
  // GDT and real-mode IDT registers, the GDT: null and 16-bit code.
  bytes.push(...u16(15), ...u32(tables + 16), ...u16(0x3ff), ...u32(0), 0, 0, 0, 0);
  bytes.push(...u32(0), ...u32(0), ...u32(0xffff), ...u32(0x9b00));
  return Uint8Array.from(bytes);
}

test.each([
  // sti; hlt; cli; mov al,[046C]
  ['the timer ticks', [0xfb, 0xf4, 0xfa, 0xa0, 0x6c, 0x04], 1],
  // mov al,42h; int 10h; int 0Ah; int 77h
  ['interrupts return', [0xb0, 0x42, 0xcd, 0x10, 0xcd, 0x0a, 0xcd, 0x77], 0x42],
])('a multiboot kernel finds what a BIOS leaves: %s', async (_, program, value) => {
  const machine = createMachine({
    machine: 'pc',
    memoryBytes: 16 * MIB,
    cpuCount: 1,
    cpuModel: 'max',
    personality: 'none',
    clock: 'counted',
    kernel: { name: 'real.bin', bytes: realModeKernel(program) },
    modules: [],
    commandLine: '',
    serial: new ConsoleChannel('drop-oldest'),
    devices: [{ name: 'isa-debug-exit', options: {} }],
    host: { clock: nodeClock, entropy: nodeEntropy },
  });
  expect(await machine.run()).toEqual({ kind: 'debug-exit', value });
});
