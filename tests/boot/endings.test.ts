import { describe, expect, test } from 'vitest';
import { BOOT_TEST_TIMEOUT_MS, bootGuest, guestOrSkip, INIT_PRELUDE, QUICK_BOOT } from './boot-guest.ts';

const TIMEOUT = { timeout: BOOT_TEST_TIMEOUT_MS };

describe('a machine tells apart how its guest ended', () => {
  test('a reset starts the guest again', TIMEOUT, async (context) => {
    const guest = await guestOrSkip(context, 'cloud-amd64', `${INIT_PRELUDE}echo booted\nread word\nreboot -f\n`);
    const result = await bootGuest({ ...guest, append: QUICK_BOOT }, async ({ vm, waitFor, type }) => {
      await waitFor('booted');
      expect(vm.info().resets).toBe(0);
      await type('again\n');
      await waitFor('booted');
      await vm.stop();
    });
    expect(result.info.resets).toBe(1);
    expect(result.reason).toEqual({ kind: 'stopped' });
  });

  test('a kernel panic is no reset', TIMEOUT, async (context) => {
    const script = `${INIT_PRELUDE}echo c > /proc/sysrq-trigger\n`;
    const guest = await guestOrSkip(context, 'cloud-amd64', script);
    const { reason } = await bootGuest({ ...guest, append: `${QUICK_BOOT} panic=-1` });
    expect(reason).toMatchObject({ kind: 'panic', message: expect.stringContaining('sysrq') });
  });

  test('a triple fault is no reset', TIMEOUT, async (context) => {
    const guest = await guestOrSkip(context, 'cloud-amd64', `${INIT_PRELUDE}reboot -f\n`);
    const { reason } = await bootGuest({ ...guest, append: `${QUICK_BOOT} reboot=t` });
    expect(reason).toMatchObject({ kind: 'triple-fault', rip: expect.any(BigInt) });
  });

  test('the power button lets the guest power off', TIMEOUT, async (context) => {
    // No driver and no daemon: the script sees the button by its status bit in the PM1 event register.
    const button = '/sys/firmware/acpi/interrupts/ff_pwr_btn';
    const script = `${INIT_PRELUDE}
grep -q STS ${button} && echo early
echo waiting
until grep -q STS ${button}; do sleep 0.1; done
echo pressed
poweroff -f
`;
    const guest = await guestOrSkip(context, 'cloud-amd64', script);
    const result = await bootGuest({ ...guest, append: QUICK_BOOT }, async ({ vm, waitFor }) => {
      await waitFor('waiting');
      vm.powerButton();
      await waitFor('pressed');
    });
    expect(result.console).not.toContain('early');
    expect(result.reason).toEqual({ kind: 'poweroff' });
  });
});
