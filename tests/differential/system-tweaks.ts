import { type Encoded, pickTarget } from './encode.ts';
import type { CaseRecord } from './native/case.ts';
import { RECORD } from './native/layout.ts';
import { offsetOf } from './native/offset-of.ts';
import type { Prng } from './prng.ts';

export interface Tweak {
  readonly prng: Prng;
  readonly record: CaseRecord;
  readonly encoded: Encoded;
}

const RAX = 0;
const RDX = 2;
const RSP = 4;

/**
 * Selectors of Linux' GDT: null, user code and data with all RPLs, the kernel's, the TSS, empty slots, beyond the limit,
 * the LDT's. Not 78h: its limit is the number of the processor.
 */
const SELECTORS = [
  0, 1, 3, 0x2b, 0x2a, 0x28, 0x2b, 0x2b, 0x33, 0x33, 0x23, 0x23, 0x20, 0x10, 0x13, 0x18, 0x40, 0x43, 0x50, 0x63, 0x83,
  0xffff, 0x07, 0x2f,
];

const selector = (prng: Prng): number => prng.pick(SELECTORS);

/** The source operand is a selector. */
function sourceSelector({ prng, record, encoded }: Tweak): void {
  if (!encoded.encoding.row.operands.some((code) => code === 'Ew')) return;
  if (encoded.memory === undefined) {
    if (encoded.rm >= 0) record.gpr[encoded.rm] = ((record.gpr[encoded.rm] ?? 0n) & ~0xffffn) | BigInt(selector(prng));
    return;
  }
  const at = offsetOf(encoded.memory.linear, 2);
  if (at !== undefined) record.view.setUint16(at, selector(prng), true);
}

function stackedSelector({ prng, record }: Tweak): void {
  const at = offsetOf(Number(record.gpr[RSP]), 2);
  if (at !== undefined) record.view.setUint16(at, selector(prng), true);
}

/** Where a far transfer may go: selectors of user code mostly, a place in the code page. */
function farTarget(prng: Prng, record: CaseRecord): { offset: number; codeSelector: number } {
  const offset = pickTarget(prng, Number(record.rip), { near: false, length: 0 });
  return { offset, codeSelector: prng.chance(0.6) ? prng.pick([0x23, 0x33]) : selector(prng) };
}

/** ptr16:16/32/64 in memory or at the end of the instruction. */
function farPointer({ prng, record, encoded }: Tweak): void {
  const { row } = encoded.encoding;
  const offsetBytes = encoded.operandSize / 8;
  const isBranch = /^(CALL|JMP)$/.test(encoded.encoding.mnemonic);
  const { offset, codeSelector } = farTarget(prng, record);
  const target = isBranch ? codeSelector : selector(prng);
  if (row.operands.includes('Ap')) {
    const code = [...record.code];
    const tail = [...bytesOf(offset, offsetBytes), ...bytesOf(target, 2)];
    record.code = [...code.slice(0, code.length - tail.length), ...tail];
    return;
  }
  if (encoded.memory === undefined) return;
  const at = offsetOf(encoded.memory.linear, offsetBytes + 2);
  if (at === undefined) return;
  record.bytes.set([...bytesOf(offset, offsetBytes), ...bytesOf(target, 2)], at);
}

const bytesOf = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (i < 4 ? (value >>> (8 * i)) & 255 : 0));

/** Words of the operand size from the top of the stack up. */
function stackFrame({ record, encoded }: Tweak, words: readonly bigint[]): void {
  const bytes = encoded.operandSize / 8;
  for (const [i, word] of words.entries()) {
    const at = offsetOf(Number(record.gpr[RSP]) + i * bytes, bytes);
    if (at === undefined) return;
    for (let byte = 0; byte < bytes; byte++) record.bytes[at + byte] = Number((word >> BigInt(8 * byte)) & 255n);
  }
}

function farReturn(tweak: Tweak): void {
  const { offset, codeSelector } = farTarget(tweak.prng, tweak.record);
  stackFrame(tweak, [BigInt(offset), BigInt(codeSelector)]);
}

/** TF stays off: its trap would come one instruction later. */
function interruptReturn(tweak: Tweak): void {
  const { prng, record } = tweak;
  const { offset, codeSelector } = farTarget(prng, record);
  const flags = BigInt(prng.u32() & ~0x100);
  const stack = prng.chance(0.8) ? (record.gpr[RSP] ?? 0n) : BigInt(prng.u32());
  const stackSelector = prng.chance(0.7) ? 0x2b : selector(prng);
  stackFrame(tweak, [BigInt(offset), BigInt(codeSelector), flags, stack, BigInt(stackSelector)]);
}

function stackedFlags({ record }: Tweak): void {
  const at = offsetOf(Number(record.gpr[RSP]), 2);
  if (at !== undefined) record.view.setUint8(at + 1, record.view.getUint8(at + 1) & ~1);
}

function canonicalSource({ prng, record, encoded }: Tweak): void {
  if (encoded.rm >= 0 && prng.chance(0.6)) record.gpr[encoded.rm] = (record.gpr[encoded.rm] ?? 0n) & 0x7fff_ffff_ffffn;
}

/** EDX:EAX asks for components that our CPU has, too. */
function requestedComponents({ prng, record }: Tweak): void {
  record.gpr[RAX] = ((record.gpr[RAX] ?? 0n) & ~0xffff_ffffn) | BigInt(prng.below(8));
  record.gpr[RDX] = (record.gpr[RDX] ?? 0n) & ~0xffff_ffffn;
}

/** An image in standard form (SDM Vol. 1 §13.4), with a bad header now and then. */
function restoredImage(tweak: Tweak): void {
  requestedComponents(tweak);
  const { prng, record, encoded } = tweak;
  if (encoded.memory === undefined) return;
  const at = offsetOf(encoded.memory.linear, 832);
  if (at === undefined) return;
  record.bytes.copyWithin(at, RECORD.fxsave, RECORD.fxsave + 416);
  record.bytes.copyWithin(at + 160, RECORD.fxsave + 176, RECORD.fxsave + 416);
  record.view.setUint32(at + 24, prng.u32() & (prng.chance(0.95) ? 0xffff : 0xd_ffff), true);
  record.bytes.fill(0, at + 512, at + 576);
  record.bytes[at + 512] = prng.below(8);
  if (prng.chance(0.06)) record.bytes[at + 512 + prng.below(64)] = prng.below(256);
}

const names = (list: string, tweak: (tweak: Tweak) => void): Record<string, (tweak: Tweak) => void> =>
  Object.fromEntries(list.split(' ').map((name) => [name, tweak]));

/** As TWEAKS, of the system instructions. */
export const SYSTEM_TWEAKS: Readonly<Record<string, (tweak: Tweak) => void>> = {
  ...names('MOV LAR LSL VERR VERW ARPL LLDT LTR', sourceSelector),
  ...names('CALL JMP LES LDS LSS LFS LGS', farPointer),
  ...names('WRFSBASE WRGSBASE', canonicalSource),
  ...names('XSAVE XSAVEC XSAVEOPT', requestedComponents),
  POP: stackedSelector,
  RET: farReturn,
  RETF: farReturn,
  IRET: interruptReturn,
  POPF: stackedFlags,
  XRSTOR: restoredImage,
};
