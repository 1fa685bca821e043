import { type Encoded, encodeRandom, pickTarget } from './encode.ts';
import type { Encoding } from './encodings.ts';
import { type CaseRecord, resetCase } from './native/case.ts';
import {
  CODE_LINEAR,
  DATA_LINEAR,
  PAGE_BYTES,
  READ_ONLY_LINEAR,
  RECORD,
  STACK_LINEAR,
  UNMAPPED_LINEAR,
  WINDOWS,
} from './native/layout.ts';
import { offsetOf } from './native/offset-of.ts';
import type { Prng } from './prng.ts';
import { SYSTEM_TWEAKS, type Tweak } from './system-tweaks.ts';
import { type LaneKind, writeF80, writeInt, writeLanes } from './values.ts';

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;

const POOL_BYTES = 1 << 16;

/** Makes random cases for encodings: operands at edges and at random, addresses that mostly work. */
export class CaseGenerator {
  readonly #prng: Prng;
  /** Random lanes of all kinds, from which memory is filled. */
  readonly #pool = new Uint8Array(POOL_BYTES);

  constructor(prng: Prng) {
    this.#prng = prng;
    const view = new DataView(this.#pool.buffer);
    const kinds: readonly LaneKind[] = ['i8', 'i16', 'i32', 'i64', 'f32', 'f64'];
    for (let at = 0; at < POOL_BYTES; at += 64) writeLanes(prng, view, at, { kind: prng.pick(kinds), bytes: 64 });
  }

  generate(encoding: Encoding, record: CaseRecord, options: { tweak: boolean } = { tweak: true }): Encoded {
    const prng = this.#prng;
    resetCase(record);
    this.#fillRegisters(record);
    const hostile = prng.chance(0.12);
    const encoded = encodeRandom(prng, encoding, record, { hostile });
    this.#fillFpu(encoding, record);
    this.#fillMemory(record);
    this.#fillOperand(encoded, record);
    if (options.tweak) tweakOf(encoding)?.({ prng, record, encoded });
    if (hostile && options.tweak && prng.chance(0.6)) misplacePointers(prng, record);
    if (encoded.mode === 32) clampTo32(record);
    return encoded;
  }

  /** Random state without an instruction. */
  prepare(record: CaseRecord): void {
    resetCase(record);
    this.#fillRegisters(record);
    writeLanes(this.#prng, record.view, RECORD.fxsave + 160, { kind: 'i32', bytes: 256 });
    this.#fillMemory(record);
  }

  #fillRegisters(record: CaseRecord): void {
    const prng = this.#prng;
    record.rip = BigInt(CODE_LINEAR + 0x800 + prng.below(16));
    for (let i = 0; i < 16; i++) writeInt(prng, record.view, RECORD.gpr + 8 * i, 8);
    record.gpr[RSP] = BigInt(WINDOWS.stack.linear + 256 + (prng.chance(0.1) ? prng.between(-8, 8) : 0));
    if (prng.chance(0.5)) record.gpr[RBP] = BigInt(WINDOWS.stack.linear + 128 + prng.below(16) * 8);
    if (prng.chance(0.5)) record.gpr[RSI] = BigInt(WINDOWS.data.linear + prng.below(WINDOWS.data.sizeBytes));
    if (prng.chance(0.5)) record.gpr[RDI] = BigInt(WINDOWS.data.linear + prng.below(WINDOWS.data.sizeBytes));
    // [11] OF  [10] DF  [7] SF  [6] ZF  [4] AF  [2] PF  [1] fixed  [0] CF
    record.rflags = 0x202 | (prng.u32() & 0x8d5) | (prng.chance(0.2) ? 0x400 : 0);
    record.fsBase = BigInt(WINDOWS.data.linear - prng.below(0x1000_0000));
    record.gsBase = prng.chance(0.5) ? 0n : BigInt(prng.below(0x5000_0000));
  }

  #fillFpu(encoding: Encoding, record: CaseRecord): void {
    const prng = this.#prng;
    const { view } = record;
    const kind = laneKind(prng, encoding.mnemonic);
    const at = RECORD.fxsave;
    writeLanes(prng, view, at + 160, { kind, bytes: 256 });
    const start = prng.below(POOL_BYTES / 64 - 4) * 64;
    record.bytes.set(this.#pool.subarray(start, start + 256), RECORD.ymmHigh);
    if (prng.chance(0.3)) {
      // [15] FTZ  [14:13] RC  [12:7] masks  [6] DAZ  [5:0] flags
      const masks = prng.chance(0.75) ? 0x1f80 : prng.u32() & 0x1f80;
      record.mxcsr = masks | (prng.u32() & 0xe07f & (prng.chance(0.5) ? 0xffff : 0x603f));
    }
    const x87 =
      encoding.row.options.unit === 'x87' ||
      encoding.row.options.unit === 'mmx' ||
      /^F|XSAVE|XRSTOR/.test(encoding.mnemonic);
    if (x87) this.#fillX87(record);
  }

  #fillX87(record: CaseRecord): void {
    const prng = this.#prng;
    const { view } = record;
    const at = RECORD.fxsave;
    // [11:10] RC  [9:8] PC  [6] reserved, reads as 1  [5:0] masks
    const control = prng.chance(0.5)
      ? 0x37f
      : 0x340 | (prng.u32() & 0xf00) | (prng.chance(0.8) ? 0x3f : prng.u32() & 0x3f);
    const flags = prng.chance(0.15) ? prng.u32() & 0x7f : 0;
    const summary = flags & 0x3f & ~control ? 0x8080 : 0;
    const top = prng.chance(0.3) ? 0 : prng.below(8);
    view.setUint16(at, control, true);
    view.setUint16(at + 2, flags | summary | (top << 11) | (prng.u32() & 0x4700), true);
    view.setUint8(at + 4, prng.pick([0xff, 0xff, 0xff, 0xff, 0, prng.u32() & 255, prng.u32() & 255])); // by R number
    for (let i = 0; i < 8; i++) {
      if (prng.chance(0.15)) {
        view.setBigUint64(at + 32 + 16 * i, record.gpr[i] ?? 0n, true);
        view.setUint16(at + 40 + 16 * i, 0xffff, true); // as MMX leaves it
      } else writeF80(prng, view, at + 32 + 16 * i);
    }
  }

  #fillMemory(record: CaseRecord): void {
    const prng = this.#prng;
    for (const window of Object.values(WINDOWS)) {
      const start = prng.below((POOL_BYTES - window.sizeBytes) / 16) * 16;
      record.bytes.set(this.#pool.subarray(start, start + window.sizeBytes), window.offset);
    }
  }

  #fillOperand(encoded: Encoded, record: CaseRecord): void {
    const prng = this.#prng;
    if (encoded.memory === undefined) return;
    const { linear, bytes } = encoded.memory;
    const at = offsetOf(linear, bytes);
    if (at === undefined) return;
    if (bytes === 10) writeF80(prng, record.view, at);
    else {
      const kind = laneKind(prng, encoded.encoding.mnemonic);
      writeLanes(prng, record.view, at, { kind: fitLane(kind, bytes), bytes });
    }
  }
}

const INT_LANES: readonly LaneKind[] = ['i8', 'i16', 'i32', 'i64'];

function laneKind(prng: Prng, mnemonic: string): LaneKind {
  if (prng.chance(0.1)) return prng.pick(['i8', 'i16', 'i32', 'i64', 'f32', 'f64'] as const);
  if (/^CVT(T?)(PS|SS)2/.test(mnemonic) || /[SP]S$/.test(mnemonic)) return 'f32';
  if (/^CVT(T?)(PD|SD)2/.test(mnemonic) || /[SP]D$/.test(mnemonic)) return 'f64';
  if (/^F/.test(mnemonic)) return prng.pick(['f32', 'f64', 'i16', 'i32', 'i64'] as const);
  if (/B$|^PCMP.STR|^PSHUFB/.test(mnemonic)) return prng.pick(['i8', 'i8', 'i64'] as const);
  if (/W$/.test(mnemonic)) return prng.pick(['i16', 'i16', 'i64'] as const);
  return prng.pick(INT_LANES);
}

function fitLane(kind: LaneKind, bytes: number): LaneKind {
  if (kind === 'f64' && bytes === 4) return 'f32';
  if (bytes === 1) return 'i8';
  if (bytes === 2) return 'i16';
  if (bytes === 4 && (kind === 'i64' || kind === 'f64')) return 'i32';
  return kind;
}

function clampTo32(record: CaseRecord): void {
  for (let i = 0; i < 8; i++) record.gpr[i] = BigInt.asUintN(32, record.gpr[i] ?? 0n);
  for (let i = 8; i < 16; i++) record.gpr[i] = 0n;
}

/** Implicit operands where they fault, or nearly: the ends of the stack page, no page, no canonical address. */
function misplacePointers(prng: Prng, record: CaseRecord): void {
  const near = (linear: number): bigint => BigInt(linear + prng.between(-24, 24));
  const bad = (): bigint =>
    prng.pick([
      near(STACK_LINEAR),
      near(STACK_LINEAR + PAGE_BYTES),
      near(DATA_LINEAR),
      near(READ_ONLY_LINEAR + 64),
      BigInt(UNMAPPED_LINEAR),
      0x8000_0000_0000n,
      0x7fff_ffff_fffcn,
    ]);
  record.gpr[RSP] = bad();
  if (prng.chance(0.3)) record.gpr[RBP] = bad();
  if (prng.chance(0.3)) record.gpr[RSI] = bad();
  if (prng.chance(0.3)) record.gpr[RDI] = bad();
}

const dataLinear = (prng: Prng, step: number): bigint =>
  BigInt(WINDOWS.data.linear + Math.floor(prng.below(WINDOWS.data.sizeBytes) / step) * step);

/** Pointers into the data window and a short count, as the string instructions want them. */
function stringOperands({ prng, record, encoded }: Tweak): void {
  const high = encoded.mode === 64 && encoded.addressSize === 32 ? BigInt(prng.u32()) << 32n : 0n;
  const step = prng.chance(0.7) ? 8 : 1;
  if (prng.chance(0.95)) record.gpr[RSI] = dataLinear(prng, step) | high;
  if (prng.chance(0.95)) record.gpr[RDI] = dataLinear(prng, step) | high;
  if (prng.chance(0.05)) record.gpr[RDI] = BigInt(WINDOWS.edge.linear + 256 - prng.below(32)) | high;
  if (prng.chance(0.05)) record.gpr[RSI] = BigInt(WINDOWS.edge.linear + 256 - prng.below(32)) | high;
  record.gpr[RCX] = BigInt(prng.chance(0.95) ? prng.below(24) : 300) | high;
  if (prng.chance(0.4)) {
    const from = offsetOf(Number(BigInt.asUintN(32, record.gpr[RSI] ?? 0n)), 64);
    const to = offsetOf(Number(BigInt.asUintN(32, record.gpr[RDI] ?? 0n)), 64);
    if (from !== undefined && to !== undefined) {
      record.bytes.copyWithin(to, from, from + prng.below(64)); // equal runs for CMPS and SCAS
      record.gpr[RAX] = record.view.getBigUint64(to, true);
    }
  }
}

/** A dividend whose quotient mostly fits. */
function dividend({ prng, record, encoded }: Tweak): void {
  const style = prng.below(5);
  if (style === 0) return;
  const signed = encoded.encoding.mnemonic === 'IDIV';
  const width = encoded.encoding.row.operands[0]?.endsWith('b') === true ? 8 : encoded.operandSize;
  const rax = record.gpr[RAX] ?? 0n;
  const negative = signed && ((rax >> BigInt(width - 1)) & 1n) === 1n;
  if (width === 8) {
    const high = negative ? 0xffn : BigInt(style === 1 ? prng.below(8) : 0);
    record.gpr[RAX] = (rax & ~0xff00n) | (high << 8n) | (width === 8 && negative ? 0x80n : 0n);
  } else {
    record.gpr[RDX] = negative ? 0xffff_ffff_ffff_ffffn : BigInt(style === 1 ? prng.below(8) : 0);
  }
}

/** A bit offset that stays in the data window. */
function bitOffset({ prng, record, encoded }: Tweak): void {
  if (encoded.memory === undefined || encoded.encoding.row.operands[1]?.startsWith('G') !== true) return;
  if (prng.chance(0.03)) return;
  record.gpr[encoded.reg] = BigInt.asUintN(64, BigInt(prng.between(-1200, 1200)));
}

function readOperand({ record, encoded }: Tweak, bytes: number): bigint | undefined {
  if (encoded.memory === undefined) return encoded.rm >= 0 ? record.gpr[encoded.rm] : undefined;
  const at = offsetOf(encoded.memory.linear, Math.max(bytes, 8));
  return at === undefined ? undefined : record.view.getBigUint64(at, true);
}

function compareExchange(tweak: Tweak): void {
  if (tweak.prng.chance(0.5)) tweak.record.gpr[RAX] = readOperand(tweak, 8) ?? 0n;
}

function compareExchangePair({ prng, record, encoded }: Tweak): void {
  if (encoded.memory === undefined || prng.chance(0.5)) return;
  const at = offsetOf(encoded.memory.linear, 16);
  if (at === undefined) return;
  const wide = encoded.operandSize === 64;
  record.gpr[RAX] = wide ? record.view.getBigUint64(at, true) : BigInt(record.view.getUint32(at, true));
  record.gpr[RDX] = wide ? record.view.getBigUint64(at + 8, true) : BigInt(record.view.getUint32(at + 4, true));
}

/** Puts a branch target where an indirect near branch reads it. */
function indirectTarget({ prng, record, encoded }: Tweak): void {
  // CALL's push may fault before or after its target does.
  const pushes = encoded.encoding.mnemonic === 'CALL' && offsetOf(Number(record.gpr[RSP]), 0) === undefined;
  if (!pushes && prng.chance(0.05)) return;
  const target = BigInt(pickTarget(prng, Number(record.rip), { near: false, length: 0 }));
  if (encoded.memory === undefined) {
    if (encoded.rm >= 0 && encoded.rm !== RSP) record.gpr[encoded.rm] = target;
    return;
  }
  const at = offsetOf(encoded.memory.linear, 8);
  if (at !== undefined) record.view.setBigUint64(at, target, true);
}

function returnAddress({ prng, record }: Tweak): void {
  const at = offsetOf(Number(record.gpr[RSP]), 8);
  if (at === undefined || prng.chance(0.05)) return;
  const target = BigInt(pickTarget(prng, Number(record.rip), { near: false, length: 0 }));
  record.view.setBigUint64(at, target, true);
}

function frameAtStack({ prng, record }: Tweak): void {
  if (prng.chance(0.9)) record.gpr[RBP] = BigInt(WINDOWS.stack.linear + 192 + prng.below(24) * 8);
}

/** A frame and a level that fit the stack window, mostly: the last bytes are imm16 and imm8. */
function enterFrame(tweak: Tweak): void {
  const { prng, record } = tweak;
  frameAtStack(tweak);
  if (prng.chance(0.1)) return;
  const code = [...record.code];
  code.splice(-3, 3, prng.below(128), 0, (prng.u32() & 0xe0) | prng.pick([0, 0, 1, 2, 3, 7]));
  record.code = code;
}

function tableAtRbx({ prng, record }: Tweak): void {
  if (prng.chance(0.95)) record.gpr[RBX] = BigInt(WINDOWS.data.linear + prng.below(WINDOWS.data.sizeBytes - 256));
}

function maskedStore({ prng, record }: Tweak): void {
  if (prng.chance(0.95)) record.gpr[RDI] = dataLinear(prng, 1);
}

function explicitLengths({ prng, record }: Tweak): void {
  for (const register of [RAX, RDX]) {
    if (prng.chance(0.8)) record.gpr[register] = BigInt.asUintN(64, BigInt(prng.between(-20, 20)));
  }
  similarVectors({ prng, record });
}

/** Strings that share characters: copies of XMM registers with a few bytes changed or rotated. */
function similarVectors({ prng, record }: { prng: Prng; record: CaseRecord }): void {
  const at = RECORD.fxsave + 160;
  const letters = prng.pick([2, 4, 16, 256]);
  const sign = prng.pick([0, 0x7e, 0xfe]);
  for (let i = 0; i < 256; i++) record.bytes[at + i] = prng.chance(0.04) ? 0 : (prng.below(letters) + sign) & 255;
  const data = WINDOWS.data.offset;
  if (prng.chance(0.7))
    for (let i = 0; i < WINDOWS.data.sizeBytes; i++) record.bytes[data + i] = record.bytes[at + (i & 255)]!;
}

/** Counts of packed shifts: mostly below twice the lane width. */
function shiftCount({ prng, record, encoded }: Tweak): void {
  if (prng.chance(0.2)) return;
  const count = BigInt(prng.below(72));
  if (encoded.memory !== undefined) {
    const at = offsetOf(encoded.memory.linear, 8);
    if (at !== undefined) record.view.setBigUint64(at, count, true);
  } else if (encoded.rm >= 0) {
    record.view.setBigUint64(RECORD.fxsave + 160 + 16 * encoded.rm, count, true);
    record.view.setBigUint64(RECORD.fxsave + 32 + 16 * (encoded.rm & 7), count, true);
  }
}

/** MXCSR without reserved bits, mostly, and without bit 17, which is AMD's MM. */
function validMxcsr({ prng, record, encoded }: Tweak): void {
  if (encoded.memory === undefined) return;
  const offset = encoded.encoding.mnemonic === 'LDMXCSR' ? 0 : 24;
  const at = offsetOf(encoded.memory.linear + offset, 4);
  if (at !== undefined) record.view.setUint32(at, prng.u32() & (prng.chance(0.1) ? ~0x2_0000 : 0xffff), true);
}

function smallCount({ prng, record }: Tweak): void {
  if (prng.chance(0.7)) record.gpr[RCX] = BigInt(prng.below(3));
}

/** FSCALE, FPREM and the like: exponents close to each other, a small ST1. */
function nearbyExponents({ prng, record }: Tweak): void {
  if (prng.chance(0.5)) return;
  const at = RECORD.fxsave + 32;
  const exponent = record.view.getUint16(at + 8, true) & 0x7fff;
  const other = Math.min(Math.max(exponent + prng.between(-70, 70), 0), 0x7fff);
  record.view.setUint16(at + 24, other | (prng.below(2) << 15), true);
}

const shifts = Object.fromEntries(
  ['PSLLW', 'PSLLD', 'PSLLQ', 'PSRLW', 'PSRLD', 'PSRLQ', 'PSRAW', 'PSRAD'].map((name) => [name, shiftCount]),
);
const strings = Object.fromEntries(
  ['MOVS', 'CMPS', 'STOS', 'LODS', 'SCAS'].flatMap((name) => [
    [name, stringOperands],
    [`${name}B`, stringOperands],
  ]),
);
const bits = Object.fromEntries(['BT', 'BTS', 'BTR', 'BTC'].map((name) => [name, bitOffset]));

/** What a mnemonic's operands must be like to do something worth comparing. */
const TWEAKS: Readonly<Record<string, (tweak: Tweak) => void>> = {
  ...shifts,
  ...strings,
  ...bits,
  LEAVE: frameAtStack,
  ENTER: enterFrame,
  DIV: dividend,
  IDIV: dividend,
  CMPXCHG: compareExchange,
  CMPXCHG8B: compareExchangePair,
  CMPXCHG16B: compareExchangePair,
  JMP: indirectTarget,
  CALL: indirectTarget,
  RET: returnAddress,
  XLAT: tableAtRbx,
  XLATB: tableAtRbx,
  MASKMOVQ: maskedStore,
  MASKMOVDQU: maskedStore,
  PCMPESTRI: explicitLengths,
  PCMPESTRM: explicitLengths,
  PCMPISTRI: similarVectors,
  PCMPISTRM: similarVectors,
  LDMXCSR: validMxcsr,
  FXRSTOR: validMxcsr,
  LOOP: smallCount,
  LOOPE: smallCount,
  LOOPNE: smallCount,
  JCXZ: smallCount,
  JRCXZ: smallCount,
  FSCALE: nearbyExponents,
  FPREM: nearbyExponents,
  FPREM1: nearbyExponents,
};

function tweakOf(encoding: Encoding): ((tweak: Tweak) => void) | undefined {
  return (encoding.row.options.system === true ? SYSTEM_TWEAKS : TWEAKS)[encoding.mnemonic];
}
