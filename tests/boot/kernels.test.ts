import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { GuestName } from '../../src/images/node/guest-image.ts';
import type { CpuModel } from '../../src/machine/config.ts';
import { BOOT_TEST_TIMEOUT_MS, bootGuest, guestOrSkip, INIT_PRELUDE, reports } from './boot-guest.ts';

/** A number with more digits than 32 bits hold, text, processes, signals, timers, floating point, files. */
const SCRIPT = `${INIT_PRELUDE}
echo machine=$(uname -m)
echo small=$((6 * 7))
echo large=$((123456789 * 987654321))
echo processors=$(grep -c ^processor /proc/cpuinfo)
echo model=$(sed -n 's/^model name.*: //p' /proc/cpuinfo)
(exit 7)
echo status=$?
echo exec=$(env WORD=spoken sh -c 'echo $WORD')
echo pipe=$(seq 1 100 | sort -rn | head -3 | tr '\\n' ' ')
echo digest=$(seq 1 5000 | sha256sum)
echo harmonic=$(awk 'BEGIN { for (i = 1; i <= 1000; i++) sum += 1 / i; printf "%.12f", sum }')
timeout 0.2 sleep 60
echo alarm=$?
seq 1 20000 > /tmp/numbers
gzip -c /tmp/numbers > /tmp/numbers.gz
gunzip -c /tmp/numbers.gz | cmp - /tmp/numbers && echo gzip=same
[ $(stat -c %s /tmp/numbers.gz) -lt $(stat -c %s /tmp/numbers) ] && echo smaller=yes
echo oops=$(dmesg | grep -c -E 'Oops|BUG:|WARNING:|Call Trace')
poweroff -f
`;

const numbers = (count: number): string => Array.from({ length: count }, (_, i) => `${i + 1}\n`).join('');
const harmonic = Array.from({ length: 1000 }, (_, i) => 1 / (i + 1)).reduce((sum, part) => sum + part, 0);

const EXPECTED = {
  small: '42',
  large: '121932631112635269',
  processors: '1',
  model: 'Paravane software CPU',
  status: '7',
  exec: 'spoken',
  pipe: '100 99 98',
  digest: `${createHash('sha256').update(numbers(5000)).digest('hex')} -`,
  harmonic: harmonic.toFixed(12),
  // 128 + SIGTERM: timeout(1) of busybox shows the signal that it sent.
  alarm: '143',
  gzip: 'same',
  smaller: 'yes',
  oops: '0',
};

interface Kernel {
  readonly guest: GuestName;
  readonly cpu: CpuModel;
  readonly machine: string;
  readonly append: string;
}

/** The self-tests of the kernel's cryptography run in one of them. */
const KERNELS: readonly Kernel[] = [
  { guest: 'cloud-amd64', cpu: 'max', machine: 'x86_64', append: 'console=ttyS0' },
  { guest: 'full-amd64', cpu: 'x86-64-v1', machine: 'x86_64', append: 'console=ttyS0 cryptomgr.notests' },
  { guest: '686', cpu: 'i686', machine: 'i686', append: 'console=ttyS0 cryptomgr.notests' },
];

describe('an unmodified kernel', () => {
  test.for(KERNELS)(
    '$guest on $cpu boots, runs a script and powers off',
    { timeout: BOOT_TEST_TIMEOUT_MS },
    async ({ guest, cpu, machine, append }, context) => {
      const { kernel, initrd } = await guestOrSkip(context, guest, SCRIPT);
      const result = await bootGuest({ kernel, initrd, cpu, append });
      expect(result.console).toMatch(/^\[ +0\.0+\] Linux version \d/m);
      expect(reports(result.console)).toMatchObject({ ...EXPECTED, machine });
      expect(result.reason).toEqual({ kind: 'poweroff' });
    },
  );
});
