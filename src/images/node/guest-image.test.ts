import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBzImage, makeElf, pattern } from '../../loaders/kernels.cases.ts';
import { plainBzImage } from '../../loaders/plain-bzimage.ts';
import { cachedGuestPackages, guestImage } from './guest-image.ts';

const PACKAGES = [
  { name: 'linux-image-1', version: '1' },
  { name: 'busybox-static', version: '2' },
];

/** A cache as a fetch leaves it, so that nothing is fetched. */
let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'paravane-guest-'));
  const folder = join(cacheFolder, 'guests', 'cloud-amd64');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'vmlinuz'), 'kernel');
  await writeFile(join(folder, 'busybox'), 'a busybox');
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ format: 1, packages: PACKAGES }));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

describe('guestImage', () => {
  it('is taken from the cache, with an initramfs around its busybox', async () => {
    const image = await guestImage('cloud-amd64', { cacheFolder });
    expect(await readFile(image.kernel, 'utf8')).toBe('kernel');
    expect(await readFile(image.initrd, 'latin1')).toContain('a busybox');
    expect(image.packages).toEqual(PACKAGES);
    expect((await guestImage('cloud-amd64', { cacheFolder })).initrd).toBe(image.initrd);
  });

  it('has its kernel unpacked', async () => {
    const vmlinux = makeElf({ is64Bit: true, entry: 0n, segments: [{ gpa: 0x10_0000, data: pattern(1000, 1) }] });
    const kernel = makeBzImage({ vmlinux });
    const folder = join(cacheFolder, 'guests', '686');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'vmlinuz'), kernel);
    await writeFile(join(folder, 'busybox'), 'a busybox');
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ format: 1, packages: PACKAGES }));
    const image = await guestImage('686', { cacheFolder });
    expect(await readFile(image.kernel)).toEqual(Buffer.from(plainBzImage(kernel, 'vmlinuz') as Uint8Array));
    await rm(join(folder, 'vmlinuz'));
    expect((await guestImage('686', { cacheFolder })).kernel).toBe(image.kernel);
    await rm(folder, { recursive: true });
  });

  it('keeps an initramfs for each init script', async () => {
    const shell = await guestImage('cloud-amd64', { cacheFolder });
    const script = await guestImage('cloud-amd64', { cacheFolder, initScript: '#!/bin/sh\npoweroff -f\n' });
    expect(script.initrd).not.toBe(shell.initrd);
    expect(await readFile(script.initrd, 'latin1')).toContain('#!/bin/sh\npoweroff -f\n');
  });
});

describe('cachedGuestPackages', () => {
  it('tells what is there', async () => {
    expect(await cachedGuestPackages('cloud-amd64', cacheFolder)).toEqual(PACKAGES);
    expect(await cachedGuestPackages('686', cacheFolder)).toBeNull();
  });

  it.each(['', '{"format":2,"packages":[]}', '{"format":1}'])('does not take %j for a manifest', async (text) => {
    const folder = join(cacheFolder, 'guests', 'full-amd64');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'manifest.json'), text);
    expect(await cachedGuestPackages('full-amd64', cacheFolder)).toBeNull();
  });
});
