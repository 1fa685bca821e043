import { gzipSync } from 'node:zlib';
import { GuestMemory } from '../memory/guest-memory.ts';
import type { MemoryRange } from './boot-layout.ts';
import type { LoadRequest } from './load-request.ts';

export const MIB = 0x10_0000;

export interface TestSegment {
  readonly gpa: number;
  readonly data: Uint8Array;
  readonly memoryBytes?: number;
  /** Defaults to `gpa`. */
  readonly virtualAddress?: bigint;
}

export interface TestElf {
  readonly is64Bit: boolean;
  readonly entry: bigint;
  readonly segments: readonly TestSegment[];
  /** Contents of a PT_NOTE segment. */
  readonly notes?: Uint8Array;
  /** Where the first segment's data starts in the file; 0x1000 if not said. */
  readonly dataOffset?: number;
}

/** A little-endian ELF executable for x86. */
export function makeElf({ is64Bit, entry, segments, notes, dataOffset = 0x1000 }: TestElf): Uint8Array {
  const parts = [
    ...segments.map((segment) => ({ type: 1, virtualAddress: BigInt(segment.gpa), memoryBytes: 0, ...segment })),
    ...(notes === undefined ? [] : [{ type: 4, gpa: 0, data: notes, virtualAddress: 0n, memoryBytes: 0 }]),
  ];
  const bytes = new Uint8Array(dataOffset + parts.reduce((sum, { data }) => sum + data.length, 0));
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, is64Bit ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, is64Bit ? 62 : 3, true);
  const headerBytes = is64Bit ? 64 : 52;
  const entryBytes = is64Bit ? 56 : 32;
  if (is64Bit) view.setBigUint64(24, entry, true);
  else view.setUint32(24, Number(entry), true);
  view.setUint32(is64Bit ? 32 : 28, headerBytes, true);
  view.setUint16(is64Bit ? 54 : 42, entryBytes, true);
  view.setUint16(is64Bit ? 56 : 44, parts.length, true);
  let offset = dataOffset;
  parts.forEach(({ type, gpa, data, virtualAddress, memoryBytes }, i) => {
    const header = headerBytes + i * entryBytes;
    const size = Math.max(data.length, memoryBytes);
    view.setUint32(header, type, true);
    if (is64Bit) {
      [offset, virtualAddress, gpa, data.length, size].forEach((value, field) => {
        view.setBigUint64(header + 8 + field * 8, BigInt(value), true);
      });
    } else {
      [offset, Number(virtualAddress), gpa, data.length, size].forEach((value, field) => {
        view.setUint32(header + 4 + field * 4, value, true);
      });
    }
    bytes.set(data, offset);
    offset += data.length;
  });
  return bytes;
}

/** One ELF note with a descriptor of 32-bit words. */
export function makeNote(owner: string, type: number, words: readonly number[]): Uint8Array {
  const ownerBytes = owner.length + 1;
  const paddedBytes = (ownerBytes + 3) & ~3;
  const note = new Uint8Array(12 + paddedBytes + words.length * 4);
  const view = new DataView(note.buffer);
  [ownerBytes, words.length * 4, type].forEach((value, i) => {
    view.setUint32(i * 4, value, true);
  });
  note.set(Buffer.from(owner), 12);
  words.forEach((word, i) => {
    view.setUint32(12 + paddedBytes + i * 4, word, true);
  });
  return note;
}

export interface TestBzImage {
  /** What the payload unpacks to. */
  readonly vmlinux: Uint8Array;
  /** The packed payload; gzip of `vmlinux` if not said. */
  readonly payload?: Uint8Array;
  readonly is64Bit?: boolean;
  readonly version?: number;
  readonly loadFlags?: number;
  readonly preferredGpa?: number;
}

export const SETUP_BYTES = 2 * 512;
export const PAYLOAD_OFFSET = 0x300;

/** A bzImage of boot protocol 2.15 with one setup sector. */
export function makeBzImage(options: TestBzImage): Uint8Array {
  const { vmlinux, is64Bit = true, version = 0x20f, loadFlags = 0x03, preferredGpa = 16 * MIB } = options;
  const payload = options.payload ?? new Uint8Array(gzipSync(vmlinux));
  const bytes = new Uint8Array(SETUP_BYTES + PAYLOAD_OFFSET + payload.length + 64);
  const view = new DataView(bytes.buffer);
  bytes[0x1f1] = 1;
  view.setUint16(0x1fe, 0xaa55, true);
  bytes.set([0xeb, 0x6a], 0x200); // JMP over the header: it ends at 0x26C
  bytes.set(Buffer.from('HdrS'), 0x202);
  view.setUint16(0x206, version, true);
  bytes[0x211] = loadFlags;
  view.setUint32(0x22c, 0x7fff_ffff, true);
  view.setUint16(0x236, is64Bit ? 0x7f : 0, true);
  view.setUint32(0x238, 2047, true);
  view.setUint32(0x248, PAYLOAD_OFFSET, true);
  view.setUint32(0x24c, payload.length, true);
  view.setBigUint64(0x258, BigInt(preferredGpa), true);
  bytes.fill(0xc0, SETUP_BYTES, SETUP_BYTES + PAYLOAD_OFFSET);
  bytes.set(payload, SETUP_BYTES + PAYLOAD_OFFSET);
  return bytes;
}

export function pattern(lengthBytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, i) => (i * 7 + seed) & 0xff);
}

export const TEST_RSDP_GPA = 0xf_0000;

/** A request for a machine of so many MiB, whose memory is not zero, as after a guest's own reset. */
export function makeRequest(
  kernel: Uint8Array,
  changes: Partial<LoadRequest> & { memoryMib?: number } = {},
): LoadRequest {
  const { memoryMib = 40, ...rest } = changes;
  const sizeBytes = memoryMib * MIB;
  const memory = new GuestMemory(new ArrayBuffer(sizeBytes), 0, sizeBytes);
  memory.bytes.fill(0xdd);
  const memoryMap: MemoryRange[] = [
    { gpa: 0, sizeBytes: 0x9_fc00, type: 1 },
    { gpa: 0xf_0000, sizeBytes: 0x1_0000, type: 2 },
    { gpa: MIB, sizeBytes: sizeBytes - MIB, type: 1 },
  ];
  return {
    memory,
    kernel,
    kernelName: 'vmlinuz',
    modules: [],
    commandLine: 'console=ttyS0',
    memoryMap,
    rsdpGpa: TEST_RSDP_GPA,
    cpuHas64Bit: true,
    ...rest,
  };
}

export function cString(memory: GuestMemory, gpa: number): string {
  const end = memory.bytes.indexOf(0, gpa);
  return Buffer.from(memory.bytes.subarray(gpa, end)).toString('utf8');
}
