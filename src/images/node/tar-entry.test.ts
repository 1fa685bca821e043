import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTarEntry } from './tar-entry.ts';

interface TarFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly type?: string;
  readonly prefix?: string;
}

/** pax(1) "ustar Interchange Format", without what the reader does not look at. */
function tar(files: readonly TarFile[]): Buffer {
  const blocks = files.map(({ path, bytes, type = '0', prefix = '' }) => {
    const header = Buffer.alloc(512);
    header.write(path, 0);
    header.write(bytes.length.toString(8).padStart(11, '0'), 124);
    header.write(type, 156);
    header.write('ustar\x0000', 257);
    header.write(prefix, 345);
    return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 511)]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

async function* pieces(archive: Buffer, pieceBytes: number) {
  for (let start = 0; start < archive.length; start += pieceBytes) yield archive.subarray(start, start + pieceBytes);
}

const FILES: readonly TarFile[] = [
  { path: './boot/', bytes: Buffer.alloc(0), type: '5' },
  { path: './boot/vmlinuz-link', bytes: Buffer.alloc(0), type: '2' },
  { path: './boot/config', bytes: Buffer.from('CONFIG_X=y\n') },
  { path: 'vmlinuz-1', bytes: Buffer.from('deep'), prefix: './very/long' },
  { path: './boot/vmlinuz-6.1', bytes: Buffer.alloc(1500, 'k') },
  { path: './boot/vmlinuz-6.2', bytes: Buffer.from('later') },
];

describe('readTarEntry', () => {
  it('finds the first regular file that matches, whatever the pieces of the stream', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2000 }), async (pieceBytes) => {
        const entry = await readTarEntry(pieces(tar(FILES), pieceBytes), /boot\/vmlinuz-/);
        expect(entry?.path).toBe('./boot/vmlinuz-6.1');
        expect(Buffer.from(entry?.bytes ?? []).equals(Buffer.alloc(1500, 'k'))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('joins prefix and name', async () => {
    expect((await readTarEntry(pieces(tar(FILES), 512), /long/))?.path).toBe('./very/long/vmlinuz-1');
  });

  it('is null when nothing matches', async () => {
    expect(await readTarEntry(pieces(tar(FILES), 512), /initrd/)).toBeNull();
  });

  it.each([0, 100, 512, 600, 3000])('is null for an archive cut off after %i bytes', async (lengthBytes) => {
    expect(await readTarEntry(pieces(tar(FILES).subarray(0, lengthBytes), 512), /vmlinuz-6/)).toBeNull();
  });

  it('is null for what is no archive', async () => {
    expect(await readTarEntry(pieces(Buffer.alloc(2048, 'x'), 512), /x/)).toBeNull();
  });
});
