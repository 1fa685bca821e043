import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakePorts } from '../host/node/fake-ports.cases.ts';
import { ECHO_UNTIL_Q, exitWith, print, SPIN, TRIPLE_FAULT, tinyGuest } from '../sdk/tiny-guest.cases.ts';
import { main } from './main.ts';

let folder: string;
const path = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paravane-cli-'));
  await writeFile(path('hello.flat'), tinyGuest(print('hello\r\n'), exitWith(0)));
  await writeFile(path('fails.flat'), tinyGuest(print('FAIL: the test\n'), exitWith(1)));
  await writeFile(path('skips.flat'), tinyGuest(exitWith(38)));
  await writeFile(path('echo.flat'), tinyGuest(ECHO_UNTIL_Q, exitWith(3)));
  await writeFile(path('crashes.flat'), tinyGuest(TRIPLE_FAULT));
  await writeFile(path('spins.flat'), tinyGuest(print('x'), SPIN));
  await writeFile(path('text'), 'not a kernel');
});
afterAll(() => rm(folder, { recursive: true }));

async function run(args: readonly string[], ports = new FakePorts()) {
  const status = await main(args, ports);
  return { status, stdout: ports.stdout.text, stderr: ports.stderr.text };
}

const runArgs = (kernel: string, ...more: string[]) => [
  'run',
  '-k',
  path(kernel),
  '-m',
  '16M',
  '--device',
  'isa-debug-exit',
  ...more,
];

describe('main', () => {
  it.each([
    [[], 'Usage: paravane COMMAND'],
    [['--help'], 'Usage: paravane COMMAND'],
    [['run', '--help'], 'Usage: paravane run [OPTION…]'],
    [['test', '-h'], 'Usage: paravane test [OPTION…] FILE…'],
    [['--version'], 'paravane '],
  ])('%j is answered on stdout', async (args, text) => {
    expect(await run(args)).toMatchObject({ status: 0, stdout: expect.stringContaining(text), stderr: '' });
  });

  it.each([
    [['rnu'], 'VMM_CLI_COMMAND'],
    [['--frobnicate'], 'VMM_CLI_OPTION'],
    [['run', '--frobnicate'], 'VMM_CLI_OPTION'],
    [['run', '-m'], 'VMM_CLI_VALUE'],
    [['run', 'vmlinuz'], 'VMM_CLI_OPERAND'],
    [['run', '-m', '15M'], 'VMM_CONFIG_MEMORY'],
    [['run', '-m', '3585M'], 'VMM_CONFIG_MEMORY'],
    [['run', '-m', 'much'], 'VMM_CONFIG_MEMORY'],
    [['run', '-c', '2'], 'VMM_CONFIG_CPUS'],
    [['run', '-c', 'two'], 'VMM_CONFIG_CPUS'],
    [['run', '-e', 'kvm'], 'VMM_CONFIG_ENGINE'],
    [['run', '-e', 'qemu'], 'VMM_CONFIG_ENGINE'],
    [['run', '--cpu', 'z80'], 'VMM_CONFIG_CPU'],
    [['run', '--machine', 'q35'], 'VMM_CONFIG_MACHINE'],
    [['run', '--clock', 'slow'], 'VMM_CONFIG_CLOCK'],
    [['run', '--personality', 'xen'], 'VMM_CONFIG_PERSONALITY'],
    [['run', '--serial', 'tty'], 'VMM_CONFIG_SERIAL'],
    [['run', '--serial', 'file='], 'VMM_CONFIG_SERIAL'],
    [['run', '--timeout', '0'], 'VMM_CONFIG_TIMEOUT'],
    [['run', '--timeout', 'soon'], 'VMM_CONFIG_TIMEOUT'],
    [['run', '--device', ',x'], 'VMM_CONFIG_DEVICE'],
    [['run', '-i', ' '], 'VMM_CLI_VALUE'],
    [['run', '-k', '/nonexistent/vmlinuz'], 'VMM_FILE_MISSING'],
    [['run', '-k', '/dev/null'], 'VMM_FILE_KIND'],
    [['test'], 'VMM_CLI_OPERAND'],
  ])('%j is bad usage', async (args, code) => {
    const { status, stdout, stderr } = await run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^paravane: [A-Z0-9'].*\n$/);
    expect(stderr).toContain(`[${code}]`);
  });
});

describe('run', () => {
  it("copies the guest's output and exits with its debug-exit value", async () => {
    expect(await run(runArgs('hello.flat'))).toEqual({ status: 1, stdout: 'hello\r\n', stderr: '' });
  });

  it('feeds stdin, whose end is not the end of the guest', async () => {
    const ports = new FakePorts();
    ports.stdin.end('piped q');
    expect(await run(runArgs('echo.flat'), ports)).toMatchObject({ status: 7, stdout: 'piped q' });
  });

  it('says why a guest crashed', async () => {
    const { status, stderr } = await run(runArgs('crashes.flat'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^paravane: Guest crashed: triple fault.*\n$/);
  });

  it('stops at the timeout', async () => {
    expect((await run(runArgs('spins.flat', '--timeout', '0.05'))).status).toBe(124);
  });

  it('Ctrl-A x quits, and the terminal is as it was', async () => {
    const ports = new FakePorts({ isTerminal: true });
    const exit = run(runArgs('spins.flat'), ports);
    ports.stdin.write('\x01');
    ports.stdin.write('x');
    expect((await exit).status).toBe(0);
    expect(ports.terminalLog).toEqual(['raw', 'cooked']);
    expect(ports.listenerCount()).toBe(0);
  });

  it('Ctrl-A c opens the monitor, whose quit stops the guest', async () => {
    const ports = new FakePorts({ isTerminal: true });
    const exit = run(runArgs('spins.flat'), ports);
    ports.stdin.write('\x01cinfo\rquit\r');
    const { status, stderr } = await exit;
    expect(status).toBe(0);
    expect(stderr).toMatch(/\(paravane\) info\r\n(.*\r\n)*instructions +\d+\r\n/);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('%s stops the guest with status %i', async (signal, status) => {
    const ports = new FakePorts({ isTerminal: true });
    const exit = run(runArgs('spins.flat'), ports);
    await expect.poll(() => ports.stdout.text, { interval: 5 }).toBe('x');
    ports.raise(signal);
    expect((await exit).status).toBe(status);
    expect(ports.terminalLog).toEqual(['raw', 'cooked']);
  });

  it('ends quietly when nobody reads its output', async () => {
    const ports = new FakePorts();
    ports.stdout.isBroken = true;
    expect(await run(runArgs('spins.flat'), ports)).toMatchObject({ status: 141, stderr: '' });
  });

  it('--json tells events in lines', async () => {
    const { stdout } = await run(runArgs('hello.flat', '--json'));
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ event: 'started' });
    expect(
      events
        .filter((e) => e.event === 'console')
        .map((e) => e.text)
        .join(''),
    ).toBe('hello\r\n');
    expect(events.at(-1)).toEqual({ event: 'exit', reason: 'debug-exit', value: 0, status: 1 });
  });

  it('--json tells errors too', async () => {
    const { status, stdout, stderr } = await run(['run', '--json', '-k', path('text')]);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ event: 'error', code: 'VMM_KERNEL_FORMAT' });
    expect(stderr).toContain('[VMM_KERNEL_FORMAT]');
  });

  it('--serial file= writes the file and leaves stdio alone', async () => {
    const result = await run(runArgs('hello.flat', '--serial', `file=${path('log')}`));
    expect(result).toEqual({ status: 1, stdout: '', stderr: '' });
    expect(await readFile(path('log'), 'latin1')).toBe('hello\r\n');
  });

  it('--serial none drops the output', async () => {
    expect(await run(runArgs('hello.flat', '--serial', 'none'))).toEqual({ status: 1, stdout: '', stderr: '' });
  });
});

describe('test', () => {
  it('gives a verdict for each image and fails when one did', async () => {
    const files = ['hello.flat', 'fails.flat', 'skips.flat', 'crashes.flat', 'text'].map(path);
    const { status, stdout } = await run(['test', '-m', '16M', ...files]);
    expect(status).toBe(1);
    const lines = stdout.split('\n').map((line) => line.replace(/[\d.]+ s\)/, 'T)'));
    expect(lines).toEqual([
      'PASS    hello (T)',
      'FAIL    fails (exit code 1, T)',
      '    FAIL: the test',
      'SKIP    skips (T)',
      'FAIL    crashes (ended by triple-fault, T)',
      expect.stringMatching(/^ERROR {3}text \(.*\[VMM_KERNEL_FORMAT\], T\)$/),
      '5 tests: 1 PASS, 2 FAIL, 1 SKIP, 1 ERROR',
      '',
    ]);
  });

  it('exits with 0 when nothing failed', async () => {
    const { status, stdout } = await run(['test', '-v', '-m', '16M', path('hello.flat'), path('skips.flat')]);
    expect(status).toBe(0);
    expect(stdout).toContain('    hello\n');
  });

  it('-i gives each image its modules', async () => {
    const given = await run(['test', '-m', '16M', '-i', path('text'), path('hello.flat')]);
    expect(given.stdout).toMatch(/^PASS {4}hello/);
    const missing = await run(['test', '-m', '16M', '-i', path('missing'), path('hello.flat')]);
    expect(missing.stdout).toMatch(/^ERROR {3}hello \(.*missing.*\[VMM_/);
  });

  it('--timeout ends an image that does not', async () => {
    const { status, stdout } = await run(['test', '-m', '16M', '--timeout', '0.05', path('spins.flat')]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^TIMEOUT spins/);
  });

  it('--json has a line for each image', async () => {
    const { stdout } = await run(['test', '--json', '-m', '16M', path('hello.flat')]);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ event: 'test', name: 'hello', verdict: 'PASS', output: 'hello\n' });
    expect(events[1]).toEqual({ event: 'summary', PASS: 1 });
  });
});

describe('doctor', () => {
  it('has a line for each check', async () => {
    const { status, stdout } = await run(['doctor']);
    expect(status).toBe(0);
    expect(
      stdout
        .split('\n')
        .filter((line) => !line.startsWith('      →'))
        .slice(0, -1),
    ).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ok {4}Node\.js: \d/),
        expect.stringMatching(/^ok {4}WebAssembly: /),
      ]),
    );
  });

  it('--json has the same as data', async () => {
    const { stdout } = await run(['doctor', '--json']);
    for (const line of stdout.trimEnd().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({
        name: expect.any(String),
        status: expect.stringMatching(/^(ok|warn|fail)$/),
      });
    }
  });
});
