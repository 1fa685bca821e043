import type { GuestMemory } from '../memory/guest-memory.ts';
import { BOOT_LAYOUT } from './boot-layout.ts';

export type GprName =
  | 'rax'
  | 'rcx'
  | 'rdx'
  | 'rbx'
  | 'rsp'
  | 'rbp'
  | 'rsi'
  | 'rdi'
  | 'r8'
  | 'r9'
  | 'r10'
  | 'r11'
  | 'r12'
  | 'r13'
  | 'r14'
  | 'r15';

/** A segment register with its hidden part. */
export interface BootSegment {
  readonly selector: number;
  readonly base: number;
  /** In bytes, granularity applied; inclusive. */
  readonly limit: number;
  /** SDM Vol. 3C §24.4.1 access rights: [3:0] type [4] S [6:5] DPL [7] P [12] AVL [13] L [14] D/B [15] G [16] unusable. */
  readonly attributes: number;
}

export interface BootDescriptorTable {
  readonly base: number;
  readonly limit: number;
}

/**
 * What the boot processor's registers hold when it fetches the kernel's first instruction. Whatever is not said is as
 * after RESET (SDM Vol. 3A table 9-1); general registers that `gprs` leaves out are 0.
 */
export interface BootState {
  readonly mode: 'real' | 'protected32' | 'long64';
  readonly rip: number;
  readonly rflags: number;
  readonly gprs: Readonly<Partial<Record<GprName, number>>>;
  readonly segments: Readonly<Record<'cs' | 'ds' | 'es' | 'fs' | 'gs' | 'ss' | 'ldtr' | 'tr', BootSegment>>;
  readonly gdtr: BootDescriptorTable;
  readonly idtr: BootDescriptorTable;
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
}

/** Selectors that the Linux boot protocols name: __BOOT_CS and __BOOT_DS. */
const CODE_SELECTOR = 0x10;
const DATA_SELECTOR = 0x18;
const TSS_SELECTOR = 0x20;

const CODE32_ATTRIBUTES = 0xc09b; // G D P S, execute/read, accessed
const CODE64_ATTRIBUTES = 0xa09b; // G L P S, execute/read, accessed
const DATA_ATTRIBUTES = 0xc093; // G B P S, read/write, accessed
const TSS_ATTRIBUTES = 0x008b; // P, busy TSS
const LDT_UNUSABLE = 0x1_0082;

const CR0_PE = 1 << 0;
const CR0_ET = 1 << 4;
const CR0_PG = 0x8000_0000;
const CR4_PAE = 1 << 5;
const EFER_LME = 1 << 8;
const EFER_LMA = 1 << 10;
const RFLAGS_RESERVED = 1 << 1;

const PAGE_TABLE_FLAGS = 0x03; // P, R/W
const LARGE_PAGE_FLAGS = 0x83; // P, R/W, PS
const PAGE_TABLE_BYTES = 0x1000;
const LARGE_PAGE_BYTES = 0x20_0000;
const PAGE_DIRECTORIES = 4; // 1 GiB each

export interface EntryPoint {
  readonly rip: number;
  readonly gprs: BootState['gprs'];
}

/** Flat 4 GiB segments, paging off: what the 32-bit Linux protocol, PVH and multiboot ask for. Writes the GDT. */
export function protected32BootState(memory: GuestMemory, entry: EntryPoint): BootState {
  return {
    ...flatState(memory, entry, CODE32_ATTRIBUTES),
    mode: 'protected32',
    cr0: CR0_PE | CR0_ET,
    cr3: 0,
    cr4: 0,
    efer: 0,
  };
}

/** 64-bit mode with the first 4 GiB mapped one to one: the 64-bit Linux protocol. Writes GDT and page tables. */
export function long64BootState(memory: GuestMemory, entry: EntryPoint): BootState {
  writeIdentityPageTables(memory);
  return {
    ...flatState(memory, entry, CODE64_ATTRIBUTES),
    mode: 'long64',
    cr0: (CR0_PG | CR0_PE | CR0_ET) >>> 0,
    cr3: BOOT_LAYOUT.pageTablesGpa,
    cr4: CR4_PAE,
    efer: EFER_LME | EFER_LMA,
  };
}

function flatState(
  memory: GuestMemory,
  entry: EntryPoint,
  codeAttributes: number,
): Pick<BootState, 'rip' | 'rflags' | 'gprs' | 'segments' | 'gdtr' | 'idtr'> {
  const flat = { base: 0, limit: 0xffff_ffff };
  const code: BootSegment = { ...flat, selector: CODE_SELECTOR, attributes: codeAttributes };
  const data: BootSegment = { ...flat, selector: DATA_SELECTOR, attributes: DATA_ATTRIBUTES };
  // PVH asks for a 32-bit TSS with base 0 and limit 0x67.
  const tr: BootSegment = { selector: TSS_SELECTOR, base: 0, limit: 0x67, attributes: TSS_ATTRIBUTES };
  const ldtr: BootSegment = { selector: 0, base: 0, limit: 0, attributes: LDT_UNUSABLE };
  // A TSS descriptor has 16 bytes in IA-32e mode: the last entry is its upper half.
  const gdt = [0n, 0n, descriptor(code), descriptor(data), descriptor(tr), 0n];
  gdt.forEach((entryBits, i) => {
    memory.writeU64(BOOT_LAYOUT.gdtGpa + i * 8, entryBits);
  });
  return {
    rip: entry.rip,
    rflags: RFLAGS_RESERVED,
    gprs: { rsp: BOOT_LAYOUT.stackTopGpa, ...entry.gprs },
    segments: { cs: code, ds: data, es: data, fs: data, gs: data, ss: data, ldtr, tr },
    gdtr: { base: BOOT_LAYOUT.gdtGpa, limit: gdt.length * 8 - 1 },
    idtr: { base: 0, limit: 0 },
  };
}

/** SDM Vol. 3A figure 3-8 "Segment Descriptor". */
function descriptor(segment: BootSegment): bigint {
  const isPageGranular = (segment.attributes & 0x8000) !== 0;
  const limit = isPageGranular ? segment.limit >>> 12 : segment.limit;
  const low = ((segment.base << 16) | (limit & 0xffff)) >>> 0;
  const high =
    ((segment.base & 0xff00_0000) |
      (limit & 0xf_0000) |
      ((segment.attributes & 0xf0ff) << 8) |
      ((segment.base >>> 16) & 0xff)) >>>
    0;
  return (BigInt(high) << 32n) | BigInt(low);
}

function writeIdentityPageTables(memory: GuestMemory): void {
  const pml4 = BOOT_LAYOUT.pageTablesGpa;
  const pdpt = pml4 + PAGE_TABLE_BYTES;
  const directories = pdpt + PAGE_TABLE_BYTES;
  memory.bytes.fill(0, pml4, BOOT_LAYOUT.pageTablesEndGpa);
  memory.writeU64(pml4, BigInt(pdpt | PAGE_TABLE_FLAGS));
  for (let i = 0; i < PAGE_DIRECTORIES; i++) {
    memory.writeU64(pdpt + i * 8, BigInt((directories + i * PAGE_TABLE_BYTES) | PAGE_TABLE_FLAGS));
  }
  for (let i = 0; i < PAGE_DIRECTORIES * 512; i++) {
    memory.writeU64(directories + i * 8, BigInt(i * LARGE_PAGE_BYTES + LARGE_PAGE_FLAGS));
  }
}
