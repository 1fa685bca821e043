import { describe, expect, it } from 'vitest';
import { VirtualMachine } from './index.ts';
import { ECHO_UNTIL_Q, exitWith, print, SPIN, TRIPLE_FAULT, tinyGuest } from './tiny-guest.cases.ts';

const BASE = { memory: '16M', append: '', devices: ['isa-debug-exit'] } as const;

describe('VirtualMachine', () => {
  it('run ends with what the guest says through isa-debug-exit', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(print('hello'), exitWith(5)) });
    expect(await vm.run()).toEqual({ kind: 'debug-exit', value: 5 });
    const output = await vm.console.read();
    expect(new TextDecoder().decode(output ?? undefined)).toBe('hello');
    expect(await vm.console.read()).toBeNull();
  });

  it('run tells a triple fault', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(TRIPLE_FAULT) });
    expect(await vm.run()).toMatchObject({ kind: 'triple-fault' });
  });

  it('console carries input to the guest and its output back', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(ECHO_UNTIL_Q, exitWith(0)) });
    await vm.console.write('before the guest runs, ');
    const exit = vm.run();
    expect(await vm.console.waitFor('runs, ')).toBe('before the guest runs, ');
    await vm.console.write('then q');
    expect(await vm.console.waitFor('q')).toBe('then q');
    expect(await exit).toEqual({ kind: 'debug-exit', value: 0 });
  });

  it('console streams are Web Streams', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(ECHO_UNTIL_Q, exitWith(0)) });
    vm.start();
    const writer = vm.console.writable.getWriter();
    await writer.write(new TextEncoder().encode('streamq'));
    let text = '';
    for await (const bytes of vm.console.readable) text += new TextDecoder().decode(bytes);
    expect(text).toBe('streamq');
  });

  it('timeoutMs stops a guest that does not end', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(SPIN), timeoutMs: 50 });
    expect(await vm.run()).toEqual({ kind: 'timeout' });
  });

  it('stop ends a guest that does not', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(print('x'), SPIN) });
    const exit = vm.run();
    await vm.console.waitFor('x');
    expect(await vm.stop()).toEqual({ kind: 'stopped' });
    expect(await exit).toEqual({ kind: 'stopped' });
  });

  it('run rejects with the reason of the signal that aborts it', async () => {
    const controller = new AbortController();
    const kernel = tinyGuest(print('x'), SPIN);
    await using vm = await VirtualMachine.create({ ...BASE, kernel, signal: controller.signal });
    const exit = vm.run();
    await vm.console.waitFor('x');
    controller.abort(new Error('enough'));
    await expect(exit).rejects.toThrow('enough');
  });

  it('waitFor that is aborted loses no output', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(ECHO_UNTIL_Q, exitWith(0)) });
    vm.start();
    await vm.console.write('abc');
    const signal = AbortSignal.timeout(100);
    await expect(vm.console.waitFor('never', { signal })).rejects.toThrow();
    await vm.console.write('q');
    expect(await vm.console.waitFor('q')).toBe('abcq');
  });

  it('waitFor says when the console ends first', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(print('bye'), exitWith(0)) });
    vm.start();
    await expect(vm.console.waitFor('login:')).rejects.toMatchObject({ code: 'VMM_CONSOLE_ENDED' });
    expect(new TextDecoder().decode((await vm.console.read()) ?? undefined)).toBe('bye');
  });

  it('waitFor with a regular expression leaves what follows the match', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(print('v1.2 $ rest'), exitWith(0)) });
    await vm.run();
    expect(await vm.console.waitFor(/\d+\.\d+/g)).toBe('v1.2');
    expect(await vm.console.waitFor(/t$/)).toBe(' $ rest');
  });

  it('create reads a URL', async () => {
    const kernel = `data:application/octet-stream;base64,${Buffer.from(tinyGuest(exitWith(9))).toString('base64')}`;
    await using vm = await VirtualMachine.create({ ...BASE, kernel });
    expect(await vm.run()).toEqual({ kind: 'debug-exit', value: 9 });
  });

  it.each([
    [{ memory: '1M' }, 'VMM_CONFIG_MEMORY'],
    [{ cpus: 2 }, 'VMM_CONFIG_CPUS'],
    [{ engine: 'kvm' }, 'VMM_CONFIG_ENGINE'],
    [{ timeoutMs: 0 }, 'VMM_CONFIG_TIMEOUT'],
    [{ append: 'a\0b' }, 'VMM_CONFIG_APPEND'],
    [{ devices: ['flux-capacitor'] }, 'VMM_DEVICE_UNKNOWN'],
    [{ kernel: new Uint8Array(0) }, 'VMM_KERNEL_EMPTY'],
    [{ kernel: undefined }, 'VMM_CONFIG_KERNEL'],
  ] as const)('create refuses %o', async (options, code) => {
    const kernel = tinyGuest(SPIN);
    await expect(VirtualMachine.create({ ...BASE, kernel, ...options })).rejects.toMatchObject({ code, kind: 'usage' });
  });

  it('start twice and wait before start are mistakes', async () => {
    await using vm = await VirtualMachine.create({ ...BASE, kernel: tinyGuest(exitWith(0)) });
    await expect(vm.wait()).rejects.toMatchObject({ code: 'VMM_STATE' });
    vm.start();
    expect(() => vm.start()).toThrow(expect.objectContaining({ code: 'VMM_STATE' }));
  });
});
