import { assert } from '../base/errors.ts';

/** A file of an archive. Everything belongs to root and has no time, so that equal input gives equal archives. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode?: number; readonly bytes: Uint8Array }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'character-device';
      readonly path: string;
      readonly mode?: number;
      readonly major: number;
      readonly minor: number;
    };

/** File type bits of st_mode: inode(7). */
const TYPE_BITS = { directory: 0o040000, file: 0o100000, symlink: 0o120000, 'character-device': 0o020000 } as const;
const DEFAULT_MODES = { directory: 0o755, file: 0o644, symlink: 0o777, 'character-device': 0o600 } as const;

/** "070701" and 13 fields of 8 hexadecimal digits: cpio(5) "New ASCII Format". */
const HEADER_BYTES = 6 + 13 * 8;
const TRAILER_NAME = 'TRAILER!!!';
const NO_BYTES = new Uint8Array(0);

interface Record {
  readonly name: string;
  readonly mode: number;
  readonly linkCount: number;
  readonly data: Uint8Array;
  readonly rdev: readonly [major: number, minor: number];
}

/** An archive in the "newc" format, the one the kernel unpacks: Linux Documentation/driver-api/early-userspace/buffer-format.rst. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const records = entries.map(recordOf);
  records.push({ name: TRAILER_NAME, mode: 0, linkCount: 1, data: NO_BYTES, rdev: [0, 0] });
  const archive = new Uint8Array(records.reduce((total, record) => total + recordBytes(record), 0));
  let offset = 0;
  records.forEach((record, index) => {
    const isTrailer = index === records.length - 1;
    writeRecord(archive, offset, record, isTrailer ? 0 : index + 1);
    offset += recordBytes(record);
  });
  return archive;
}

function recordOf(entry: CpioEntry): Record {
  assert(/^[^/].*$/.test(entry.path) && !entry.path.endsWith('/'), `cpio: '${entry.path}' is a relative path`);
  const mode =
    TYPE_BITS[entry.kind] | ('mode' in entry ? (entry.mode ?? DEFAULT_MODES[entry.kind]) : DEFAULT_MODES[entry.kind]);
  return {
    name: entry.path,
    mode,
    linkCount: entry.kind === 'directory' ? 2 : 1,
    data: entry.kind === 'file' ? entry.bytes : entry.kind === 'symlink' ? ascii(entry.target) : NO_BYTES,
    rdev: entry.kind === 'character-device' ? [entry.major, entry.minor] : [0, 0],
  };
}

function recordBytes(record: Record): number {
  return align4(HEADER_BYTES + record.name.length + 1) + align4(record.data.length);
}

function writeRecord(archive: Uint8Array, offset: number, record: Record, inode: number): void {
  const fields = [
    inode,
    record.mode,
    0, // uid
    0, // gid
    record.linkCount,
    0, // mtime
    record.data.length,
    0, // device of the archive: major
    0, // and minor
    ...record.rdev,
    record.name.length + 1,
    0, // checksum: of "070702" only
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  archive.set(ascii(`${header}${record.name}\0`), offset);
  archive.set(record.data, offset + align4(HEADER_BYTES + record.name.length + 1));
}

function align4(lengthBytes: number): number {
  return (lengthBytes + 3) & ~3;
}

export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    assert(code < 0x80, `'${text}' is ASCII`);
    bytes[i] = code;
  }
  return bytes;
}
