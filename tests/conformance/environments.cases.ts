import { ATTR, CR0, CR4, EFER, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../src/x86/state.ts';
import type { Prng } from '../differential/prng.ts';
import type { Paging, TestImage } from './test-image.cases.ts';

/** Modes and privilege levels that instructions are run in. General, vector and x87 registers are set before. */
export interface Environment {
  readonly name: string;
  /** For which code size the instructions are encoded. */
  readonly encoded: 32 | 64;
  readonly paging: Paging;
  readonly user: boolean;
  readonly setUp: (image: TestImage, prng: Prng) => void;
}

export const GDT_LINEAR = 0x5000_0000;
export const IDT_LINEAR = 0x5000_1000;
export const TSS_LINEAR = 0x5000_2000;

/** null, code 64, data, code 32, user data, user code 64, LDT-like hole, 16-bit code, 16-bit data. Accessed bits are set. */
export const GDT: readonly bigint[] = [
  0n,
  0x00af_9b00_0000_ffffn,
  0x00cf_9300_0000_ffffn,
  0x00cf_9b00_0000_ffffn,
  0x00cf_f300_0000_ffffn,
  0x00af_fb00_0000_ffffn,
  0x00cf_fb00_0000_ffffn,
  0x0000_9b00_0000_ffffn,
  0x0000_9300_0000_ffffn,
];

const DATA = ATTR.S | ATTR.P | ATTR.WRITABLE | ATTR.ACCESSED | ATTR.G;
const CODE = ATTR.S | ATTR.P | ATTR.CODE | ATTR.READABLE | ATTR.ACCESSED | ATTR.G;

interface SegmentValues {
  readonly selector: number;
  readonly attributes: number;
  readonly base: number;
  readonly limit: number;
}

function setSegment(image: TestImage, segment: number, values: SegmentValues): void {
  const at = STATE.segments + segment * SEGMENT_BYTES;
  image.view.setUint32(at + SEGMENT.selector, values.selector, true);
  image.view.setUint32(at + SEGMENT.attributes, values.attributes, true);
  image.view.setUint32(at + SEGMENT.limit, values.limit, true);
  image.view.setBigUint64(at + SEGMENT.base, BigInt(values.base), true);
}

const setControl = (image: TestImage, cr0: number, cr4: number, efer: number): void => {
  image.view.setBigUint64(STATE.xcr0, 7n, true);
  image.view.setBigUint64(STATE.cr0, BigInt(cr0 >>> 0), true);
  image.view.setBigUint64(STATE.cr4, BigInt(cr4), true);
  image.view.setBigUint64(STATE.efer, BigInt(efer), true);
};

const PROTECTED = CR0.PE | CR0.MP | CR0.ET | CR0.NE | CR0.WP | CR0.AM;
const LONG_CR4 = CR4.PAE | CR4.PGE | CR4.FSGSBASE | CR4.SMEP | CR4.SMAP | CR4.UMIP;
const LONG_EFER = EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE;
const SIMD = CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.OSXSAVE;

function descriptorTables(image: TestImage): void {
  image.view.setBigUint64(STATE.gdtrBase, BigInt(GDT_LINEAR), true);
  image.view.setUint32(STATE.gdtrLimit, GDT.length * 8 - 1, true);
  image.view.setBigUint64(STATE.idtrBase, BigInt(IDT_LINEAR), true);
  image.view.setUint32(STATE.idtrLimit, 0xfff, true);
  setSegment(image, SEG.TR, { selector: 0x48, attributes: ATTR.P | 11, base: TSS_LINEAR, limit: 0x2067 });
}

function longMode(image: TestImage, cpl: 0 | 3): void {
  setControl(image, PROTECTED | CR0.PG, LONG_CR4 | SIMD, LONG_EFER);
  image.view.setUint32(STATE.cpl, cpl, true);
}

/** Flat segments of a privilege level. */
function flat(image: TestImage, options: { dpl: 0 | 3; bits: 32 | 64 }): void {
  const dpl = options.dpl << ATTR.DPL_SHIFT;
  const limit = 0xffff_ffff;
  const code = CODE | dpl | (options.bits === 64 ? ATTR.L : ATTR.DB);
  setSegment(image, SEG.CS, { selector: options.dpl === 3 ? 0x2b : 0x08, attributes: code, base: 0, limit });
  const data = { selector: options.dpl === 3 ? 0x23 : 0x10, attributes: DATA | dpl | ATTR.DB, base: 0, limit };
  for (const segment of [SEG.ES, SEG.SS, SEG.DS]) setSegment(image, segment, data);
  if (options.bits === 64) return;
  for (const segment of [SEG.FS, SEG.GS]) {
    const base = image.view.getUint32(STATE.segments + segment * SEGMENT_BYTES + SEGMENT.base, true);
    setSegment(image, segment, { ...data, base });
  }
}

/** Segments with bases, and limits that now and then are in the way. */
function segmented(image: TestImage, prng: Prng, bits: 16 | 32): void {
  const size = bits === 32 ? ATTR.DB : 0;
  const limit = (): number =>
    prng.chance(0.8) ? (bits === 32 ? 0xffff_ffff : 0xffff) : prng.chance(0.5) ? 0xffff_ffff : prng.below(0x1_0000);
  const rip = image.view.getUint32(STATE.rip, true);
  const codeBase = bits === 16 ? rip & ~0xfff : 0x1000;
  setSegment(image, SEG.CS, { selector: 0x38, attributes: CODE | size, base: codeBase, limit: 0xffff_ffff });
  image.view.setBigUint64(STATE.rip, BigInt(rip - codeBase), true);
  for (const segment of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
    const base = prng.below(0x100) * 0x1000 + prng.below(2) * prng.below(16);
    const wide = prng.chance(0.2) ? ATTR.DB ^ size : size;
    const down = prng.chance(0.05) && segment !== SEG.SS ? ATTR.EXPAND_DOWN : 0;
    const readOnly = prng.chance(0.05) && segment !== SEG.SS ? ATTR.WRITABLE : 0;
    const attributes = ((DATA | wide) & ~readOnly) | down;
    setSegment(image, segment, { selector: 0x40, attributes, base, limit: down === 0 ? limit() : 0xfff });
  }
}

/** Real and virtual-8086 mode: base = selector * 16. */
function realSegments(image: TestImage, prng: Prng, dpl: 0 | 3): void {
  const rip = image.view.getUint32(STATE.rip, true);
  image.view.setBigUint64(STATE.rip, BigInt(rip & 0xfff), true);
  const attributes = ATTR.S | ATTR.P | ATTR.WRITABLE | ATTR.ACCESSED | (dpl << ATTR.DPL_SHIFT);
  for (const segment of [SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
    const selector = segment === SEG.CS ? 0xc000 : prng.below(0xb000);
    setSegment(image, segment, { selector, attributes, base: selector * 16, limit: 0xffff });
  }
}

export const ENVIRONMENTS: readonly Environment[] = [
  {
    name: '64-bit user',
    encoded: 64,
    paging: 'long',
    user: true,
    setUp: (image) => {
      longMode(image, 3);
      flat(image, { dpl: 3, bits: 64 });
    },
  },
  {
    name: '64-bit supervisor',
    encoded: 64,
    paging: 'long',
    user: false,
    setUp: (image) => {
      longMode(image, 0);
      flat(image, { dpl: 0, bits: 64 });
    },
  },
  {
    name: 'compatibility',
    encoded: 32,
    paging: 'long',
    user: true,
    setUp: (image) => {
      longMode(image, 3);
      flat(image, { dpl: 3, bits: 32 });
    },
  },
  {
    name: '32-bit user, PAE',
    encoded: 32,
    paging: 'pae',
    user: true,
    setUp: (image) => {
      setControl(image, PROTECTED | CR0.PG, CR4.PAE | SIMD, EFER.NXE);
      image.view.setUint32(STATE.cpl, 3, true);
      flat(image, { dpl: 3, bits: 32 });
    },
  },
  {
    name: '32-bit supervisor',
    encoded: 32,
    paging: 'two-level',
    user: false,
    setUp: (image) => {
      setControl(image, PROTECTED | CR0.PG, SIMD, 0);
      image.view.setUint32(STATE.cpl, 0, true);
      flat(image, { dpl: 0, bits: 32 });
    },
  },
  {
    name: '32-bit segmented',
    encoded: 32,
    paging: 'two-level',
    user: false,
    setUp: (image, prng) => {
      setControl(image, PROTECTED | CR0.PG, SIMD, 0);
      image.view.setUint32(STATE.cpl, 0, true);
      segmented(image, prng, 32);
    },
  },
  {
    name: '16-bit protected',
    encoded: 32,
    paging: 'two-level',
    user: false,
    setUp: (image, prng) => {
      setControl(image, PROTECTED | CR0.PG, SIMD, 0);
      image.view.setUint32(STATE.cpl, 0, true);
      segmented(image, prng, 16);
    },
  },
  {
    name: 'virtual-8086',
    encoded: 32,
    paging: 'two-level',
    user: true,
    setUp: (image, prng) => {
      setControl(image, PROTECTED | CR0.PG, SIMD, 0);
      image.view.setUint32(STATE.cpl, 3, true);
      realSegments(image, prng, 3);
      const flags = image.view.getUint32(STATE.rflagsSystem, true);
      const iopl = prng.chance(0.5) ? RFLAGS.IOPL : 0;
      image.view.setUint32(STATE.rflagsSystem, flags | RFLAGS.VM | iopl, true);
    },
  },
  {
    name: 'real',
    encoded: 32,
    paging: 'none',
    user: false,
    setUp: (image, prng) => {
      setControl(image, CR0.ET | CR0.NE, SIMD, 0);
      image.view.setUint32(STATE.cpl, 0, true);
      realSegments(image, prng, 0);
    },
  },
];

/** What all environments share, after `setUp`. */
export function finishEnvironment(image: TestImage): void {
  descriptorTables(image);
  image.updateMode();
}
