import { compareMonitors, segmentMedians } from './harness/compare.ts';
import { PARAVANE_COUNTING } from './harness/monitors.ts';
import { fixed, printTable, ratio } from './harness/table.ts';
import { DONE } from './image/boot-image.ts';
import { BRANCHY_SHAPES, branchyProgram } from './image/branchy-program.ts';
import { withImage } from './image/image-file.ts';

/** Generated integer code: guest instructions a second. */
export async function benchMips(runs: number): Promise<void> {
  const programs = BRANCHY_SHAPES.map(branchyProgram);
  const results = await withImage(programs, (kernel) =>
    compareMonitors({ ours: PARAVANE_COUNTING, guest: { kernel, memoryMib: 128 }, runs, stopAt: DONE }),
  );
  const rows = programs.map(({ name }) => {
    const { oursNs, peerNs, instructions = Number.NaN } = segmentMedians(results, name);
    const mips = (ns: number | undefined): number | undefined =>
      ns === undefined ? undefined : (instructions / ns) * 1e3;
    return [name, fixed(instructions / 1e6, 0), fixed(mips(oursNs), 0), fixed(mips(peerNs), 0), ratio(oursNs, peerNs)];
  });
  printTable('Generated code (target: B2 at least 100 MIPS)', ['program', 'M instr.', 'MIPS', 'QEMU', 'ratio'], rows);
}
