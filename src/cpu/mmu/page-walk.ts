import { assert } from '../../base/errors.ts';
import type { GuestMemory } from '../../memory/guest-memory.ts';
import { ACCESS, type Access } from '../../x86/processor.ts';
import { CR0, CR4, EFER, RFLAGS, STATE } from '../../x86/state.ts';

/** On whose behalf a linear address is accessed (SDM Vol. 3A §4.6.1 "Determination of Access Rights"). */
export const PRIVILEGE = {
  /** Code at CPL 0-2: RFLAGS.AC overrides SMAP. */
  SUPERVISOR: 0,
  USER: 1,
  /** The CPU's own accesses to descriptor tables and TSS, whatever CPL is: AC does not help. */
  IMPLICIT: 2,
} as const;
export type Privilege = (typeof PRIVILEGE)[keyof typeof PRIVILEGE];

/** Bits of paging-structure entries. */
const PRESENT = 1 << 0;
const WRITABLE = 1 << 1;
const USER = 1 << 2;
const ACCESSED = 1 << 5;
const DIRTY = 1 << 6;
const PAGE_SIZE = 1 << 7;
const GLOBAL = 1 << 8;
/** In an entry's upper half. */
const NO_EXECUTE = 0x8000_0000 | 0;

/** Bits 39:32 of an address, in an entry's upper half: MAXPHYADDR is 40. */
const ADDRESS_HIGH = 0xff;
/** Reserved in upper halves: [51:40] with 4-level paging, [62:40] with PAE paging. */
const RESERVED_HIGH_4_LEVEL = 0x000f_ff00;
const RESERVED_HIGH_PAE = 0x7fff_ff00;
const TWO_32 = 0x1_0000_0000;

/** Page-fault error code, SDM Vol. 3A §4.7 "Page-Fault Exceptions". */
export const PF = { P: 1 << 0, W: 1 << 1, U: 1 << 2, RSVD: 1 << 3, ID: 1 << 4, PK: 1 << 5 } as const;

const CR0_WORD = STATE.cr0 >> 2;
const CR3_WORD = STATE.cr3 >> 2;
const CR4_WORD = STATE.cr4 >> 2;
const EFER_WORD = STATE.efer >> 2;
const PKRU_WORD = STATE.pkru >> 2;
const RFLAGS_WORD = STATE.rflagsSystem >> 2;
const PDPTE_WORD = STATE.pdpte >> 2;

/**
 * Translates linear addresses by the paging structures in guest RAM (SDM Vol. 3A ch. 4 "Paging").
 * A hot path: the interpreter's TLB misses and procedures end here, so it works on 32-bit halves and
 * leaves its results in fields. The caller has checked that the address is canonical.
 */
export class PageWalker {
  /** Results of a successful walk: guest-physical address (below 2^40) of the byte asked for. */
  gpa = 0;
  /** 4 KiB, 2 MiB, 4 MiB or 1 GiB. */
  pageBytes = 4096;
  /** Rights of the page as its entries give them, before CPL, WP, SMEP, SMAP and protection keys. */
  writable = true;
  user = true;
  noExecute = false;
  global = false;
  /** The dirty flag as it is now in the entry that maps the page: a write TLB entry needs it set. */
  dirty = true;
  /** Result of a failed walk: the #PF error code. */
  errorCode = 0;
  /** Page walks since the machine was created, for `stat`. */
  walks = 0;
  /** All ones but for bit 20 when the A20 gate is closed. */
  a20Mask = -1;

  readonly #words: Int32Array;
  readonly #ram: Int32Array;
  readonly #ramBytes: number;
  readonly #pages1GiB: boolean;
  readonly #onWrite: (gpa: number, bytes: number) => void;
  /** The entry read last. */
  #low = 0;
  #high = 0;

  /** `words` is the vCPU's state; `onWrite` hears of accessed and dirty flags that the walker sets. */
  constructor(
    words: Int32Array,
    memory: GuestMemory,
    options: { pages1GiB?: boolean; onWrite?: (gpa: number, bytes: number) => void } = {},
  ) {
    assert(memory.base % 4 === 0, 'guest RAM begins at a multiple of 4');
    this.#words = words;
    this.#ram = new Int32Array(memory.buffer, memory.base, memory.sizeBytes >>> 2);
    this.#ramBytes = memory.sizeBytes - (memory.sizeBytes % 8);
    this.#pages1GiB = options.pages1GiB ?? true;
    this.#onWrite = options.onWrite ?? (() => {});
  }

  /** True and results, or false and `errorCode`. Sets accessed and dirty flags as the access does, unless it faults. */
  walk(linearLow: number, linearHigh: number, access: Access, privilege: Privilege): boolean {
    const words = this.#words;
    // CR0.PG is the sign.
    if ((words[CR0_WORD] as number) >= 0) return this.#unpaged(linearLow);
    this.walks++;
    if (((words[CR4_WORD] as number) & CR4.PAE) === 0) return this.#walkTwoLevel(linearLow, access, privilege);
    if (((words[EFER_WORD] as number) & EFER.LMA) !== 0) {
      return this.#walkFourLevel(linearLow, linearHigh, access, privilege);
    }
    return this.#walkPae(linearLow, access, privilege);
  }

  #unpaged(linearLow: number): boolean {
    this.gpa = (linearLow & this.a20Mask) >>> 0;
    this.pageBytes = 4096;
    this.writable = this.user = this.dirty = true;
    this.noExecute = this.global = false;
    return true;
  }

  /** Reads an 8-byte entry; false if it is not present. Tables outside RAM read as zero. */
  #read(gpa: number): boolean {
    if (gpa >= this.#ramBytes) return false;
    const index = (gpa >>> 2) & (this.a20Mask >> 2);
    this.#low = this.#ram[index] as number;
    this.#high = this.#ram[index + 1] as number;
    return (this.#low & PRESENT) !== 0;
  }

  /** SDM Vol. 3A §4.5 "4-Level Paging". */
  #walkFourLevel(linearLow: number, linearHigh: number, access: Access, privilege: Privilege): boolean {
    const words = this.#words;
    const nxe = ((words[EFER_WORD] as number) & EFER.NXE) !== 0;
    const reservedHigh = nxe ? RESERVED_HIGH_4_LEVEL : RESERVED_HIGH_4_LEVEL | NO_EXECUTE;

    const cr3 = words[CR3_WORD] as number;
    const pml4 = ((cr3 & ~0xfff) >>> 0) + ((words[CR3_WORD + 1] as number) & ADDRESS_HIGH) * TWO_32;
    const gpa4 = pml4 + ((linearHigh >>> 7) & 0x1ff) * 8;
    if (!this.#read(gpa4)) return this.#fault(0, access, privilege);
    const low4 = this.#low;
    const high4 = this.#high;
    if ((high4 & reservedHigh) !== 0 || (low4 & PAGE_SIZE) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);

    const gpa3 = tableOf(low4, high4) + (((linearHigh & 0x7f) << 2) | (linearLow >>> 30)) * 8;
    if (!this.#read(gpa3)) return this.#fault(0, access, privilege);
    const low3 = this.#low;
    const high3 = this.#high;
    if ((high3 & reservedHigh) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
    if ((low3 & PAGE_SIZE) !== 0) {
      if ((low3 & 0x3fff_e000) !== 0 || !this.#pages1GiB) return this.#fault(PF.P | PF.RSVD, access, privilege);
      if (!this.#permits(low4 & low3, high4 | high3, low3, high3, access, privilege)) return false;
      this.#accessed(gpa4, low4);
      this.#leaf(gpa3, low3, access);
      return this.#map((low3 & 0xc000_0000) | (linearLow & 0x3fff_ffff), high3, 0x4000_0000);
    }

    const gpa2 = tableOf(low3, high3) + ((linearLow >>> 21) & 0x1ff) * 8;
    if (!this.#read(gpa2)) return this.#fault(0, access, privilege);
    const low2 = this.#low;
    const high2 = this.#high;
    if ((high2 & reservedHigh) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
    if ((low2 & PAGE_SIZE) !== 0) {
      if ((low2 & 0x001f_e000) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
      if (!this.#permits(low4 & low3 & low2, high4 | high3 | high2, low2, high2, access, privilege)) return false;
      this.#accessed(gpa4, low4);
      this.#accessed(gpa3, low3);
      this.#leaf(gpa2, low2, access);
      return this.#map((low2 & 0xffe0_0000) | (linearLow & 0x001f_ffff), high2, 0x20_0000);
    }

    const gpa1 = tableOf(low2, high2) + ((linearLow >>> 12) & 0x1ff) * 8;
    if (!this.#read(gpa1)) return this.#fault(0, access, privilege);
    const low1 = this.#low;
    const high1 = this.#high;
    if ((high1 & reservedHigh) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
    const rights = low4 & low3 & low2 & low1;
    if (!this.#permits(rights, high4 | high3 | high2 | high1, low1, high1, access, privilege)) return false;
    this.#accessed(gpa4, low4);
    this.#accessed(gpa3, low3);
    this.#accessed(gpa2, low2);
    this.#leaf(gpa1, low1, access);
    return this.#map((low1 & ~0xfff) | (linearLow & 0xfff), high1, 4096);
  }

  /** SDM Vol. 3A §4.4 "PAE Paging": the PDPTE registers were checked when they were loaded, and grant all rights. */
  #walkPae(linearLow: number, access: Access, privilege: Privilege): boolean {
    const words = this.#words;
    const nxe = ((words[EFER_WORD] as number) & EFER.NXE) !== 0;
    const reservedHigh = nxe ? RESERVED_HIGH_PAE : RESERVED_HIGH_PAE | NO_EXECUTE;
    const pdpte = PDPTE_WORD + (linearLow >>> 30) * 2;
    const low3 = words[pdpte] as number;
    if ((low3 & PRESENT) === 0) return this.#fault(0, access, privilege);

    const gpa2 = tableOf(low3, words[pdpte + 1] as number) + ((linearLow >>> 21) & 0x1ff) * 8;
    if (!this.#read(gpa2)) return this.#fault(0, access, privilege);
    const low2 = this.#low;
    const high2 = this.#high;
    if ((high2 & reservedHigh) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
    if ((low2 & PAGE_SIZE) !== 0) {
      if ((low2 & 0x001f_e000) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
      if (!this.#permits(low2, high2, low2, 0, access, privilege)) return false;
      this.#leaf(gpa2, low2, access);
      return this.#map((low2 & 0xffe0_0000) | (linearLow & 0x001f_ffff), high2, 0x20_0000);
    }

    const gpa1 = tableOf(low2, high2) + ((linearLow >>> 12) & 0x1ff) * 8;
    if (!this.#read(gpa1)) return this.#fault(0, access, privilege);
    const low1 = this.#low;
    const high1 = this.#high;
    if ((high1 & reservedHigh) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
    if (!this.#permits(low2 & low1, high2 | high1, low1, 0, access, privilege)) return false;
    this.#accessed(gpa2, low2);
    this.#leaf(gpa1, low1, access);
    return this.#map((low1 & ~0xfff) | (linearLow & 0xfff), high1, 4096);
  }

  /** SDM Vol. 3A §4.3 "32-Bit Paging", with PSE-36. */
  #walkTwoLevel(linearLow: number, access: Access, privilege: Privilege): boolean {
    const words = this.#words;
    const gpa2 = (((words[CR3_WORD] as number) & ~0xfff) >>> 0) + (linearLow >>> 22) * 4;
    const low2 = this.#read32(gpa2);
    if ((low2 & PRESENT) === 0) return this.#fault(0, access, privilege);
    if ((low2 & PAGE_SIZE) !== 0 && ((words[CR4_WORD] as number) & CR4.PSE) !== 0) {
      // [20:13] address bits 39:32  [21] reserved
      if ((low2 & (1 << 21)) !== 0) return this.#fault(PF.P | PF.RSVD, access, privilege);
      if (!this.#permits(low2, 0, low2, 0, access, privilege)) return false;
      this.#leaf(gpa2, low2, access);
      return this.#map((low2 & 0xffc0_0000) | (linearLow & 0x003f_ffff), (low2 >>> 13) & ADDRESS_HIGH, 0x40_0000);
    }
    const gpa1 = ((low2 & ~0xfff) >>> 0) + ((linearLow >>> 12) & 0x3ff) * 4;
    const low1 = this.#read32(gpa1);
    if ((low1 & PRESENT) === 0) return this.#fault(0, access, privilege);
    if (!this.#permits(low2 & low1, 0, low1, 0, access, privilege)) return false;
    this.#accessed(gpa2, low2);
    this.#leaf(gpa1, low1, access);
    return this.#map((low1 & ~0xfff) | (linearLow & 0xfff), 0, 4096);
  }

  #read32(gpa: number): number {
    return gpa < this.#ramBytes ? (this.#ram[(gpa >>> 2) & (this.a20Mask >> 2)] as number) : 0;
  }

  /**
   * SDM Vol. 3A §4.6 "Access Rights". `rights` is the AND of the entries' low halves, `rightsHigh` the OR of their
   * upper halves; the leaf's own give global and dirty flags and the protection key.
   */
  #permits(
    rights: number,
    rightsHigh: number,
    leafLow: number,
    leafHigh: number,
    access: Access,
    privilege: Privilege,
  ): boolean {
    const words = this.#words;
    const cr0 = words[CR0_WORD] as number;
    const cr4 = words[CR4_WORD] as number;
    const userPage = (rights & USER) !== 0;
    const writable = (rights & WRITABLE) !== 0;
    const noExecute = rightsHigh < 0;
    let allowed: boolean;
    if (privilege === PRIVILEGE.USER) {
      allowed = userPage && (access !== ACCESS.WRITE || writable);
    } else {
      allowed = access !== ACCESS.WRITE || writable || (cr0 & CR0.WP) === 0;
      if (userPage) {
        if (access === ACCESS.EXECUTE) allowed = allowed && (cr4 & CR4.SMEP) === 0;
        else if ((cr4 & CR4.SMAP) !== 0) {
          const override = privilege === PRIVILEGE.SUPERVISOR && ((words[RFLAGS_WORD] as number) & RFLAGS.AC) !== 0;
          allowed = allowed && override;
        }
      }
    }
    if (access === ACCESS.EXECUTE) allowed = allowed && !noExecute;
    let keyFault = 0;
    if ((cr4 & CR4.PKE) !== 0 && userPage && access !== ACCESS.EXECUTE) {
      if (this.#keyForbids((leafHigh >>> 27) & 15, access, privilege, cr0)) keyFault = PF.PK;
    }
    if (!allowed || keyFault !== 0) return this.#fault(PF.P | keyFault, access, privilege);
    this.user = userPage;
    this.writable = writable;
    this.noExecute = noExecute;
    this.global = (leafLow & GLOBAL) !== 0 && (cr4 & CR4.PGE) !== 0;
    return true;
  }

  /** SDM Vol. 3A §4.6.2 "Protection Keys"; they exist with 4-level paging only. */
  #keyForbids(key: number, access: Access, privilege: Privilege, cr0: number): boolean {
    if (((this.#words[EFER_WORD] as number) & EFER.LMA) === 0) return false;
    // [0] access disable  [1] write disable
    const rights = ((this.#words[PKRU_WORD] as number) >>> (key * 2)) & 3;
    if ((rights & 1) !== 0) return true;
    return (rights & 2) !== 0 && access === ACCESS.WRITE && (privilege === PRIVILEGE.USER || (cr0 & CR0.WP) !== 0);
  }

  #accessed(gpa: number, entry: number): void {
    if ((entry & ACCESSED) === 0) this.#store(gpa, entry | ACCESSED);
  }

  #leaf(gpa: number, entry: number, access: Access): void {
    const updated = access === ACCESS.WRITE ? entry | ACCESSED | DIRTY : entry | ACCESSED;
    if (updated !== entry) this.#store(gpa, updated);
    this.dirty = (updated & DIRTY) !== 0;
  }

  #store(gpa: number, entry: number): void {
    const index = (gpa >>> 2) & (this.a20Mask >> 2);
    this.#ram[index] = entry;
    this.#onWrite(index * 4, 4);
  }

  #map(gpaLow: number, gpaHigh: number, pageBytes: number): boolean {
    this.gpa = ((gpaLow & this.a20Mask) >>> 0) + (gpaHigh & ADDRESS_HIGH) * TWO_32;
    this.pageBytes = pageBytes;
    return true;
  }

  #fault(cause: number, access: Access, privilege: Privilege): boolean {
    let code = cause;
    if (access === ACCESS.WRITE) code |= PF.W;
    if (privilege === PRIVILEGE.USER) code |= PF.U;
    if (access === ACCESS.EXECUTE) {
      const words = this.#words;
      const cr4 = words[CR4_WORD] as number;
      const nx = (cr4 & CR4.PAE) !== 0 && ((words[EFER_WORD] as number) & EFER.NXE) !== 0;
      if (nx || (cr4 & CR4.SMEP) !== 0) code |= PF.ID;
    }
    this.errorCode = code;
    return false;
  }
}

/** The guest-physical address in an entry that points to a table. */
function tableOf(low: number, high: number): number {
  return ((low & ~0xfff) >>> 0) + (high & ADDRESS_HIGH) * TWO_32;
}
