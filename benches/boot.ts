import { guestImage } from '../src/images/node/guest-image.ts';
import { compareMonitors } from './harness/compare.ts';
import { median } from './harness/measure.ts';
import { PARAVANE } from './harness/monitors.ts';
import { fixed, printTable, ratio } from './harness/table.ts';

const MEMORY_MIB = 256;
const INIT = '#!/bin/sh\necho "@init"\nexec sleep 1000\n';

/** Debian's cloud kernel from the start of the process to the first line of /init, host CPU time. */
export async function benchBoot(runs: number): Promise<void> {
  const { packagedKernel, initrd } = await guestImage('cloud-amd64', { initScript: INIT });
  const guest = { kernel: packagedKernel, initrd, append: 'console=ttyS0', memoryMib: MEMORY_MIB };
  const results = await compareMonitors({ ours: PARAVANE, guest, runs, stopAt: '@init' });
  const cpuSeconds = [...results].map(([monitor, all]) => ({
    monitor,
    seconds: median(all.map((run) => run.total.cpuNs / 1e9)),
    rssMib: median(all.map((run) => run.peakRssBytes / 2 ** 20)),
  }));
  const peers = cpuSeconds.filter(({ monitor }) => monitor !== PARAVANE);
  const best = peers.length === 0 ? undefined : Math.min(...peers.map(({ seconds }) => seconds));
  printTable(
    `Boot of the cloud kernel to /init, ${MEMORY_MIB} MiB (target: at most 4x; RSS at most guest + 150 MiB)`,
    ['monitor', 'CPU s', 'ratio', 'RSS MiB'],
    cpuSeconds.map(({ monitor, seconds, rssMib }) => [
      monitor.name,
      fixed(seconds),
      ratio(seconds, best),
      fixed(rssMib, 0),
    ]),
  );
}
