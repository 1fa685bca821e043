import { mkdir, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { VmmError } from '../../base/errors.ts';
import { errorCode } from './files.ts';

/** The holder touches its lock this often, so that a lock whose holder died is told from a slow download. */
const HEARTBEAT_MS = 2_000;
const STALE_MS = 15_000;
const POLL_MS = 100;

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Told once, when somebody else holds the lock. */
  readonly onWait?: (holder: string) => void;
  readonly staleMs?: number;
}

/** Runs `work` while no other process that uses the same lock file does. */
export async function withFileLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await acquire(path, options);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(path, { force: true });
  }
}

async function acquire(path: string, options: LockOptions): Promise<void> {
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    if (await tryCreate(path)) return;
    if (await isStale(path, options.staleMs ?? STALE_MS)) {
      // Two waiters may judge the same lock stale and then both work. That costs a download and nothing more:
      // what is written under the lock is written atomically.
      await rm(path, { force: true });
      continue;
    }
    if (!told) {
      told = true;
      options.onWait?.((await readFile(path, 'utf8').catch(() => '')).trim());
    }
    await delay(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'wx');
    await file.writeFile(`${process.pid}\n`);
    await file.close();
    return true;
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false;
    throw new VmmError('VMM_CACHE_WRITE', `The cache folder '${dirname(path)}' cannot be written`, { cause });
  }
}

async function isStale(path: string, staleMs: number): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && Date.now() - info.mtimeMs > staleMs;
}
