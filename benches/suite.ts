import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildInitramfs } from '../src/images/initramfs.ts';
import { guestImage } from '../src/images/node/guest-image.ts';
import { compareMonitors, segmentMedians } from './harness/compare.ts';
import { PARAVANE_COUNTING } from './harness/monitors.ts';
import { fixed, printTable, ratio } from './harness/table.ts';
import { DONE } from './image/boot-image.ts';

/** Shell commands of the guest. Their output is part of the result, which all monitors must agree on. */
const WORKLOADS: Readonly<Record<string, string>> = {
  'registers, 100 M instructions': 'workloads spin 20000000',
  'list sort': 'workloads list 500',
  'matrix product': 'workloads matrix 200',
  'CRC-32, 16 MiB': 'workloads crc 256',
  'doubles (SSE2)': 'workloads orbit 1000000',
  'long doubles (x87)': 'workloads orbit80 100000',
  'memcpy, 320 MiB': 'workloads copy 20',
  'getppid, 200 k': 'workloads getppid 200000',
  'fork and exec, 100': 'workloads forkexec 100',
  'pipe ping-pong, 5 k': 'workloads pingpong 5000',
  'page faults, 20 k': 'workloads pagefaults 5',
  'sha256sum, 8 MiB': 'dd if=/dev/zero bs=1M count=8 2>/dev/null | sha256sum',
  'gzip, 2 MiB': 'gzip -c /tmp/text | wc -c',
  'shell loop, 10 k': 'i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done; echo $i',
};

const INIT = `#!/bin/sh
export PATH=/bin
mount -a
seq 1 300000 > /tmp/text
${Object.entries(WORKLOADS)
  .map(([name, command]) => `echo '@${name}'\necho ".$({ ${command}; } | tr '\\n' ' ')"`)
  .join('\n')}
echo ${DONE}
sleep 1000
`;

/** Programs in a Linux guest: host CPU seconds. The C programs need a compiler on this host. */
export async function benchSuite(runs: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'paravane-bench-'));
  try {
    const program = join(folder, 'workloads');
    const source = join(process.cwd(), 'benches/guest/workloads.c');
    const { status } = spawnSync('gcc', ['-O2', '-static', '-o', program, source], { stdio: 'inherit' });
    if (status !== 0) {
      process.stdout.write('\nGuest programs: skipped, no gcc with a static libc here\n');
      return;
    }
    const { packagedKernel } = await guestImage('cloud-amd64');
    const initrd = join(folder, 'initrd.cpio');
    const busybox = await readFile(join(dirname(packagedKernel), 'busybox'));
    const extra = [{ kind: 'file', path: 'bin/workloads', mode: 0o755, bytes: await readFile(program) }] as const;
    await writeFile(initrd, buildInitramfs({ busybox, initScript: INIT, extra }));
    const append = 'console=ttyS0 quiet loglevel=0 cryptomgr.notests';
    const guest = { kernel: packagedKernel, initrd, append, memoryMib: 256 };
    const results = await compareMonitors({ ours: PARAVANE_COUNTING, guest, runs, stopAt: DONE });
    const rows = Object.keys(WORKLOADS).map((name) => {
      const { oursNs, peerNs } = segmentMedians(results, name);
      return [name, fixed(oursNs / 1e9), fixed(peerNs === undefined ? undefined : peerNs / 1e9), ratio(oursNs, peerNs)];
    });
    printTable('Programs in the guest, CPU seconds', ['program', 'paravane', 'QEMU', 'ratio'], rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
