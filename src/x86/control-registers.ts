import { PHYSICAL_ADDRESS_BITS } from './cpuid/traits.ts';
import { attributesOf, SYSTEM_TYPE, typeOf } from './descriptors.ts';
import { in64BitMode } from './mode.ts';
import type { Processor } from './processor.ts';
import { ATTR, CR0, CR4, EFER, SEG, STATE, VECTOR } from './state.ts';

/** Writes of CR0, CR3, CR4, EFER and XCR0 with their checks (SDM Vol. 3A §2.5 "Control Registers", §5.1). */

const CR0_MASK = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG;
/** Changes of these make cached translations wrong. */
const CR0_PAGING = CR0.PE | CR0.WP | CR0.PG;
const CR4_PAGING = CR4.PSE | CR4.PAE | CR4.PGE | CR4.PCIDE | CR4.SMEP | CR4.SMAP | CR4.PKE;
const CR4_PDPTE = CR4.PSE | CR4.PAE | CR4.PGE | CR4.SMEP;
/** CR3 bit 63 with CR4.PCIDE: keep the translations of the PCID. In the upper half. */
const NO_FLUSH = 0x8000_0000 | 0;
/** Bits above MAXPHYADDR, in the upper half. */
const ABOVE_PHYSICAL = -1 << (PHYSICAL_ADDRESS_BITS - 32);

export function writeCr0(cpu: Processor, requested: number, high: number): void {
  const words = cpu.words;
  const old = words[STATE.cr0 >> 2] as number;
  if (high !== 0) cpu.raise(VECTOR.GP, 0);
  const paging = requested < 0;
  if (paging && (requested & CR0.PE) === 0) cpu.raise(VECTOR.GP, 0);
  if ((requested & (CR0.NW | CR0.CD)) === CR0.NW) cpu.raise(VECTOR.GP, 0);
  const next = (requested & CR0_MASK) | CR0.ET;
  const wasPaging = old < 0;
  const cr4 = words[STATE.cr4 >> 2] as number;
  let efer = words[STATE.efer >> 2] as number;
  if (paging && !wasPaging) {
    if ((efer & EFER.LME) !== 0) {
      checkLongModeActivation(cpu, cr4);
      efer |= EFER.LMA;
    } else if ((cr4 & CR4.PAE) !== 0) loadPdptes(cpu, words[STATE.cr3 >> 2] as number);
  } else if (wasPaging && !paging) {
    if (in64BitMode(words) || (cr4 & CR4.PCIDE) !== 0) cpu.raise(VECTOR.GP, 0);
    efer &= ~EFER.LMA;
  } else if (paging && (efer & EFER.LMA) === 0 && (cr4 & CR4.PAE) !== 0 && ((old ^ next) & (CR0.CD | CR0.NW)) !== 0) {
    loadPdptes(cpu, words[STATE.cr3 >> 2] as number);
  }
  words[STATE.efer >> 2] = efer;
  words[STATE.cr0 >> 2] = next;
  if (((old ^ next) & CR0_PAGING) !== 0) cpu.flushTlb('all');
  cpu.updateMode();
}

/** SDM Vol. 3A §11.8.5 "Initializing IA-32e Mode", §5.5.. of CR0.PG: PAE on, CS not 64-bit, TR not a 16-bit TSS. */
function checkLongModeActivation(cpu: Processor, cr4: number): void {
  const words = cpu.words;
  const taskType = typeOf(attributesOf(words, SEG.TR));
  if (
    (cr4 & CR4.PAE) === 0 ||
    (attributesOf(words, SEG.CS) & ATTR.L) !== 0 ||
    taskType === SYSTEM_TYPE.TSS16 ||
    taskType === SYSTEM_TYPE.TSS16_BUSY
  ) {
    cpu.raise(VECTOR.GP, 0);
  }
}

/** SDM Vol. 3A §4.4.1 "PDPTE Registers": #GP(0) if a present one has a reserved bit set; nothing changes then. */
export function loadPdptes(cpu: Processor, cr3: number): void {
  const table = (cr3 & ~31) >>> 0;
  const entries = Array.from({ length: 4 }, (_, i) => cpu.readPhysical64(table + i * 8));
  for (const entry of entries) {
    const reserved = (0xffff_ffff_ffff_ffffn << BigInt(PHYSICAL_ADDRESS_BITS)) | 0x1e6n;
    if ((entry & 1n) !== 0n && (entry & reserved & 0xffff_ffff_ffff_ffffn) !== 0n) cpu.raise(VECTOR.GP, 0);
  }
  for (const [i, entry] of entries.entries()) cpu.setU64(STATE.pdpte + i * 8, entry);
}

const isPaePaging = (words: Int32Array): boolean =>
  (words[STATE.cr0 >> 2] as number) < 0 &&
  ((words[STATE.cr4 >> 2] as number) & CR4.PAE) !== 0 &&
  ((words[STATE.efer >> 2] as number) & EFER.LMA) === 0;

export function writeCr3(cpu: Processor, low: number, high: number): void {
  const { words } = cpu;
  let nextHigh = high;
  if (in64BitMode(words)) {
    if (((words[STATE.cr4 >> 2] as number) & CR4.PCIDE) !== 0) nextHigh &= ~NO_FLUSH;
    if ((nextHigh & ABOVE_PHYSICAL) !== 0) cpu.raise(VECTOR.GP, 0);
  }
  if (isPaePaging(words)) loadPdptes(cpu, low);
  words[STATE.cr3 >> 2] = low;
  words[(STATE.cr3 >> 2) + 1] = nextHigh;
  // Translations are not tagged with PCIDs: dropping more than asked for is always allowed (SDM Vol. 3A §4.10.4.1).
  cpu.flushTlb('non-global');
}

export function writeCr4(cpu: Processor, next: number, high: number): void {
  const words = cpu.words;
  const old = words[STATE.cr4 >> 2] as number;
  if (high !== 0 || (next & ~cpu.traits.cr4Mask) !== 0) cpu.raise(VECTOR.GP, 0);
  const longMode = ((words[STATE.efer >> 2] as number) & EFER.LMA) !== 0;
  if (longMode && (next & CR4.PAE) === 0) cpu.raise(VECTOR.GP, 0);
  const cr3 = words[STATE.cr3 >> 2] as number;
  if ((next & ~old & CR4.PCIDE) !== 0 && (!longMode || (cr3 & 0xfff) !== 0)) cpu.raise(VECTOR.GP, 0);
  const paging = (words[STATE.cr0 >> 2] as number) < 0;
  if (paging && !longMode && (next & CR4.PAE) !== 0 && ((old ^ next) & CR4_PDPTE) !== 0) loadPdptes(cpu, cr3);
  words[STATE.cr4 >> 2] = next;
  if (((old ^ next) & CR4_PAGING) !== 0) cpu.flushTlb('all');
  cpu.updateMode();
}

/** False: #GP(0). LMA follows LME and CR0.PG and is not written. */
export function writeEfer(cpu: Processor, low: number, high: number): boolean {
  const words = cpu.words;
  const old = words[STATE.efer >> 2] as number;
  if (high !== 0 || (low & ~(cpu.traits.eferMask | EFER.LMA)) !== 0) return false;
  const paging = (words[STATE.cr0 >> 2] as number) < 0;
  if (paging && ((old ^ low) & EFER.LME) !== 0) return false;
  const next = (low & ~EFER.LMA) | (old & EFER.LMA);
  words[STATE.efer >> 2] = next;
  if (((old ^ next) & EFER.NXE) !== 0) cpu.flushTlb('all');
  cpu.updateMode();
  return true;
}

/** XSETBV's checks: x87 always, AVX only with SSE. */
export function isValidXcr0(cpu: Processor, value: bigint): boolean {
  const low = Number(value & 0xffff_ffffn);
  if (value >> 32n !== 0n || (low & ~cpu.traits.xcr0Mask) !== 0 || (low & 1) === 0) return false;
  return (low & 4) === 0 || (low & 2) !== 0;
}
