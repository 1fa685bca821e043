import { guestImage } from '../src/images/node/guest-image.ts';
import { type Moment, runMarked } from './harness/marked-run.ts';
import { median } from './harness/measure.ts';
import { COMMAND } from './harness/monitors.ts';
import { fixed, printTable } from './harness/table.ts';
import { withImage } from './image/image-file.ts';

interface Stage {
  readonly name: string;
  readonly command: readonly string[];
  readonly stopAt: string;
}

/** Printed after the first slice of guest code, at most 4 ms after the first instruction. */
const STARTED = '{"event":"started"';

/** From the start of the process to the guest's first instruction, and where the time goes. */
export async function benchStart(runs: number): Promise<void> {
  const { kernel, initrd } = await guestImage('cloud-amd64');
  await withImage([], async (image) => {
    const flat = [...COMMAND, 'run', '--json', '-m', '256M', '-k', image];
    const cloud = [...COMMAND, 'run', '--json', '-m', '256M', '-k', kernel, '-i', initrd];
    const stages: readonly Stage[] = [
      { name: 'Node alone', command: [process.execPath, '-e', 'console.log("up")'], stopAt: 'up' },
      { name: 'program loaded (--version)', command: [...COMMAND, '--version'], stopAt: '' },
      { name: 'flat image runs', command: flat, stopAt: STARTED },
      { name: 'cloud kernel runs', command: cloud, stopAt: STARTED },
    ];
    const samples = stages.map((): Moment[] => []);
    for (let run = 0; run < runs; run++) {
      for (const [i, { command, stopAt }] of stages.entries()) {
        samples[i]?.push((await runMarked({ command, stopAt, timeoutMs: 60_000 })).total);
      }
    }
    const medians = samples.map((all) => ({
      wallMs: median(all.map(({ wallNs }) => wallNs)) / 1e6,
      cpuMs: median(all.map(({ cpuNs }) => cpuNs)) / 1e6,
    }));
    const rows = stages.map(({ name }, i) => [name, fixed(medians[i]?.wallMs, 0), fixed(medians[i]?.cpuMs, 0)]);
    printTable('Start, ms since the process began (target: a kernel runs at 250)', ['until', 'wall', 'CPU'], rows);
  });
}
