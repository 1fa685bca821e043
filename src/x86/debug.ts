import { ACCESS, type Access, type Processor } from './processor.ts';
import { CR4, RFLAGS, SHADOW, STATE, VECTOR } from './state.ts';

/** Debug registers and debug exceptions (SDM Vol. 3B ch. 18 "Debug, Branch Profile, TSC"). */

export const DR6 = { B0: 1 << 0, BD: 1 << 13, BS: 1 << 14, BT: 1 << 15 } as const;
/** [15:14] 0  [13] GD  [12] 0  [11] 0 (no RTM)  [10] 1  [9:0] LE GE and enables; above, 4 bits for each breakpoint. */
const DR7_WRITABLE = 0xffff_23ff | 0;
const DR7_FIXED = 1 << 10;
const DR7_GD = 1 << 13;
const DR6_WRITABLE = 0x0000_e00f;
const DR6_FIXED = 0xffff_0ff0 | 0;

const DR6_WORD = (STATE.dr + 6 * 8) >> 2;
const DR7_WORD = (STATE.dr + 7 * 8) >> 2;

/** Values of the registers at reset. */
export const DR6_RESET = DR6_FIXED;
export const DR7_RESET = DR7_FIXED;

/** The register that MOV DR names: 4 and 5 are 6 and 7 unless CR4.DE makes them #UD. Raises #DB if DR7.GD guards it. */
export function debugRegister(cpu: Processor, index: number): number {
  const words = cpu.words;
  const alias = index === 4 || index === 5;
  if (alias && ((words[STATE.cr4 >> 2] as number) & CR4.DE) !== 0) cpu.raise(VECTOR.UD);
  if (((words[DR7_WORD] as number) & DR7_GD) !== 0) {
    words[DR6_WORD] = (words[DR6_WORD] as number) | DR6.BD;
    cpu.raise(VECTOR.DB);
  }
  return alias ? index + 2 : index;
}

export function writeDebugRegister(cpu: Processor, index: number, value: bigint): void {
  const low = Number(value & 0xffff_ffffn) | 0;
  if (index >= 6 && value >> 32n !== 0n) cpu.raise(VECTOR.GP, 0);
  if (index === 6) cpu.setU64(STATE.dr + 48, BigInt(((low & DR6_WRITABLE) | DR6_FIXED) >>> 0));
  else if (index === 7) {
    const next = (low & DR7_WRITABLE) | DR7_FIXED;
    cpu.setU64(STATE.dr + 56, BigInt(next >>> 0));
    const armed = (next & 0xff) !== 0;
    // No access may be answered by the TLB alone.
    if (armed && cpu.words[STATE.debugArmed >> 2] === 0) cpu.flushTlb('all');
    cpu.words[STATE.debugArmed >> 2] = armed ? 1 : 0;
  } else cpu.setU64(STATE.dr + index * 8, value);
}

/** What the handler of #DB finds: GD clear (SDM Vol. 3B §18.2.4), to be called when a #DB is delivered. */
export function enterDebugHandler(words: Int32Array): void {
  words[DR7_WORD] = (words[DR7_WORD] as number) & ~DR7_GD;
}

/** R/W fields of DR7. */
const BREAK_ON = { EXECUTE: 0, WRITE: 1, IO: 2, READ_WRITE: 3 } as const;
/** LEN fields: 1, 2, 8 and 4 bytes. */
const LENGTHS: readonly number[] = [1, 2, 8, 4];

/** B0-B3 of the enabled breakpoints that an access matches. */
function matches(cpu: Processor, linear: bigint, bytes: number, kinds: readonly number[]): number {
  const dr7 = cpu.words[DR7_WORD] as number;
  let hits = 0;
  for (let n = 0; n < 4; n++) {
    if (((dr7 >>> (n * 2)) & 3) === 0) continue;
    const control = (dr7 >>> (16 + n * 4)) & 15;
    if (!kinds.includes(control & 3)) continue;
    const length = BigInt(LENGTHS[control >> 2] as number);
    const start = cpu.u64(STATE.dr + n * 8) & ~(length - 1n);
    if (linear < start + length && start < linear + BigInt(bytes)) hits |= 1 << n;
  }
  return hits;
}

/**
 * DR6 bits of the instruction breakpoints at `linear`: a fault before the instruction. 0 where RF suppresses them, or a
 * load of SS just before.
 */
export function checkInstructionBreakpoint(cpu: Processor, linear: bigint): number {
  const words = cpu.words;
  if (((words[STATE.rflagsSystem >> 2] as number) & RFLAGS.RF) !== 0) return 0;
  return words[STATE.interruptShadow >> 2] === SHADOW.SS ? 0 : matches(cpu, linear, 1, [BREAK_ON.EXECUTE]);
}

/** An access of the current instruction, which a trap follows if a breakpoint is there. Only to be asked if STATE.debugArmed. */
export function noteDataAccess(
  cpu: Processor,
  linearLow: number,
  linearHigh: number,
  { bytes, access }: { readonly bytes: number; readonly access: Access },
): void {
  if (access === ACCESS.EXECUTE) return;
  const linear = (BigInt(linearHigh >>> 0) << 32n) | BigInt(linearLow >>> 0);
  const kinds = access === ACCESS.WRITE ? [BREAK_ON.WRITE, BREAK_ON.READ_WRITE] : [BREAK_ON.READ_WRITE];
  cpu.breakpointHits |= matches(cpu, linear, bytes, kinds);
}

/** A port access of the current instruction. I/O breakpoints exist with CR4.DE. */
export function notePortAccess(cpu: Processor, port: number, bytes: number): void {
  const words = cpu.words;
  if (words[STATE.debugArmed >> 2] === 0 || ((words[STATE.cr4 >> 2] as number) & CR4.DE) === 0) return;
  cpu.breakpointHits |= matches(cpu, BigInt(port), bytes, [BREAK_ON.IO]);
}

/** Records the causes in DR6, before the engine delivers #DB. B0-B3 of earlier exceptions are not kept. */
export function recordDebugException(words: Int32Array, causes: number): void {
  words[DR6_WORD] = ((words[DR6_WORD] as number) & ~0xf) | causes;
}

/**
 * To be called by a single-stepping engine after each instruction that completed: true if #DB must be delivered now
 * (DR6 is set). An instruction that loaded SS keeps its breakpoints until after the next one (SDM Vol. 3A §7.8.3).
 */
export function afterInstruction(cpu: Processor, singleStep: boolean): boolean {
  if (cpu.words[STATE.interruptShadow >> 2] === SHADOW.SS) return false;
  const causes = cpu.breakpointHits | (singleStep ? DR6.BS : 0);
  cpu.breakpointHits = 0;
  if (causes !== 0) recordDebugException(cpu.words, causes);
  return causes !== 0;
}

/** INT1 reports what a load of SS before it has kept, with its own #DB. */
export function reportKeptBreakpoints(cpu: Processor): void {
  recordDebugException(cpu.words, cpu.breakpointHits);
  cpu.breakpointHits = 0;
}
