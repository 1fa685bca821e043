import { GuestMemory } from '../../src/memory/guest-memory.ts';
import { updateDerivedState } from '../../src/x86/mode.ts';
import { STATE } from '../../src/x86/state.ts';
import { PAGE, type TestCpu } from './test-cpu.cases.ts';

/** The state and memory that a case begins with, built once and copied into every CPU before each run. */

export type Paging = 'long' | 'pae' | 'two-level' | 'none';

/** Leaf rights: bits of a page-table entry, SDM Vol. 3A Table 4-20. Accessed and dirty are set, so that walks write nothing. */
export const RIGHTS = { PRESENT: 1, WRITABLE: 2, USER: 4, ACCESSED_DIRTY: 0x60 } as const;
const TABLE = RIGHTS.PRESENT | RIGHTS.WRITABLE | RIGHTS.USER | RIGHTS.ACCESSED_DIRTY;

const ROOT = PAGE;

export class TestImage {
  readonly memory: GuestMemory;
  readonly words = new Int32Array(STATE.SIZE_BYTES / 4);
  readonly view = new DataView(this.words.buffer);
  paging: Paging = 'long';
  /** gpa of pages that this case uses: what is copied and compared. */
  readonly pages = new Set<number>();
  /** gpa of leaf entries by linear page. */
  readonly #leaves = new Map<bigint, number>();
  #next = ROOT;

  constructor(ramBytes: number) {
    this.memory = new GuestMemory(new ArrayBuffer(ramBytes), 0, ramBytes);
  }

  /** Begins a case: no page is mapped. */
  begin(paging: Paging): void {
    for (const gpa of this.pages) this.memory.bytes.fill(0, gpa, gpa + PAGE);
    this.pages.clear();
    this.#leaves.clear();
    this.paging = paging;
    this.#next = ROOT;
    this.allocate();
    this.view.setBigUint64(STATE.cr3, BigInt(ROOT), true);
    if (paging !== 'pae') return;
    for (let i = 0; i < 4; i++) this.view.setBigUint64(STATE.pdpte + 8 * i, BigInt(this.allocate() | 1), true);
  }

  /** A fresh page of RAM. */
  allocate(): number {
    const gpa = this.#next;
    this.#next += PAGE;
    this.pages.add(gpa);
    return gpa;
  }

  isMapped(page: bigint): boolean {
    return this.#leaves.has(page);
  }

  /** Maps a linear page to a fresh one; its gpa. `page` is a linear address divided by 4096. */
  map(page: bigint, rights: number, gpa = this.allocate()): number {
    const entry = this.#leafEntry(page);
    this.#leaves.set(page, entry);
    this.#writeLeaf(entry, gpa, rights);
    return gpa;
  }

  /** gpa of the entry that maps a page. */
  leafOf(page: bigint): number {
    return this.#leaves.get(page) ?? assertMapped(page);
  }

  /** Where a mapped page is. */
  gpaOf(page: bigint): number | undefined {
    const entry = this.#leaves.get(page);
    return entry === undefined ? undefined : this.memory.readU32(entry) & ~(PAGE - 1);
  }

  /** Changes the rights (0: not present) and perhaps the place of a mapped page; what undoes it. */
  change(page: bigint, change: { rights?: number; gpa?: number }): () => void {
    const entry = this.leafOf(page);
    const before = this.memory.readU32(entry);
    const gpa = change.gpa ?? before & ~(PAGE - 1);
    this.#writeLeaf(entry, gpa, change.rights ?? before & (PAGE - 1));
    return () => this.#writeLeaf(entry, before & ~(PAGE - 1), before & (PAGE - 1));
  }

  #writeLeaf(entry: number, gpa: number, rights: number): void {
    this.memory.writeU32(entry, gpa | rights);
  }

  /** gpa of the entry that maps a page, with the tables above it made. */
  #leafEntry(page: bigint): number {
    if (this.paging === 'two-level') {
      const table = this.#table(ROOT + 4 * Number(page >> 10n), 4);
      return table + 4 * Number(page & 0x3ffn);
    }
    let table = ROOT;
    if (this.paging === 'long') {
      table = this.#table(table + 8 * Number((page >> 27n) & 0x1ffn), 8);
      table = this.#table(table + 8 * Number((page >> 18n) & 0x1ffn), 8);
    } else {
      table = this.view.getUint32(STATE.pdpte + 8 * Number((page >> 18n) & 3n), true) & ~(PAGE - 1);
    }
    table = this.#table(table + 8 * Number((page >> 9n) & 0x1ffn), 8);
    return table + 8 * Number(page & 0x1ffn);
  }

  #table(entry: number, entryBytes: 4 | 8): number {
    if ((this.memory.readU32(entry) & RIGHTS.PRESENT) === 0) {
      const gpa = this.allocate();
      if (entryBytes === 8) this.memory.writeU64(entry, BigInt(gpa | TABLE));
      else this.memory.writeU32(entry, gpa | TABLE);
    }
    return this.memory.readU32(entry) & ~(PAGE - 1);
  }

  /** Call when the registers that decide the mode are set. */
  updateMode(): void {
    updateDerivedState(this.words);
  }

  /** Gives a CPU this state and memory. */
  load(cpu: TestCpu): void {
    for (const gpa of this.pages) cpu.memory.bytes.set(this.memory.bytes.subarray(gpa, gpa + PAGE), gpa);
    cpu.processor.words.set(this.words);
    cpu.processor.halted = false;
    cpu.mmio.log.length = 0;
    cpu.forget();
  }
}

function assertMapped(page: bigint): never {
  throw new Error(`Page ${page.toString(16)} is not mapped`);
}
