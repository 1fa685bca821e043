import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInputFile, writeFileAtomic } from './files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paravane-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

const LIMITS = { what: 'Kernel', limitBytes: 100 };

describe('readInputFile', () => {
  it('reads a path and a file URL', async () => {
    const path = join(folder, 'kernel image');
    await writeFile(path, 'bytes');
    for (const location of [path, pathToFileURL(path)]) {
      const { name, bytes } = await readInputFile(location, LIMITS);
      expect(name).toBe(path);
      expect(Buffer.from(bytes).toString()).toBe('bytes');
    }
  });

  it('refuses what is larger than guest memory without reading it', async () => {
    const path = join(folder, 'large');
    await writeFile(path, new Uint8Array(101));
    await expect(readInputFile(path, LIMITS)).rejects.toMatchObject({ code: 'VMM_FILE_SIZE', kind: 'usage' });
    await expect(readInputFile(path, LIMITS)).rejects.toThrow(/101 bytes.*100 bytes/);
  });

  it.each([
    ['a missing file', () => join(folder, 'missing'), 'VMM_FILE_MISSING'],
    ['a folder', () => folder, 'VMM_FILE_KIND'],
    ['a device', () => '/dev/zero', 'VMM_FILE_KIND'],
    ['a remote URL', () => new URL('https://example.org/vmlinuz'), 'VMM_FILE_URL'],
    ['a path through a file', () => join(folder, 'missing/deeper'), 'VMM_FILE_MISSING'],
  ])('refuses %s', async (_, location, code) => {
    await expect(readInputFile(location(), LIMITS)).rejects.toMatchObject({ code, kind: 'usage' });
  });

  it('refuses a FIFO rather than wait for a writer', async () => {
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    await expect(readInputFile(path, LIMITS)).rejects.toMatchObject({ code: 'VMM_FILE_KIND' });
  });

  it.skipIf(process.getuid?.() === 0)('refuses a file that may not be read', async () => {
    const path = join(folder, 'secret');
    await writeFile(path, '');
    await chmod(path, 0);
    await expect(readInputFile(path, LIMITS)).rejects.toMatchObject({ code: 'VMM_FILE_ACCESS' });
  });
});

describe('writeFileAtomic', () => {
  it('makes folders, replaces the file and leaves nothing else', async () => {
    const path = join(folder, 'a', 'b', 'file');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['file']);
  });

  it('leaves nothing behind when it fails', async () => {
    const path = join(folder, 'in-the-way');
    await writeFileAtomic(join(path, 'file'), '');
    await expect(writeFileAtomic(path, 'text')).rejects.toThrow();
    expect((await readdir(folder)).filter((name) => name.startsWith('.in-the-way'))).toEqual([]);
  });
});
