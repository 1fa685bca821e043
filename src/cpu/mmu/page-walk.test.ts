import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GuestMemory } from '../../memory/guest-memory.ts';
import { ACCESS, type Access } from '../../x86/processor.ts';
import { CR0, CR4, EFER, RFLAGS, STATE } from '../../x86/state.ts';
import { PageWalker, PF, PRIVILEGE, type Privilege } from './page-walk.ts';

const RAM_BYTES = 1 << 16;
const ROOT = 0x1000;
const TABLES = [ROOT, 0x2000, 0x3000, 0x4000] as const;

const ENTRY = { P: 1n, W: 2n, U: 4n, A: 0x20n, D: 0x40n, PS: 0x80n, G: 0x100n, NX: 1n << 63n } as const;
type PagingMode = 'two-level' | 'pae' | '4-level';

interface Setting {
  cr0: number;
  cr4: number;
  efer: number;
  pkru: number;
  ac: boolean;
}

function walkerFor(mode: PagingMode, setting: Partial<Setting> = {}) {
  const memory = new GuestMemory(new ArrayBuffer(RAM_BYTES), 0, RAM_BYTES);
  const words = new Int32Array(STATE.SIZE_BYTES / 4);
  words[STATE.cr0 >> 2] = CR0.PE | (CR0.PG | 0) | (setting.cr0 ?? CR0.WP);
  words[STATE.cr3 >> 2] = ROOT;
  words[STATE.cr4 >> 2] = (setting.cr4 ?? 0) | (mode === 'two-level' ? CR4.PSE : CR4.PAE);
  words[STATE.efer >> 2] = (setting.efer ?? EFER.NXE) | (mode === '4-level' ? EFER.LMA | EFER.LME : 0);
  words[STATE.pkru >> 2] = setting.pkru ?? 0;
  words[STATE.rflagsSystem >> 2] = setting.ac ? RFLAGS.AC : 0;
  const written: number[] = [];
  const walker = new PageWalker(words, memory, { onWrite: (gpa) => written.push(gpa) });
  return { memory, words, walker, written };
}

/** Maps linear 0 at the leaf `level` (1: 4 KiB) by entries all given; the frame is the test's. */
function mapZero(memory: GuestMemory, entries: readonly bigint[]): void {
  for (const [i, flags] of entries.entries()) {
    const next = TABLES[i + 1];
    const isLeaf = i === entries.length - 1;
    memory.writeU64(TABLES[i]!, isLeaf || next === undefined ? flags : flags | BigInt(next));
  }
}

const RW = ENTRY.P | ENTRY.W | ENTRY.U;

describe('PageWalker translates', () => {
  test('linear as physical without paging', () => {
    const { walker, words } = walkerFor('4-level');
    words[STATE.cr0 >> 2] = CR0.PE;
    expect(walker.walk(0xffff_f123 | 0, 0, ACCESS.WRITE, PRIVILEGE.USER)).toBe(true);
    expect(walker.gpa).toBe(0xffff_f123);
  });

  test.each([
    { name: '4 KiB', entries: [RW, RW, RW, RW | 0x12_3456_7000n], offset: 0xabc, gpa: 0x12_3456_7abc, bytes: 4096 },
    {
      name: '2 MiB',
      entries: [RW, RW, RW | ENTRY.PS | 0xff_ffe0_0000n],
      offset: 0x1f_fabc,
      gpa: 0xff_ffff_fabc,
      bytes: 1 << 21,
    },
    {
      name: '1 GiB',
      entries: [RW, RW | ENTRY.PS | 0x40_0000_0000n],
      offset: 0x3fff_fabc,
      gpa: 0x40_3fff_fabc,
      bytes: 1 << 30,
    },
  ])('$name pages of 4-level paging', ({ entries, offset, gpa, bytes }) => {
    const { walker, memory } = walkerFor('4-level');
    mapZero(memory, entries);
    expect(walker.walk(offset, 0, ACCESS.READ, PRIVILEGE.USER)).toBe(true);
    expect([walker.gpa, walker.pageBytes]).toEqual([gpa, bytes]);
  });

  test('all four indices of a 4-level address', () => {
    const { walker, memory } = walkerFor('4-level');
    const [i4, i3, i2, i1] = [0x1fe, 0x123, 0x0f5, 0x1ab];
    memory.writeU64(ROOT + i4 * 8, 0x2000n | RW);
    memory.writeU64(0x2000 + i3 * 8, 0x3000n | RW);
    memory.writeU64(0x3000 + i2 * 8, 0x4000n | RW);
    memory.writeU64(0x4000 + i1 * 8, 0x5_5000n | RW);
    const linear =
      (0xffffn << 48n) | (BigInt(i4) << 39n) | (BigInt(i3) << 30n) | (BigInt(i2) << 21n) | (BigInt(i1) << 12n) | 0x77n;
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    expect(walker.walk(low, high, ACCESS.READ, PRIVILEGE.USER)).toBe(true);
    expect(walker.gpa).toBe(0x5_5077);
  });

  test('PAE paging from the PDPTE registers', () => {
    const { walker, memory, words } = walkerFor('pae');
    words[(STATE.pdpte >> 2) + 6] = 0x2001;
    memory.writeU64(0x2000 + 5 * 8, 0x3000n | RW);
    memory.writeU64(0x3000 + 6 * 8, 0x7_0000_7000n | RW);
    expect(walker.walk(0xc000_0000 | (5 << 21) | (6 << 12) | 9 | 0, 0, ACCESS.READ, PRIVILEGE.USER)).toBe(true);
    expect(walker.gpa).toBe(0x7_0000_7009);
    expect(walker.walk(0, 0, ACCESS.READ, PRIVILEGE.USER)).toBe(false);
  });

  test('32-bit paging with 4-KiB pages and PSE-36', () => {
    const { walker, memory } = walkerFor('two-level');
    memory.writeU32(ROOT + 4, 0x2007);
    memory.writeU32(0x2000 + 8, 0x9007);
    expect(walker.walk(0x40_2045, 0, ACCESS.READ, PRIVILEGE.USER)).toBe(true);
    expect(walker.gpa).toBe(0x9045);
    // [20:13] is 0x5a: address bits 39:32
    memory.writeU32(ROOT, 0x0080_0087 | (0x5a << 13));
    expect(walker.walk(0x3f_ffff, 0, ACCESS.READ, PRIVILEGE.USER)).toBe(true);
    expect([walker.gpa, walker.pageBytes]).toEqual([0x5a_00bf_ffff, 1 << 22]);
  });

  test('4 MiB entries as tables without CR4.PSE', () => {
    const { walker, memory, words } = walkerFor('two-level');
    words[STATE.cr4 >> 2] = 0;
    memory.writeU32(ROOT, 0x2087);
    memory.writeU32(0x2000, 0x9007);
    expect(walker.walk(5, 0, ACCESS.READ, PRIVILEGE.USER)).toBe(true);
    expect(walker.gpa).toBe(0x9005);
  });

  test('with bit 20 masked while the A20 gate is closed', () => {
    const { walker, words } = walkerFor('two-level');
    words[STATE.cr0 >> 2] = CR0.PE;
    walker.a20Mask = ~(1 << 20);
    walker.walk(0x10_0010, 0, ACCESS.READ, PRIVILEGE.SUPERVISOR);
    expect(walker.gpa).toBe(0x10);
  });

  test('nothing by tables outside RAM', () => {
    const { walker, memory } = walkerFor('4-level');
    mapZero(memory, [RW | 0x7f_ffff_f000n]);
    expect(walker.walk(0, 0, ACCESS.READ, PRIVILEGE.USER)).toBe(false);
    expect(walker.errorCode).toBe(PF.U);
  });
});

describe('PageWalker reports', () => {
  const fourLevel = (flags: bigint): bigint[] => [RW, RW, RW, flags | 0x8000n];
  test.each([
    { name: 'absent page', entries: fourLevel(0n), code: 0 },
    { name: 'reserved bit 51', entries: fourLevel(RW | (1n << 51n)), code: PF.P | PF.RSVD },
    { name: 'reserved bit 40', entries: fourLevel(RW | (1n << 40n)), code: PF.P | PF.RSVD },
    { name: 'PS in the PML4E', entries: [RW | ENTRY.PS], code: PF.P | PF.RSVD },
    { name: 'misaligned 2-MiB page', entries: [RW, RW, RW | ENTRY.PS | 0x2000n], code: PF.P | PF.RSVD },
    { name: 'misaligned 1-GiB page', entries: [RW, RW | ENTRY.PS | 0x20_0000n], code: PF.P | PF.RSVD },
  ])('$name with code $code', ({ entries, code }) => {
    const { walker, memory } = walkerFor('4-level');
    mapZero(memory, entries);
    expect(walker.walk(0, 0, ACCESS.READ, PRIVILEGE.SUPERVISOR)).toBe(false);
    expect(walker.errorCode).toBe(code);
  });

  test('NX as reserved without EFER.NXE', () => {
    const { walker, memory } = walkerFor('4-level', { efer: 0 });
    mapZero(memory, fourLevel(RW | ENTRY.NX));
    expect(walker.walk(0, 0, ACCESS.READ, PRIVILEGE.SUPERVISOR)).toBe(false);
    expect(walker.errorCode).toBe(PF.P | PF.RSVD);
  });

  test('upper ignored bits of PAE entries as reserved', () => {
    const { walker, memory, words } = walkerFor('pae');
    words[STATE.pdpte >> 2] = 0x2001;
    memory.writeU64(0x2000, 0x3000n | RW | (1n << 52n));
    expect(walker.walk(0, 0, ACCESS.READ, PRIVILEGE.SUPERVISOR)).toBe(false);
    expect(walker.errorCode).toBe(PF.P | PF.RSVD);
  });

  test('reserved bit 21 of a 4-MiB page', () => {
    const { walker, memory } = walkerFor('two-level');
    memory.writeU32(ROOT, 0x87 | (1 << 21));
    expect(walker.walk(0, 0, ACCESS.WRITE, PRIVILEGE.USER)).toBe(false);
    expect(walker.errorCode).toBe(PF.P | PF.RSVD | PF.W | PF.U);
  });
});

describe('PageWalker sets', () => {
  test('accessed flags on all levels and the dirty flag on a write', () => {
    const { walker, memory, written } = walkerFor('4-level');
    mapZero(memory, [RW, RW, RW, RW | 0x8000n]);
    walker.walk(0, 0, ACCESS.READ, PRIVILEGE.USER);
    const flags = (): bigint[] => TABLES.map((table) => memory.readU64(table) & 0x60n);
    expect(flags()).toEqual([ENTRY.A, ENTRY.A, ENTRY.A, ENTRY.A]);
    expect(walker.dirty).toBe(false);
    walker.walk(0, 0, ACCESS.WRITE, PRIVILEGE.USER);
    expect(flags()).toEqual([ENTRY.A, ENTRY.A, ENTRY.A, ENTRY.A | ENTRY.D]);
    expect(walker.dirty).toBe(true);
    expect(written).toEqual([...TABLES, TABLES[3]]);
    walker.walk(0, 0, ACCESS.WRITE, PRIVILEGE.USER);
    expect(written).toHaveLength(5);
  });

  test('no flag when the access faults', () => {
    const { walker, memory, written } = walkerFor('4-level');
    mapZero(memory, [RW, RW, RW, ENTRY.P | ENTRY.U | 0x8000n]);
    expect(walker.walk(0, 0, ACCESS.WRITE, PRIVILEGE.USER)).toBe(false);
    expect(written).toEqual([]);
  });
});

/** SDM Vol. 3A §4.6 and §4.7, written as the manual has them; undefined: allowed. */
function referenceFault(
  page: { user: boolean; writable: boolean; nx: boolean; key: number },
  access: Access,
  privilege: Privilege,
  s: Setting,
): number | undefined {
  const userAccess = privilege === PRIVILEGE.USER;
  const wp = (s.cr0 & CR0.WP) !== 0;
  const causes: boolean[] = [];
  if (userAccess) causes.push(!page.user, access === ACCESS.WRITE && !page.writable);
  else {
    causes.push(access === ACCESS.WRITE && !page.writable && wp);
    const smapBlocks = (s.cr4 & CR4.SMAP) !== 0 && (privilege === PRIVILEGE.IMPLICIT || !s.ac);
    causes.push(access !== ACCESS.EXECUTE && page.user && smapBlocks);
    causes.push(access === ACCESS.EXECUTE && page.user && (s.cr4 & CR4.SMEP) !== 0);
  }
  causes.push(access === ACCESS.EXECUTE && page.nx);
  const keyRights = (s.pkru >>> (page.key * 2)) & 3;
  const keyed = (s.cr4 & CR4.PKE) !== 0 && page.user && access !== ACCESS.EXECUTE;
  const keyFault =
    keyed && ((keyRights & 1) !== 0 || ((keyRights & 2) !== 0 && access === ACCESS.WRITE && (userAccess || wp)));
  if (!causes.includes(true) && !keyFault) return undefined;
  const instruction = access === ACCESS.EXECUTE;
  return (
    PF.P |
    (access === ACCESS.WRITE ? PF.W : 0) |
    (userAccess ? PF.U : 0) |
    (instruction ? PF.ID : 0) |
    (keyFault ? PF.PK : 0)
  );
}

test('PageWalker grants and denies as the manual’s access rights for every page and mode', () => {
  const flag = fc.boolean();
  const level = fc.record({ writable: flag, user: flag, nx: flag });
  const setting = fc.record({
    cr0: fc.constantFrom(0, CR0.WP),
    cr4: fc.subarray([CR4.SMEP, CR4.SMAP, CR4.PKE]).map((bits) => bits.reduce((sum: number, bit) => sum | bit, 0)),
    efer: fc.constant(EFER.NXE),
    pkru: fc.integer(),
    ac: flag,
  });
  const access = fc.constantFrom(ACCESS.READ, ACCESS.WRITE, ACCESS.EXECUTE);
  const privilege = fc.constantFrom(PRIVILEGE.SUPERVISOR, PRIVILEGE.USER, PRIVILEGE.IMPLICIT);
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 2, maxLength: 4 }),
      setting,
      access,
      privilege,
      fc.nat(15),
      (levels, s, a, p, key) => {
        const { walker, memory } = walkerFor('4-level', s);
        mapZero(
          memory,
          levels.map(({ writable, user, nx }, i) => {
            const leaf = i === levels.length - 1;
            const size = leaf && levels.length < 4 ? ENTRY.PS : 0n;
            const own = leaf ? size | (BigInt(key) << 59n) : 0n;
            return ENTRY.P | (writable ? ENTRY.W : 0n) | (user ? ENTRY.U : 0n) | (nx ? ENTRY.NX : 0n) | own;
          }),
        );
        const page = {
          user: levels.every(({ user }) => user),
          writable: levels.every(({ writable }) => writable),
          nx: levels.some(({ nx }) => nx),
          key,
        };
        const expected = referenceFault(page, a, p, s);
        expect(walker.walk(0, 0, a, p) ? undefined : walker.errorCode).toBe(expected);
        if (expected === undefined) {
          expect([walker.user, walker.writable, walker.noExecute]).toEqual([page.user, page.writable, page.nx]);
        }
      },
    ),
    { numRuns: 3000 },
  );
});
