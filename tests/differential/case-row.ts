import type { CaseRecord } from './native/case.ts';
import { resetCase } from './native/case.ts';
import { RECORD, WINDOWS } from './native/layout.ts';

/**
 * A case as text: what differs from the state that resetCase leaves. This is what a mismatch prints, and what
 * regressions.ts lists.
 */
export interface CaseRow {
  /** Hex bytes of the instruction. */
  readonly code: string;
  readonly mode?: 32;
  /** Hex by field name: a register, or `memory+offset` for eight bytes at an offset of the record. */
  readonly state: Readonly<Record<string, string>>;
}

interface Slot {
  readonly name: string;
  readonly at: number;
  readonly bytes: number;
}

const GPR_NAMES = 'RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15'.split(' ');
const FX = RECORD.fxsave;

/** The parts of a case that can be set, and so reset by a shrinker, one by one. */
export const SLOTS: readonly Slot[] = [
  ...GPR_NAMES.map((name, i) => ({ name, at: RECORD.gpr + 8 * i, bytes: 8 })),
  { name: 'RIP', at: RECORD.rip, bytes: 8 },
  { name: 'RFLAGS', at: RECORD.rflags, bytes: 4 },
  { name: 'FS.base', at: RECORD.fsBase, bytes: 8 },
  { name: 'GS.base', at: RECORD.gsBase, bytes: 8 },
  { name: 'FCW', at: FX, bytes: 2 },
  { name: 'FSW', at: FX + 2, bytes: 2 },
  { name: 'FTW', at: FX + 4, bytes: 1 },
  { name: 'MXCSR', at: FX + 24, bytes: 4 },
  ...Array.from({ length: 8 }, (_, i) => ({ name: `ST${i}`, at: FX + 32 + 16 * i, bytes: 10 })),
  ...Array.from({ length: 16 }, (_, i) => ({ name: `XMM${i}`, at: FX + 160 + 16 * i, bytes: 16 })),
  ...Array.from({ length: 16 }, (_, i) => ({ name: `YMM${i}H`, at: RECORD.ymmHigh + 16 * i, bytes: 16 })),
  ...Object.entries(WINDOWS).flatMap(([name, window]) =>
    Array.from({ length: window.sizeBytes / 8 }, (_, i) => ({
      name: `${name}+${i * 8}`,
      at: window.offset + i * 8,
      bytes: 8,
    })),
  ),
];

export function rowOf(record: CaseRecord, reset: CaseRecord): CaseRow {
  resetCase(reset);
  const state: Record<string, string> = {};
  for (const { name, at, bytes } of SLOTS) {
    const value = hexAt(record, at, bytes);
    if (value !== hexAt(reset, at, bytes)) state[name] = value;
  }
  const code = Buffer.from(record.code).toString('hex');
  return record.cs === reset.cs ? { code, state } : { code, mode: 32, state };
}

/** Little-endian bytes as one hex number. */
function hexAt(record: CaseRecord, at: number, bytes: number): string {
  const digits = Buffer.from(record.bytes.subarray(at, at + bytes))
    .reverse()
    .toString('hex');
  return digits.replace(/^0+(?=.)/, '');
}

export function applyRow(row: CaseRow, record: CaseRecord): void {
  resetCase(record);
  record.code = Buffer.from(row.code, 'hex');
  if (row.mode === 32) record.cs = 0x23;
  for (const [name, digits] of Object.entries(row.state)) {
    const slot = SLOTS.find((candidate) => candidate.name === name);
    if (slot === undefined) throw new Error(`No state named ${name}`);
    record.bytes.set(Buffer.from(digits.padStart(slot.bytes * 2, '0'), 'hex').reverse(), slot.at);
  }
}

export function printRow(row: CaseRow): string {
  const state = Object.entries(row.state).map(
    ([name, digits]) => `${/^\w+$/.test(name) ? name : `'${name}'`}: '${digits}'`,
  );
  const mode = row.mode === undefined ? '' : ' mode: 32,';
  return `{ code: '${row.code}',${mode} state: { ${state.join(', ')} } },`;
}
