import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VmmError } from '../../base/errors.ts';

/** What the user named, in messages: `Kernel`, `Initrd`. */
export interface ReadLimits {
  readonly what: string;
  readonly limitBytes: number;
}

/** Reads a regular file whole. What can be wrong with it is the user's to know: one sentence each. */
export async function readInputFile(
  location: string | URL,
  limits: ReadLimits,
): Promise<{ name: string; bytes: Uint8Array }> {
  const path = typeof location === 'string' ? location : fileUrlPath(location, limits.what);
  const file = await openInputFile(path, limits.what);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) {
      throw new VmmError('VMM_FILE_KIND', `${limits.what} '${path}' is not a regular file`, { kind: 'usage' });
    }
    if (stat.size > limits.limitBytes) {
      throw new VmmError(
        'VMM_FILE_SIZE',
        `${limits.what} '${path}' is ${stat.size} bytes; guest memory is ${limits.limitBytes} bytes`,
        { kind: 'usage' },
      );
    }
    return { name: path, bytes: await readWhole(file, stat.size) };
  } finally {
    await file.close();
  }
}

/** One read of all of it, where `readFile` takes 512 KiB at a time; a file that shrank meanwhile gives what is left. */
async function readWhole(file: FileHandle, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let filledBytes = 0;
  while (filledBytes < sizeBytes) {
    const { bytesRead } = await file.read(bytes, filledBytes, sizeBytes - filledBytes, filledBytes);
    if (bytesRead === 0) break;
    filledBytes += bytesRead;
  }
  return bytes.subarray(0, filledBytes);
}

function fileUrlPath(url: URL, what: string): string {
  if (url.protocol === 'file:') return fileURLToPath(url);
  throw new VmmError('VMM_FILE_URL', `${what} ${url}: only file: URLs can be read here`, { kind: 'usage' });
}

const OPEN_MESSAGES: Readonly<Record<string, readonly [code: string, message: string]>> = {
  ENOENT: ['VMM_FILE_MISSING', 'does not exist'],
  ENOTDIR: ['VMM_FILE_MISSING', 'does not exist'],
  EACCES: ['VMM_FILE_ACCESS', 'may not be read'],
  EPERM: ['VMM_FILE_ACCESS', 'may not be read'],
  EISDIR: ['VMM_FILE_KIND', 'is not a regular file'],
};

async function openInputFile(path: string, what: string): Promise<FileHandle> {
  try {
    // Non-blocking, or opening a FIFO would wait for a writer.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const [code, message] = OPEN_MESSAGES[errorCode(cause)] ?? ['VMM_FILE_READ', `cannot be read: ${errorText(cause)}`];
    throw new VmmError(code, `${what} '${path}' ${message}`, { kind: 'usage', cause });
  }
}

/** Writes a file so that others see the old one or the whole new one; the folder is made when it is missing. */
export async function writeFileAtomic(path: string, bytes: Uint8Array | string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** `ENOENT` and the like; empty for what is no system error. */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
