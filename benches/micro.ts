import { compareMonitors, segmentMedians } from './harness/compare.ts';
import { PARAVANE_COUNTING } from './harness/monitors.ts';
import { fixed, printTable, ratio } from './harness/table.ts';
import { DONE } from './image/boot-image.ts';
import { withImage } from './image/image-file.ts';
import { MICRO_PROGRAMS } from './image/micro-programs.ts';

/** Page walks, faults, interrupts, system calls, string instructions and the like: ns of host CPU time each. */
export async function benchMicro(runs: number): Promise<void> {
  const results = await withImage(MICRO_PROGRAMS, (kernel) =>
    compareMonitors({ ours: PARAVANE_COUNTING, guest: { kernel, memoryMib: 128 }, runs, stopAt: DONE }),
  );
  const rows = MICRO_PROGRAMS.map(({ name, operations, unit }) => {
    const { oursNs, peerNs } = segmentMedians(results, name);
    const each = (ns: number | undefined): string => fixed(ns === undefined ? undefined : ns / operations, 1);
    return [unit === undefined ? name : `${name}, per ${unit}`, each(oursNs), each(peerNs), ratio(oursNs, peerNs)];
  });
  printTable('Single operations', ['operation', 'ns', 'QEMU ns', 'ratio'], rows);
}
