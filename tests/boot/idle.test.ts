import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BOOT_TEST_TIMEOUT_MS, bootGuest, guestOrSkip, QUICK_BOOT } from './boot-guest.ts';

const IDLE_MS = 5_000;
/** Housekeeping of an idle kernel, of which none is for us to cause: a few timers a second. 3 % of a core is above 2 million. */
const LIMIT_INSTRUCTIONS_PER_SECOND = 400_000;

test('a guest at its prompt leaves the host alone', { timeout: BOOT_TEST_TIMEOUT_MS }, async (context) => {
  const guest = await guestOrSkip(context, 'cloud-amd64');
  const result = await bootGuest({ ...guest, append: QUICK_BOOT }, async ({ vm, waitFor, type }) => {
    await waitFor('~ # ');
    // What a boot leaves to be done later.
    await delay(2_000);
    const before = vm.info();
    await delay(IDLE_MS);
    const after = vm.info();
    const delta = (name: string): number => Number(after[name]) - Number(before[name]);
    expect(delta('instructions') / (delta('guestTimeNs') / 1e9)).toBeLessThan(LIMIT_INSTRUCTIONS_PER_SECOND);
    await type('echo awake $((6 * 7)); poweroff -f\n');
    await waitFor('awake 42');
  });
  expect(result.reason).toEqual({ kind: 'poweroff' });
});
