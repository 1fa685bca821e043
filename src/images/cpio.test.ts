import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CpioEntry, writeCpio } from './cpio.ts';

interface ReadEntry {
  readonly name: string;
  readonly fields: readonly number[];
  readonly data: Uint8Array;
}

/** The format read by its description: cpio(5) "New ASCII Format". */
function readCpio(archive: Uint8Array): ReadEntry[] {
  const text = (start: number, end: number) => Buffer.from(archive.subarray(start, end)).toString('latin1');
  const entries: ReadEntry[] = [];
  for (let offset = 0; ; ) {
    expect(text(offset, offset + 6)).toBe('070701');
    const fields = Array.from({ length: 13 }, (_, i) =>
      Number.parseInt(text(offset + 6 + i * 8, offset + 14 + i * 8), 16),
    );
    const nameStart = offset + 110;
    const name = text(nameStart, nameStart + (fields[11] as number) - 1);
    const dataStart = (nameStart + (fields[11] as number) + 3) & ~3;
    const dataEnd = dataStart + (fields[6] as number);
    entries.push({ name, fields, data: archive.subarray(dataStart, dataEnd) });
    offset = (dataEnd + 3) & ~3;
    if (name === 'TRAILER!!!') {
      expect(offset).toBe(archive.length);
      return entries;
    }
  }
}

describe('writeCpio', () => {
  it.each<[CpioEntry, number, string, readonly [number, number]]>([
    [{ kind: 'directory', path: 'bin' }, 0o040755, '', [0, 0]],
    [{ kind: 'directory', path: 'tmp', mode: 0o1777 }, 0o041777, '', [0, 0]],
    [{ kind: 'file', path: 'init', mode: 0o755, bytes: Buffer.from('#!') }, 0o100755, '#!', [0, 0]],
    [{ kind: 'symlink', path: 'bin/sh', target: 'busybox' }, 0o120777, 'busybox', [0, 0]],
    [{ kind: 'character-device', path: 'dev/console', major: 5, minor: 1 }, 0o020600, '', [5, 1]],
  ])('writes %o', (entry, mode, data, rdev) => {
    const [read, trailer] = readCpio(writeCpio([entry]));
    expect(read?.name).toBe(entry.path);
    expect(read?.fields[1]).toBe(mode);
    expect(Buffer.from(read?.data ?? []).toString()).toBe(data);
    expect(read?.fields.slice(9, 11)).toEqual(rdev);
    expect(trailer?.name).toBe('TRAILER!!!');
  });

  it('keeps names and contents of any length, under inodes of their own', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,40}$/);
    const files = fc.array(fc.tuple(name, fc.uint8Array({ maxLength: 70 })), { maxLength: 10 });
    fc.assert(
      fc.property(files, (contents) => {
        const entries = contents.map(([path, bytes]): CpioEntry => ({ kind: 'file', path, bytes }));
        const read = readCpio(writeCpio(entries)).slice(0, -1);
        expect(read.map((entry) => [entry.name, [...entry.data]])).toEqual(
          contents.map(([path, bytes]) => [path, [...bytes]]),
        );
        expect(new Set(read.map((entry) => entry.fields[0])).size).toBe(read.length);
      }),
    );
  });

  it.each(['/init', '', 'dir/'])('takes no path like %j', (path) => {
    expect(() => writeCpio([{ kind: 'directory', path }])).toThrow('Broken invariant');
  });
});
