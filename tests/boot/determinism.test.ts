import { expect, test } from 'vitest';
import { BOOT_TEST_TIMEOUT_MS, bootGuest, guestOrSkip, INIT_PRELUDE } from './boot-guest.ts';

/** Prints what depends on time and chance: timestamps, clocks, the kernel's random numbers. */
const SCRIPT = `${INIT_PRELUDE}
dmesg
cat /proc/uptime /proc/interrupts
od -An -tx1 -N16 /dev/urandom
date
cat /proc/sys/kernel/random/boot_id
echo ready
exec sh
`;

/**
 * There from the start, and taken when the serial port has room, so that nothing depends on the host's time. The
 * kernel's driver empties the FIFO a few times while it begins: that costs some of the newlines.
 */
const TYPED = `${'\n'.repeat(256)}echo typed $((6 * 7)); cat /proc/uptime\npoweroff -f\n`;

test('counted clock gives two runs the same console to the byte', {
  timeout: BOOT_TEST_TIMEOUT_MS,
}, async (context) => {
  const { kernel, initrd } = await guestOrSkip(context, 'cloud-amd64', SCRIPT);
  const run = () =>
    bootGuest({ kernel, initrd, clock: 'counted', append: 'console=ttyS0 cryptomgr.notests' }, ({ vm }) =>
      vm.console.write(TYPED),
    );
  const first = await run();
  expect(first.reason).toEqual({ kind: 'poweroff' });
  expect(first.console).toContain('typed 42');
  const second = await run();
  expect(second.console).toBe(first.console);
  expect(second.info.instructions).toBe(first.info.instructions);
});
