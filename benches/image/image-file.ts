import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchProgram, buildImage } from './boot-image.ts';

/** The image of some programs as a file, while `use` runs. */
export async function withImage<T>(programs: readonly BenchProgram[], use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'paravane-bench-'));
  try {
    const path = join(folder, 'bench.flat');
    await writeFile(path, buildImage(programs));
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
