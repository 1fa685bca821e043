import type { CaseRecord } from './native/case.ts';
import { CODE_LINEAR, CS_64, PAGE_BYTES, RECORD, WINDOWS } from './native/layout.ts';

/** In `vector` of a normalised result: the instruction completed. */
export const COMPLETED = 0xffff;

/** RFLAGS that a case can see: all but RF, which an exception sets in the saved image, and the reserved ones. */
const VISIBLE_RFLAGS = 0x24_4fd7; // ID AC NT OF DF IF TF SF ZF AF PF CF, bit 1

/** arch/x86/include/asm/page_64.h: the last page of the lower half is not the user's. */
const TASK_SIZE_MAX = 0x7fff_ffff_f000n;

/** What is left out of a comparison. */
export interface Masks {
  /** RFLAGS bits that the manual leaves undefined. */
  readonly undefinedFlags?: number;
  /** FSW bits that differ between implementations. */
  readonly ignoredFsw?: number;
  /** MXCSR bits, likewise. */
  readonly ignoredMxcsr?: number;
  /** Bytes of the record that may differ. */
  readonly ignore?: readonly { readonly at: number; readonly bytes: number }[];
  /** ST0 and ST1, or lanes of a vector register, may differ by this many units in the last place. */
  readonly tolerance?: Tolerance;
}

export interface Tolerance {
  readonly format: 'f80' | 'f32';
  /** Byte offsets in the record. */
  readonly at: readonly number[];
  readonly ulps: number;
}

export interface Difference {
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
}

/**
 * Brings a native result to the form that stepping gives: INT3 after the instruction is no part of it, fields that
 * mean nothing are zero. In place.
 */
export function normaliseNative(result: CaseRecord): void {
  const { view } = result;
  const rip = Number(result.rip);
  if (result.vector === 3 && rip > CODE_LINEAR && rip <= CODE_LINEAR + PAGE_BYTES) {
    view.setUint32(RECORD.vector, COMPLETED, true);
    view.setUint32(RECORD.errorCode, 0, true);
    result.rip = BigInt(rip - 1);
  }
  if (result.vector !== 14) view.setBigUint64(RECORD.cr2, 0n, true);
  else if (result.cr2 >= TASK_SIZE_MAX) {
    // Linux reports every fault above the user's address space as a protection violation.
    view.setUint32(RECORD.errorCode, result.errorCode & ~1, true);
  }
  view.setUint16(RECORD.stray, result.stray ? 1 : 0, true);
  result.rflags = result.rflags & VISIBLE_RFLAGS;
  view.setUint32(RECORD.rflags + 4, 0, true);
  view.setUint16(RECORD.signal, 0, true);
  view.setUint32(RECORD.fxsave + 28, 0, true); // MXCSR_MASK
  // The processor keeps last-instruction and operand pointers over the kernel's save and restore only at its leisure.
  result.bytes.fill(0, RECORD.fxsave + 6, RECORD.fxsave + 24);
  normaliseMode(result);
}

/**
 * Outside 64-bit mode the upper halves of registers are nobody's business (SDM Vol. 1 §3.4.1.1). Null selectors lose
 * their RPL when the host's kernel returns to user mode.
 */
export function normaliseMode(result: CaseRecord): void {
  for (const name of ['ds', 'es', 'fs', 'gs'] as const) {
    if (result.view.getUint16(RECORD[name], true) < 4) result.view.setUint16(RECORD[name], 0, true);
  }
  if (result.cs !== CS_64) for (let i = 0; i < 8; i++) result.gpr[i] = BigInt.asUintN(32, result.gpr[i] ?? 0n);
}

const words = new WeakMap<CaseRecord, Uint32Array>();
function wordsOf(record: CaseRecord): Uint32Array {
  let view = words.get(record);
  if (view === undefined) {
    view = new Uint32Array(record.bytes.buffer, record.bytes.byteOffset, RECORD.code / 4);
    words.set(record, view);
  }
  return view;
}

/** What differs between two normalised results; nothing if they agree up to the masks. */
export function compareResults(expected: CaseRecord, actual: CaseRecord, masks: Masks = {}): readonly Difference[] {
  const a = wordsOf(expected);
  const b = wordsOf(actual);
  const different: number[] = [];
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) different.push(i);
  if (different.length === 0) return [];
  const ignored = ignoredBytes(expected, actual, masks);
  const fields = new Set<Field>();
  for (const word of different) {
    for (let at = word * 4; at < word * 4 + 4; at++) {
      if (expected.bytes[at] !== actual.bytes[at] && !ignored(at)) fields.add(fieldAt(at));
    }
  }
  return [...fields].flatMap((field) => differenceOf(field, expected, actual, masks) ?? []);
}

function ignoredBytes(expected: CaseRecord, actual: CaseRecord, masks: Masks): (at: number) => boolean {
  const areas = [...(masks.ignore ?? [])];
  const { tolerance } = masks;
  for (const at of tolerance?.at ?? []) {
    if (tolerance !== undefined && within(expected, actual, { ...tolerance, at })) {
      areas.push({ at, bytes: tolerance.format === 'f80' ? 10 : 4 });
    }
  }
  return (at) => areas.some((area) => at >= area.at && at < area.at + area.bytes);
}

/** Significand and exponent as one integer: neighbours differ by 1, over the borders of binades too. */
function ordinal(record: CaseRecord, at: number, format: Tolerance['format']): bigint {
  const { view } = record;
  if (format === 'f32') {
    const bits = view.getUint32(at, true);
    return BigInt(bits >> 31 ? -(bits & 0x7fff_ffff) : bits);
  }
  const head = view.getUint16(at + 8, true);
  const magnitude = (BigInt(head & 0x7fff) << 63n) | (view.getBigUint64(at, true) & 0x7fff_ffff_ffff_ffffn);
  return head & 0x8000 ? -magnitude : magnitude;
}

/** Twice the least normal f32: approximations may flush what is about that small. */
const TINY_F32 = 0x0100_0000n;

function within(
  a: CaseRecord,
  b: CaseRecord,
  options: { at: number; format: Tolerance['format']; ulps: number },
): boolean {
  const [x, y] = [ordinal(a, options.at, options.format), ordinal(b, options.at, options.format)];
  const tiny = (value: bigint): boolean => value < TINY_F32 && value > -TINY_F32;
  if (options.format === 'f32' && tiny(x) && tiny(y)) return true;
  const distance = x - y;
  return distance <= options.ulps && distance >= -options.ulps;
}

interface Field {
  readonly name: string;
  readonly at: number;
  readonly bytes: number;
  /** Bits that count. */
  readonly mask?: (masks: Masks) => number;
}

const GPR_NAMES = [
  'RAX',
  'RCX',
  'RDX',
  'RBX',
  'RSP',
  'RBP',
  'RSI',
  'RDI',
  'R8',
  'R9',
  'R10',
  'R11',
  'R12',
  'R13',
  'R14',
  'R15',
];
const FX = RECORD.fxsave;

const FIELDS: readonly Field[] = [
  ...GPR_NAMES.map((name, i) => ({ name, at: RECORD.gpr + 8 * i, bytes: 8 })),
  { name: 'RIP', at: RECORD.rip, bytes: 8 },
  { name: 'RFLAGS', at: RECORD.rflags, bytes: 4, mask: (masks) => ~(masks.undefinedFlags ?? 0) & VISIBLE_RFLAGS },
  { name: 'FS.base', at: RECORD.fsBase, bytes: 8 },
  { name: 'GS.base', at: RECORD.gsBase, bytes: 8 },
  ...(['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const).map((name) => ({
    name: name.toUpperCase(),
    at: RECORD[name],
    bytes: 2,
  })),
  { name: 'stray', at: RECORD.stray, bytes: 2 },
  { name: 'vector', at: RECORD.vector, bytes: 4 },
  { name: 'error code', at: RECORD.errorCode, bytes: 4 },
  { name: 'CR2', at: RECORD.cr2, bytes: 8 },
  { name: 'FCW', at: FX, bytes: 2 },
  { name: 'FSW', at: FX + 2, bytes: 2, mask: (masks) => ~(masks.ignoredFsw ?? 0) & 0xffff },
  { name: 'FTW', at: FX + 4, bytes: 1 },
  { name: 'MXCSR', at: FX + 24, bytes: 4, mask: (masks) => ~(masks.ignoredMxcsr ?? 0) },
  ...Array.from({ length: 8 }, (_, i) => ({ name: `ST${i}`, at: FX + 32 + 16 * i, bytes: 10 })),
  ...Array.from({ length: 16 }, (_, i) => ({ name: `XMM${i}`, at: FX + 160 + 16 * i, bytes: 16 })),
  ...Array.from({ length: 16 }, (_, i) => ({ name: `YMM${i} high`, at: RECORD.ymmHigh + 16 * i, bytes: 16 })),
];

function fieldAt(at: number): Field {
  const fixed = FIELDS.find((field) => at >= field.at && at < field.at + field.bytes);
  if (fixed !== undefined) return fixed;
  for (const window of Object.values(WINDOWS)) {
    if (at < window.offset || at >= window.offset + window.sizeBytes) continue;
    const start = at & ~7;
    return memoryField(window.linear + start - window.offset, start);
  }
  return { name: `record+${at}`, at, bytes: 1 };
}

const memoryFields = new Map<number, Field>();
function memoryField(linear: number, at: number): Field {
  let field = memoryFields.get(at);
  if (field === undefined) {
    field = { name: `[${linear.toString(16)}]`, at, bytes: 8 };
    memoryFields.set(at, field);
  }
  return field;
}

function differenceOf(field: Field, expected: CaseRecord, actual: CaseRecord, masks: Masks): Difference | undefined {
  const mask = field.mask?.(masks);
  const text = (record: CaseRecord): string => {
    const bytes = record.bytes.subarray(field.at, field.at + field.bytes);
    if (mask === undefined) return `0x${hexOf(bytes)}`;
    const value = field.bytes === 2 ? record.view.getUint16(field.at, true) : record.view.getUint32(field.at, true);
    return `0x${((value & mask) >>> 0).toString(16)}`;
  };
  const [wanted, got] = [text(expected), text(actual)];
  return wanted === got ? undefined : { field: field.name, expected: wanted, actual: got };
}

/** Little-endian bytes as one number. */
function hexOf(bytes: Uint8Array): string {
  return [...bytes].reverse().reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), '');
}
