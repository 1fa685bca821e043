import { type MarkedRun, runMarked, type Segment } from './marked-run.ts';
import { median } from './measure.ts';
import { availablePeers, type Guest, type Monitor } from './monitors.ts';

export interface CompareOptions {
  readonly ours: Monitor;
  readonly guest: Guest;
  readonly runs: number;
  readonly stopAt: string;
  readonly timeoutMs?: number;
}

/** Runs of each monitor, ours first, in turn, so that what disturbs the host disturbs all. */
export async function compareMonitors(options: CompareOptions): Promise<Map<Monitor, MarkedRun[]>> {
  const results = new Map<Monitor, MarkedRun[]>([options.ours, ...availablePeers()].map((monitor) => [monitor, []]));
  for (let run = 0; run < options.runs; run++) {
    for (const [monitor, runs] of results) {
      runs.push(
        await runMarked({
          command: monitor.command(options.guest),
          timeoutMs: options.timeoutMs ?? 300_000,
          stopAt: options.stopAt,
        }),
      );
    }
  }
  return results;
}

/** Medians of the segment of this name: ours, and that of the fastest peer. */
export function segmentMedians(results: Map<Monitor, MarkedRun[]>, name: string) {
  const of = (monitor: Monitor): Segment[] =>
    (results.get(monitor) ?? []).flatMap((run) => run.segments.filter((segment) => segment.name === name));
  const [ours = [], ...peers] = [...results.keys()].map(of);
  const cpuNs = (segments: readonly Segment[]): number => median(segments.map((segment) => segment.cpuNs));
  const peerNs = peers.length === 0 ? undefined : Math.min(...peers.map(cpuNs));
  const resultsSeen = new Set([ours, ...peers].flat().map((segment) => segment.result));
  if (resultsSeen.size > 1) throw new Error(`${name}: the monitors disagree: ${[...resultsSeen].join(', ')}`);
  return { oursNs: cpuNs(ours), peerNs, instructions: ours[0]?.instructions };
}
