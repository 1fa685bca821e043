import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFileLock } from './file-lock.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paravane-lock-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('withFileLock', () => {
  it('lets one worker in at a time and tells the others who holds it', async () => {
    const path = join(folder, 'exclusive');
    let inside = 0;
    let most = 0;
    const holders: string[] = [];
    const work = async () => {
      most = Math.max(most, ++inside);
      await delay(20);
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => withFileLock(path, work, { onWait: (holder) => holders.push(holder) })));
    expect(most).toBe(1);
    expect(holders).toContain(String(process.pid));
    expect(await readdir(folder)).toEqual([]);
  });

  it('is released when the work fails', async () => {
    const path = join(folder, 'failing');
    await expect(withFileLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withFileLock(path, async () => 'next')).toBe('next');
  });

  it('takes over a lock whose holder has died', async () => {
    const path = join(folder, 'stale');
    await writeFile(path, '1\n');
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(path, longAgo, longAgo);
    expect(await withFileLock(path, async () => 'mine')).toBe('mine');
  });

  it('waiting for it can be aborted', async () => {
    const path = join(folder, 'held');
    await writeFile(path, '1\n');
    const signal = AbortSignal.timeout(50);
    await expect(withFileLock(path, async () => 'never', { signal })).rejects.toThrow();
  });

  it.skipIf(process.getuid?.() === 0)('says when the folder cannot be written', async () => {
    await expect(withFileLock('/proc/paravane.lock', async () => {})).rejects.toMatchObject({
      code: 'VMM_CACHE_WRITE',
    });
  });
});
