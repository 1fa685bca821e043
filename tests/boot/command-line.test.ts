import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GuestImage } from '../../src/images/node/guest-image.ts';
import { BOOT_TEST_TIMEOUT_MS, guestOrSkip, INIT_PRELUDE, QUICK_BOOT } from './boot-guest.ts';
import { BuiltCommand } from './built-command.ts';

const TIMEOUT = { timeout: BOOT_TEST_TIMEOUT_MS };
const MIB = 2 ** 20;

let command: BuiltCommand;
beforeAll(async () => {
  command = await BuiltCommand.build();
}, 120_000);
afterAll(() => command[Symbol.asyncDispose]());

describe('paravane run', () => {
  test('takes a shell script for the default guest from a pipe', TIMEOUT, async (context) => {
    await guestOrSkip(context, 'cloud-amd64');
    const { status, stdout } = await command.run(['run'], 'echo $((6*7))\npoweroff -f\n');
    expect(stdout).toMatch(/^42\r?$/m);
    expect(status).toBe(0);
  });

  // Of the process, with all guest memory in use: tables, generated code, the runtime and the kernel's file.
  test('takes no more than 150 MiB of memory beside the guest', TIMEOUT, async (context) => {
    if (process.platform !== 'linux') context.skip('the peak of a process is known on Linux only');
    const script = `${INIT_PRELUDE}dd if=/dev/zero of=/tmp/fill bs=1M count=150 2>/dev/null; poweroff -f\n`;
    const { kernel, initrd } = await guestOrSkip(context, 'cloud-amd64', script);
    let peakBytes = 0;
    const { status } = await command.run(
      ['run', '-m', '256M', '-k', kernel, '-i', initrd, '-a', `${QUICK_BOOT} cma=0`],
      '',
      async (child) => {
        while (child.exitCode === null) {
          const text = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
          peakBytes = Math.max(peakBytes, Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024);
          await delay(100);
        }
      },
    );
    expect(status).toBe(0);
    expect(peakBytes).toBeGreaterThan(200 * MIB);
    expect(peakBytes).toBeLessThan((256 + 150) * MIB);
  });
});

interface BadInput {
  readonly name: string;
  readonly args: (files: Files) => readonly string[];
  readonly code: string;
  readonly status: number;
}

interface Files extends GuestImage {
  /** A file of this length: the kernel's beginning. */
  readonly head: (bytes: number) => string;
  readonly random: (bytes: number) => string;
}

const BAD_INPUTS: readonly BadInput[] = [
  {
    name: 'a 64-bit kernel for a 32-bit CPU',
    args: ({ kernel }) => ['-k', kernel, '--cpu', 'i686'],
    code: 'VMM_KERNEL_CPU',
    status: 2,
  },
  {
    name: 'a kernel cut in its payload',
    args: ({ head }) => ['-k', head(3_000_000)],
    code: 'VMM_KERNEL_TRUNCATED',
    status: 2,
  },
  {
    name: 'a kernel cut in its setup code',
    args: ({ head }) => ['-k', head(3_000)],
    code: 'VMM_KERNEL_TRUNCATED',
    status: 2,
  },
  {
    name: 'a kernel cut in its header',
    args: ({ head }) => ['-k', head(100)],
    code: 'VMM_KERNEL_FORMAT',
    status: 2,
  },
  { name: 'random bytes', args: ({ random }) => ['-k', random(MIB)], code: 'VMM_KERNEL_FORMAT', status: 2 },
  { name: 'an empty kernel', args: ({ head }) => ['-k', head(0)], code: 'VMM_KERNEL_EMPTY', status: 2 },
  {
    name: 'too little memory for the kernel',
    args: ({ kernel }) => ['-k', kernel, '-m', '32M'],
    code: 'VMM_MEMORY_TOO_SMALL',
    status: 2,
  },
  {
    name: 'an initrd larger than what the kernel leaves',
    args: ({ kernel, random }) => ['-k', kernel, '-i', random(60 * MIB), '-m', '96M'],
    code: 'VMM_INITRD_RANGE',
    status: 2,
  },
  {
    name: 'an initrd larger than memory',
    args: ({ kernel, random }) => ['-k', kernel, '-i', random(100 * MIB), '-m', '96M'],
    code: 'VMM_FILE_SIZE',
    status: 2,
  },
];

test.for(BAD_INPUTS)('paravane run refuses $name in one line', TIMEOUT, async (row, context) => {
  const guest = await guestOrSkip(context, 'cloud-amd64');
  const file = (bytes: Uint8Array): string => {
    const path = join(command.folder, 'input');
    writeFileSync(path, bytes);
    return path;
  };
  const args = row.args({
    ...guest,
    head: (bytes) => file(readFileSync(guest.kernel).subarray(0, bytes)),
    random: (bytes) => file(randomBytes(bytes)),
  });
  const { status, stdout, stderr } = await command.run(['run', '--timeout', '60', ...args]);
  expect(stderr).toMatch(new RegExp(`^paravane: .+ \\[${row.code}\\]\n$`));
  expect(stdout).toBe('');
  expect(status).toBe(row.status);
});
