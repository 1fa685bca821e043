import { readRflags } from '../../src/x86/rflags.ts';
import { STATE } from '../../src/x86/state.ts';
import type { TestCpu } from './test-cpu.cases.ts';

/** Fields that are no architectural state: caches, scratch, and the lazy form of the flags. [from, to) in bytes. */
const PRIVATE: readonly (readonly [number, number])[] = [
  [STATE.ripBase, STATE.ripBase + 8],
  [STATE.flagResult, STATE.flagAux + 4],
  [STATE.instructionCount, STATE.instructionCount + 8],
  [STATE.faultVector, STATE.faultHasError + 4],
  [STATE.scratch, STATE.x87],
  [STATE.budget, STATE.storedMsrs],
];

const COMPARED_WORDS: readonly number[] = Array.from({ length: STATE.SIZE_BYTES / 4 }, (_, word) => word).filter(
  (word) => !PRIVATE.some(([from, to]) => word * 4 >= from && word * 4 < to),
);

const NAMES = Object.entries(STATE)
  .filter(([name]) => name !== 'SIZE_BYTES')
  .sort(([, a], [, b]) => a - b);

function fieldName(offset: number): string {
  const [name, start] = NAMES.findLast(([, at]) => at <= offset) ?? ['?', 0];
  return `${name}+${offset - start}`;
}

const hex = (value: number): string => (value >>> 0).toString(16);

/** What differs between a state and the words of another; `cr2` too unless told not to. */
export function stateDifferences(
  expected: Int32Array,
  actual: Int32Array,
  options: { ignoreCr2?: boolean; ignoreFlags?: number } = {},
): string[] {
  const found: string[] = [];
  for (const word of COMPARED_WORDS) {
    if (expected[word] === actual[word]) continue;
    if (options.ignoreCr2 === true && word >> 1 === STATE.cr2 >> 3) continue;
    found.push(`${fieldName(word * 4)}: ${hex(expected[word] as number)}, not ${hex(actual[word] as number)}`);
  }
  const flags = (readRflags(expected) ^ readRflags(actual)) & ~(options.ignoreFlags ?? 0);
  if (flags !== 0) found.push(`RFLAGS: ${hex(readRflags(expected))}, not ${hex(readRflags(actual))}`);
  return found;
}

/** The fault in the state. */
export function faultOf(cpu: TestCpu): string {
  const { processor } = cpu;
  const error = processor.u32(STATE.faultHasError) === 0 ? '' : ` (${hex(processor.u32(STATE.faultError))})`;
  const cr2 = processor.u32(STATE.faultVector) === 14 ? ` CR2 ${processor.u64(STATE.cr2).toString(16)}` : '';
  return `#${processor.u32(STATE.faultVector)}${error}${cr2}`;
}

/** Bytes that differ in some pages of two memories. */
export function memoryDifferences(
  expected: Uint8Array,
  actual: Uint8Array,
  pages: Iterable<number>,
  pageBytes = 4096,
): string[] {
  const found: string[] = [];
  for (const gpa of pages) {
    const a = Buffer.from(expected.buffer, expected.byteOffset + gpa, pageBytes);
    const b = Buffer.from(actual.buffer, actual.byteOffset + gpa, pageBytes);
    if (a.equals(b)) continue;
    const at = a.findIndex((byte, i) => byte !== b[i]);
    const show = (bytes: Buffer): string => bytes.subarray(at, at + 8).toString('hex');
    found.push(`memory ${hex(gpa + at)}: ${show(a)}, not ${show(b)}`);
  }
  return found;
}
