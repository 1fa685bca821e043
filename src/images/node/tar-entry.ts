/** A tar archive is blocks of this size: pax(1) "ustar Interchange Format". */
const BLOCK_BYTES = 512;

/** Offsets and lengths of the header fields that matter here. */
const NAME = { offset: 0, lengthBytes: 100 } as const;
const SIZE = { offset: 124, lengthBytes: 12 } as const;
const TYPE_OFFSET = 156;
const PREFIX = { offset: 345, lengthBytes: 155 } as const;
const MAGIC = { offset: 257, lengthBytes: 6 } as const;

/** '0' or NUL: a regular file. */
const REGULAR_TYPES = [0x30, 0];

/** The first regular file of a tar stream whose path matches; reads no further than its end. Null when there is none. */
export async function readTarEntry(
  stream: AsyncIterable<Uint8Array>,
  pathPattern: RegExp,
): Promise<{ path: string; bytes: Uint8Array } | null> {
  const reader = new BlockReader(stream);
  for (;;) {
    const header = await reader.read(BLOCK_BYTES);
    if (header === null || header[0] === 0) return null;
    const path = entryPath(header);
    const sizeBytes = Number.parseInt(field(header, SIZE), 8);
    if (!Number.isSafeInteger(sizeBytes)) return null;
    const paddedBytes = Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    if (REGULAR_TYPES.includes(header[TYPE_OFFSET] as number) && pathPattern.test(path)) {
      const bytes = await reader.read(paddedBytes);
      return bytes === null ? null : { path, bytes: bytes.subarray(0, sizeBytes) };
    }
    if (!(await reader.skip(paddedBytes))) return null;
  }
}

function entryPath(header: Uint8Array): string {
  const name = field(header, NAME);
  // GNU tar's magic is "ustar " and its prefix field holds something else.
  const prefix = field(header, MAGIC) === 'ustar' ? field(header, PREFIX) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function field(header: Uint8Array, place: { offset: number; lengthBytes: number }): string {
  const bytes = header.subarray(place.offset, place.offset + place.lengthBytes);
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}

/** Exact lengths out of a stream of chunks. */
class BlockReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async read(lengthBytes: number): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    const complete = await this.#take(lengthBytes, (part) => parts.push(part));
    return complete ? Buffer.concat(parts) : null;
  }

  skip(lengthBytes: number): Promise<boolean> {
    return this.#take(lengthBytes, () => {});
  }

  async #take(lengthBytes: number, use: (part: Uint8Array) => void): Promise<boolean> {
    let missingBytes = lengthBytes;
    while (missingBytes > 0) {
      if (this.#chunk.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) return false;
        this.#chunk = new Uint8Array(next.value);
        continue;
      }
      const part = this.#chunk.subarray(0, missingBytes);
      use(part);
      this.#chunk = this.#chunk.subarray(part.length);
      missingBytes -= part.length;
    }
    return true;
  }
}
