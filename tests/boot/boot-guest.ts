import type { TestContext } from 'vitest';
import { type GuestImage, type GuestName, guestImage } from '../../src/images/node/guest-image.ts';
import { type ExitReason, type MachineInfo, VirtualMachine, VmmError } from '../../src/sdk/node.ts';
import type { VirtualMachineOptions } from '../../src/sdk/options.ts';

/** Fetching a kernel on the first run, and booting it on a busy machine. */
export const BOOT_TEST_TIMEOUT_MS = 600_000;
/** Less than that, so that a guest that hangs shows its console. */
const GUEST_TIMEOUT_MS = 300_000;

/** Mounts what scripts need, and keeps the kernel's messages off the console, where they would cut lines apart. */
export const INIT_PRELUDE = `#!/bin/sh
export PATH=/bin HOME=/root
mount -a
dmesg -n 1
`;

/**
 * For guests whose boot is not what is tested: no self-tests of the kernel's cryptography (most of the instructions
 * of a boot), and only serious messages.
 */
export const QUICK_BOOT = 'console=ttyS0 loglevel=4 cryptomgr.notests';

/** Failures of the host or its network, not ours: then there is no guest to test with. */
const UNAVAILABLE: ReadonlySet<string> = new Set(['VMM_GUEST_APT', 'VMM_GUEST_FETCH', 'VMM_TOOL']);

/** The distribution's guest, its kernel as packaged, with an /init of the test's; skips the test where it cannot be had. */
export async function guestOrSkip(context: TestContext, name: GuestName, initScript?: string): Promise<GuestImage> {
  try {
    const image = await guestImage(name, initScript === undefined ? {} : { initScript });
    return { ...image, kernel: image.packagedKernel };
  } catch (error) {
    if (error instanceof VmmError && UNAVAILABLE.has(error.code)) context.skip(`no guest ${name}: ${error.message}`);
    throw error;
  }
}

export interface BootResult {
  readonly reason: ExitReason;
  /** All of it, CR LF as LF. */
  readonly console: string;
  readonly info: MachineInfo;
}

/** The console of a running guest, read and typed into in turn. */
export interface Dialogue {
  readonly vm: VirtualMachine;
  waitFor(pattern: string | RegExp): Promise<string>;
  type(text: string): Promise<void>;
}

/** Boots, lets `talk` use the console, and waits for the end. */
export async function bootGuest(
  options: VirtualMachineOptions,
  talk: (dialogue: Dialogue) => Promise<void> = async () => {},
): Promise<BootResult> {
  await using vm = await VirtualMachine.create({ memory: '256M', timeoutMs: GUEST_TIMEOUT_MS, ...options });
  let text = '';
  const dialogue: Dialogue = {
    vm,
    async waitFor(pattern) {
      const seen = await vm.console.waitFor(pattern);
      text += seen;
      return seen;
    },
    type: (line) => vm.console.write(line),
  };
  vm.start();
  await talk(dialogue);
  const decoder = new TextDecoder();
  for await (const bytes of vm.console) text += decoder.decode(bytes, { stream: true });
  return { reason: await vm.wait(), console: text.replaceAll('\r\n', '\n'), info: vm.info() };
}

/** The `name=value` lines that a script printed. */
export function reports(console: string): Record<string, string> {
  return Object.fromEntries([...console.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}
