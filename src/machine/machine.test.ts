import { describe, expect, test } from 'vitest';
import { ConsoleChannel } from '../backends/console.ts';
import { nodeClock, nodeEntropy } from '../host/node/clock.ts';
import { CLOCK_MODES, type MachineConfig, MIB } from './config.ts';
import { COUNTER_GPA, GuestProgram } from './guest-program.cases.ts';
import { createMachine } from './machine.ts';

const JB = 0x72;
const JZ = 0x74;

function build(program: GuestProgram, changes: Partial<MachineConfig> = {}) {
  const channel = new ConsoleChannel('drop-oldest');
  const machine = createMachine({
    machine: 'pc',
    memoryBytes: 16 * MIB,
    cpuCount: 1,
    cpuModel: 'max',
    personality: 'none',
    clock: 'real',
    kernel: { name: 'guest.elf', bytes: program.build() },
    modules: [],
    commandLine: '',
    serial: channel,
    devices: [],
    host: { clock: nodeClock, entropy: nodeEntropy },
    ...changes,
  });
  return { machine, channel };
}

async function run(program: GuestProgram, changes: Partial<MachineConfig> = {}) {
  const { machine, channel } = build(program, changes);
  const reason = await machine.run();
  channel.close();
  const output: Buffer[] = [];
  for (let bytes = await channel.take(); bytes !== null; bytes = await channel.take()) output.push(Buffer.from(bytes));
  return { reason, output: Buffer.concat(output).toString('latin1'), info: machine.info() };
}

const hello = () => new GuestProgram().print('hello\n');

describe('the ways a machine ends', () => {
  const ENDS = [
    ['S5', hello().powerOff(), {}, { kind: 'poweroff' }],
    ['port 0xCF9', hello().out8(0xcf9, 6).wait(), { onReset: 'exit' }, { kind: 'reset' }],
    ['the keyboard controller', hello().out8(0x64, 0xfe).wait(), { onReset: 'exit' }, { kind: 'reset' }],
    ['port 0x92', hello().out8(0x92, 1).wait(), { onReset: 'exit' }, { kind: 'reset' }],
    ['a fault without IDT', hello().bytes(0x0f, 0x0b), {}, { kind: 'triple-fault', rip: expect.any(BigInt) }],
    [
      'isa-debug-exit',
      hello().out8(0xf4, 0x21).wait(),
      { devices: [{ name: 'isa-debug-exit', options: {} }] },
      { kind: 'debug-exit', value: 0x21 },
    ],
    [
      'a reset after a panic',
      hello().print('Kernel panic - not syncing: why\n').out8(0xcf9, 6).wait(),
      {},
      { kind: 'panic', message: 'why' },
    ],
  ] as const satisfies readonly (readonly [string, GuestProgram, Partial<MachineConfig>, object])[];

  test.each(ENDS)('%s', async (_name, program, changes, expected) => {
    const { reason, output } = await run(program, changes);
    expect(reason).toEqual(expected);
    expect(output).toMatch(/^hello\n/);
  });

  test('stop ends a guest that spins, and one that waits for ever', async () => {
    for (const program of [new GuestProgram().label('spin').jump('spin'), new GuestProgram().wait()]) {
      const { machine } = build(program);
      const ended = machine.run();
      setTimeout(() => machine.stop({ kind: 'timeout' }), 20);
      expect(await ended).toEqual({ kind: 'timeout' });
    }
  });
});

test('a reset starts the guest again', async () => {
  const program = new GuestProgram()
    .increment(COUNTER_GPA)
    .print('boot ')
    .compare(COUNTER_GPA, 3)
    .jump('again', JB)
    .powerOff()
    .label('again')
    .out8(0xcf9, 6)
    .wait();
  const { reason, output, info } = await run(program);
  expect(reason).toEqual({ kind: 'poweroff' });
  expect(output).toBe('boot boot boot ');
  expect(info).toMatchObject({ resets: 2 });
});

describe.each(CLOCK_MODES)('with the %s clock', (clock) => {
  const TICKS = 5;
  /** 5 ms. */
  const PERIOD_TICKS = 5966;
  const program = () =>
    new GuestProgram()
      .enableTimer('tick', PERIOD_TICKS)
      .label('idle')
      .bytes(0xfb, 0xf4) // STI; HLT
      .compare(COUNTER_GPA, TICKS)
      .jump('idle', JB)
      .powerOff()
      .label('tick')
      .increment(COUNTER_GPA)
      .print('.')
      .endOfInterrupt()
      .bytes(0xcf); // IRET

  test('timer interrupts end HLT at their period', async () => {
    const { reason, output, info } = await run(program(), { clock });
    expect(reason).toEqual({ kind: 'poweroff' });
    expect(output).toBe('.'.repeat(TICKS));
    expect(Number(info.guestTimeNs)).toBeGreaterThanOrEqual(TICKS * 4.99e6);
    // A loaded host is late, never early; counted time is never late.
    expect(Number(info.guestTimeNs)).toBeLessThan(clock === 'counted' ? TICKS * 5.01e6 : 5e9);
    expect(Number(info.instructions)).toBeLessThan(2000);
  });

  test('input reaches a guest that polls for it', async () => {
    const echo = new GuestProgram()
      .out8(0x3fc, 2) // RTS
      .label('poll')
      .in8(0x3fd)
      .bytes(0xa8, 1) // TEST AL, DR
      .jump('poll', JZ)
      .in8(0x3f8)
      .bytes(0xee) // OUT DX, AL
      .powerOff();
    const { machine, channel } = build(echo, { clock });
    const ended = machine.run();
    await new Promise((resolve) => setTimeout(resolve, 10));
    void channel.send(Buffer.from('!'));
    expect(await ended).toEqual({ kind: 'poweroff' });
    expect(Buffer.from((await channel.take()) ?? []).toString()).toBe('!');
  });
});

test('counted time makes two runs equal', async () => {
  // The low byte of the TSC, the seconds of the RTC, a random number: whatever could differ.
  const program = () =>
    new GuestProgram()
      .bytes(0x0f, 0x31, 0xba, 0xf8, 3, 0, 0, 0xee)
      .out8(0x70, 0)
      .in8(0x71)
      .bytes(0xba, 0xf8, 3, 0, 0, 0xee)
      .bytes(0x0f, 0xc7, 0xf0, 0xba, 0xf8, 3, 0, 0, 0xee)
      .powerOff();
  const first = await run(program(), { clock: 'counted' });
  const second = await run(program(), { clock: 'counted' });
  expect(second.output).toBe(first.output);
  expect(second.info).toEqual({ ...first.info, busyNs: expect.any(Number) });
});

test('the power button raises the SCI that the guest enabled', async () => {
  const PWRBTN = 1 << 8;
  const program = new GuestProgram()
    .out16(0x602, PWRBTN)
    .label('poll')
    .bytes(0xba, 0, 6, 0, 0, 0x66, 0xed, 0xf6, 0xc4, 1) // IN AX, PM1a_STS; TEST AH, 1
    .jump('poll', JZ)
    .powerOff();
  const { machine } = build(program);
  const ended = machine.run();
  setTimeout(() => machine.powerButton(), 10);
  expect(await ended).toEqual({ kind: 'poweroff' });
});

test('a guest waits while nobody reads its console', async () => {
  const channel = new ConsoleChannel('wait');
  const { machine } = build(new GuestProgram().label('again').print('x'.repeat(10)).jump('again'), {
    serial: channel,
  });
  const ended = machine.run();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const instructions = machine.info().instructions;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(machine.info().instructions).toBe(instructions);
  const held = (await channel.take())?.length ?? 0;
  expect(held).toBeGreaterThanOrEqual(64 * 1024);
  expect(held).toBeLessThan(68 * 1024);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(Number(machine.info().instructions)).toBeGreaterThan(Number(instructions));
  machine.stop({ kind: 'stopped' });
  expect(await ended).toEqual({ kind: 'stopped' });
});

test.each(CLOCK_MODES)('an idle guest lets the host rest, with the %s clock', async (clock) => {
  const { machine } = build(new GuestProgram().wait(), { clock });
  const ended = machine.run();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { user, system } = process.cpuUsage(before);
  machine.stop({ kind: 'stopped' });
  await ended;
  expect((user + system) / 1000).toBeLessThan(100);
});

test.each([
  ['kvm', '40000001 KVMK'],
  ['none', '00000000 \0\0\0\0'],
] as const)('personality %s is what CPUID shows', async (personality, expected) => {
  // CPUID 1: ECX[31]; then CPUID 40000000H, of which EAX and EBX are printed byte by byte.
  const out = [0xba, 0xf8, 3, 0, 0, 0xee];
  const print32 = [...out, ...[1, 2, 3].flatMap(() => [0xc1, 0xe8, 8, ...out])];
  const program = new GuestProgram()
    .bytes(0x31, 0xc0, 0x40, 0x0f, 0xa2, 0x85, 0xc9) // CPUID of 1; TEST ECX, ECX
    .jump('hypervisor', 0x78)
    .powerOff()
    .label('hypervisor')
    .bytes(0xb8, 0, 0, 0, 0x40, 0x0f, 0xa2)
    .bytes(...print32, 0x89, 0xd8, ...print32)
    .powerOff();
  const { output } = await run(program, { personality });
  const eax = Buffer.from(output.slice(0, 4).padEnd(4, '\0'), 'latin1').readUInt32LE();
  expect(`${eax.toString(16).padStart(8, '0')} ${output.slice(4, 8).padEnd(4, '\0')}`).toBe(expected);
});

test('createMachine refuses a kernel of no known format', () => {
  const kernel = { name: 'noise', bytes: new Uint8Array(5000).fill(0x5a) };
  expect(() => build(new GuestProgram(), { kernel })).toThrow(
    expect.objectContaining({ code: 'VMM_KERNEL_FORMAT', message: expect.stringContaining('noise') }),
  );
});
