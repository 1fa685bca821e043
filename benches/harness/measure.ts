import { readdirSync, readFileSync } from 'node:fs';

/** Host CPU time that a process has used, in ns: all its threads. Undefined where the kernel does not tell. */
export function cpuTimeNs(pid: number): number | undefined {
  try {
    let totalNs = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      // [0]: time on a CPU in ns. Linux Documentation/scheduler/sched-stats.rst.
      totalNs += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
    return totalNs;
  } catch {
    return undefined;
  }
}

/** Peak resident memory of a process in bytes. */
export function peakRssBytes(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
