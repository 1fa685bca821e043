import type { OperandCode } from '../../src/x86/opcodes/row.ts';
import type { Encoding } from './encodings.ts';
import type { CaseRecord } from './native/case.ts';
import {
  CODE_LINEAR,
  CS_32,
  CS_64,
  DATA_LINEAR,
  PAGE_BYTES,
  READ_ONLY_LINEAR,
  UNMAPPED_LINEAR,
  WINDOWS,
} from './native/layout.ts';
import type { Prng } from './prng.ts';

/** What was chosen for one case: enough for its state to be made to fit. */
export interface Encoded {
  readonly encoding: Encoding;
  readonly mode: 32 | 64;
  readonly operandSize: 16 | 32 | 64;
  readonly addressSize: 16 | 32 | 64;
  readonly lock: boolean;
  readonly repeat: boolean;
  /** ModR/M fields with their REX bits; -1 without ModR/M. `rm` is a register only when `memory` is undefined. */
  readonly reg: number;
  readonly rm: number;
  /** Linear address and size of the operand in memory by ModR/M or moffs. */
  readonly memory: { readonly linear: number; readonly bytes: number } | undefined;
  readonly length: number;
}

const ESCAPES: Record<string, readonly number[]> = {
  primary: [],
  map0f: [0x0f],
  map0f38: [0x0f, 0x38],
  map0f3a: [0x0f, 0x3a],
};
const PREFIX_BYTES: Record<string, readonly number[]> = { any: [], none: [], '66': [0x66], f3: [0xf3], f2: [0xf2] };
const PP: Record<string, number> = { any: 0, none: 0, '66': 1, f3: 2, f2: 3 };

/** Bytes of an immediate, by code; 0 for others. */
function immediateBytes(code: OperandCode, encoded: { operandSize: number; addressSize: number }): number {
  switch (code) {
    case 'Ib':
    case 'Ibs':
    case 'Jb':
      return 1;
    case 'Iw':
      return 2;
    case 'Id':
      return 4;
    case 'Iz':
    case 'Jz':
      return encoded.operandSize === 16 ? 2 : 4;
    case 'Iv':
      return encoded.operandSize / 8;
    case 'Ap':
      return encoded.operandSize === 16 ? 4 : 6;
    default:
      return code.startsWith('O') ? encoded.addressSize / 8 : 0;
  }
}

const FIXED_MEMORY_BYTES: Record<string, number> = { b: 1, w: 2, d: 4, q: 8, dq: 16, t: 10 };

/** Bytes of the operand in memory. Without a size letter: the largest area that such instructions touch. */
function memoryBytes(encoding: Encoding, sizes: { operandSize: number; mode: number }): number {
  const code = encoding.row.operands.find((operand) => /^[EMQWO]([a-z]|$)/.test(operand));
  if (code === undefined) return 4;
  const size = code.slice(1);
  const operandBytes = sizes.operandSize / 8;
  if (size === 'v') return operandBytes;
  if (size === 'z') return Math.min(operandBytes, 4);
  if (size === 'y') return Math.max(operandBytes, 4);
  if (size === 'p') return operandBytes + 2;
  if (size === 'a') return operandBytes * 2;
  if (size === 's') return sizes.mode === 64 ? 10 : 6;
  return FIXED_MEMORY_BYTES[size] ?? UNSIZED_MEMORY_BYTES[encoding.mnemonic] ?? 8;
}

/** Areas by mnemonic (SDM Vol. 2A and Vol. 1 §8.1.10, §10.5.1, §13.4). */
const UNSIZED_MEMORY_BYTES: Record<string, number> = {
  FXSAVE: 512,
  FXRSTOR: 512,
  XSAVE: 832,
  XSAVEC: 832,
  XSAVEOPT: 832,
  XRSTOR: 832,
  FNSAVE: 108,
  FRSTOR: 108,
  FNSTENV: 28,
  FLDENV: 28,
  CMPXCHG16B: 16,
};
const UNSIZED_ALIGNMENT: Record<string, number> = {
  FXSAVE: 16,
  FXRSTOR: 16,
  XSAVE: 64,
  XSAVEC: 64,
  XSAVEOPT: 64,
  XRSTOR: 64,
};

/** Where an operand of `bytes` goes: mostly aligned in the data window, sometimes where it faults. */
function pickLinear(
  prng: Prng,
  bytes: number,
  options: { alignment: number; lock: boolean; hostile: boolean },
): number {
  const { linear, sizeBytes } = WINDOWS.data;
  const room = Math.max(sizeBytes - bytes, 0);
  const aligned = linear + Math.floor(prng.below(room + 1) / options.alignment) * options.alignment;
  // A LOCK across cache lines stops some hosts with #AC (split-lock detection).
  if (options.lock) return prng.chance(0.97) ? aligned : READ_ONLY_LINEAR + 64;
  switch (prng.below(options.hostile ? 3 : 32)) {
    case 0: // over the end of the mapping, or just not
      return WINDOWS.edge.linear + WINDOWS.edge.sizeBytes - prng.below(2 * bytes);
    case 1:
      return READ_ONLY_LINEAR + prng.below(PAGE_BYTES - bytes);
    case 2:
      return prng.chance(0.5) ? UNMAPPED_LINEAR + prng.below(PAGE_BYTES) : DATA_LINEAR - prng.below(bytes + 1);
    case 3:
    case 4: // over the border between the two pages
      return DATA_LINEAR + PAGE_BYTES - prng.below(Math.min(bytes, 511) + 1);
    case 5:
    case 6:
    case 7:
      return linear + prng.below(room + 1);
    default:
      return aligned;
  }
}

const RSP = 4;
const RBP = 5;

/** AMD lets F2 and F3 choose LOOPE or LOOPNE: nothing that a manual says. */
const REPEAT_MATTERS: ReadonlySet<string> = new Set(['LOOPE', 'LOOPNE']);

interface Choice {
  readonly mode: 32 | 64;
  readonly operandSize: 16 | 32 | 64;
  readonly addressSize: 16 | 32 | 64;
  readonly rexW: boolean;
}

interface SizedChoice extends Choice {
  readonly prefix66: boolean;
  readonly prefix67: boolean;
}

/** MOVSXD with 66 reads 16 bits on Intel's processors and 32 on AMD's: SDM Vol. 2B and APM Vol. 3 "MOVSXD". */
function chooseSizes(prng: Prng, encoding: Encoding, options: EncodeOptions): SizedChoice {
  const mode = options.mode ?? (prng.pick(encoding.modes.length === 2 ? [64, 64, 64, 32] : encoding.modes) as 32 | 64);
  const { d64, f64 } = encoding.row.options;
  const sized = encoding.row.operands.some((code) => /^([A-Z][vzypa]|Ibs|eAX|rAX)$/.test(code));
  const prefix66 =
    encoding.allows66 &&
    encoding.mnemonic !== 'MOVSXD' &&
    f64 !== true &&
    !encoding.map.startsWith('vex') &&
    prng.chance(sized ? 0.25 : 0.03);
  // Far pointers of m16:64 are Intel's only: AMD ignores REX.W there.
  const far = encoding.row.operands.includes('Mp');
  const rexW = mode === 64 && !far && (encoding.rexW ?? prng.chance(sized ? 0.35 : 0.08));
  const prefix67 = options.absolute !== true && prng.chance(mode === 64 ? 0.08 : 0.01);
  let operandSize: 16 | 32 | 64 = 32;
  if (rexW || (mode === 64 && (f64 === true || (d64 === true && !prefix66)))) operandSize = 64;
  else if (prefix66 || encoding.prefix === '66') operandSize = 16;
  const addressSize = mode === 64 ? (prefix67 ? 32 : 64) : prefix67 ? 16 : 32;
  return { mode, operandSize, addressSize, rexW, prefix66, prefix67 };
}

/** ModR/M, SIB and displacement, and the registers that make the address come out. */
class AddressForm implements RmForm {
  readonly rm = -1;
  readonly bytes: number[] = [];
  rexX = 0;
  rexB = 0;
  /** Offset in `bytes` of a RIP-relative displacement, or -1. */
  ripDisplacementAt = -1;
}

/** Encodes memory at `offset` (of the segment) in a random way and sets base and index registers for it. */
function encodeMemory(
  prng: Prng,
  record: CaseRecord,
  options: Choice & { regField: number; offset: bigint; absolute: boolean; keepsRaxRdx: boolean },
): AddressForm {
  const { mode, addressSize, offset } = options;
  const form = new AddressForm();
  const modrm = (mod: number, rm: number) => form.bytes.push((mod << 6) | ((options.regField & 7) << 3) | rm);
  const imm32 = (value: bigint) => {
    for (let i = 0n; i < 32n; i += 8n) form.bytes.push(Number((value >> i) & 255n));
  };
  if (addressSize === 16) {
    encodeMemory16(prng, record, form, { ...options, modrm });
    return form;
  }
  const style = options.absolute ? 0 : prng.below(10);
  const fitsDisp32 = BigInt.asIntN(32, offset) === offset;
  if (style === 0 && fitsDisp32) {
    if (mode === 64 && prng.chance(0.6)) {
      modrm(0, 5);
      form.ripDisplacementAt = form.bytes.length;
      imm32(offset);
    } else if (mode === 64) {
      modrm(0, 4);
      form.bytes.push((prng.below(4) << 6) | 0x25);
      imm32(offset);
    } else {
      modrm(0, 5);
      imm32(offset);
    }
    return form;
  }
  const registers = mode === 64 ? 16 : 8;
  const free = (register: number): number => (options.keepsRaxRdx && (register === 0 || register === 2) ? 3 : register);
  const base = free(prng.below(registers));
  let index = free(prng.below(registers));
  const useSib = (base & 7) === RSP || prng.chance(0.4);
  if (!useSib || prng.chance(0.2)) index = RSP; // none
  if (index === base && index !== RSP) index = RBP === base || RSP === (index ^ 1) ? RSP : free(index ^ 1);
  if (index === base) index = RSP;
  const scale = useSib ? prng.below(4) : 0;
  const noBase = useSib && (base & 7) === RBP && prng.chance(0.3);
  const mod = noBase ? 0 : (base & 7) === RBP ? prng.pick([1, 2]) : prng.below(3);
  const displacement = mod === 1 ? BigInt(prng.between(-128, 127)) : mod === 2 || noBase ? BigInt(prng.u32() | 0) : 0n;
  const width = addressSize;
  const indexed = index !== RSP ? (record.gpr[index] ?? 0n) << BigInt(scale) : 0n;
  if (noBase) {
    // The index must do it: offset - displacement has to be a multiple of the scale.
    const rest = offset - displacement;
    const fixed = index === RSP ? offset : displacement + (rest & ((1n << BigInt(scale)) - 1n));
    const indexValue = (offset - fixed) >> BigInt(scale);
    if (index !== RSP) setAddressRegister(prng, record, index, { value: indexValue, width, mode });
    modrm(0, 4);
    form.bytes.push((scale << 6) | ((index & 7) << 3) | RBP);
    imm32(fixed);
  } else {
    setAddressRegister(prng, record, base, { value: offset - displacement - indexed, width, mode });
    modrm(mod, useSib ? 4 : base & 7);
    if (useSib) form.bytes.push((scale << 6) | ((index & 7) << 3) | (base & 7));
    if (mod === 1) form.bytes.push(Number(displacement & 255n));
    if (mod === 2) imm32(displacement);
  }
  form.rexB = noBase ? 0 : base >> 3;
  form.rexX = useSib ? index >> 3 : 0;
  return form;
}

/** 16-bit addressing reaches only the first 64 KiB, where nothing is mapped: for LEA and for faults. */
function encodeMemory16(
  prng: Prng,
  _record: CaseRecord,
  form: AddressForm,
  options: { modrm: (mod: number, rm: number) => void },
): void {
  const mod = prng.below(3);
  const rm = prng.below(8);
  options.modrm(mod, rm);
  const displacementBytes = mod === 1 ? 1 : mod === 2 || rm === 6 ? 2 : 0;
  for (let i = 0; i < displacementBytes; i++) form.bytes.push(prng.below(256));
}

function setAddressRegister(
  prng: Prng,
  record: CaseRecord,
  register: number,
  options: { value: bigint; width: number; mode: number },
): void {
  const low = BigInt.asUintN(options.width, options.value);
  // With 32-bit addresses in 64-bit mode the upper half does not matter.
  const high = options.width === 32 && options.mode === 64 && prng.chance(0.5) ? BigInt(prng.u32()) << 32n : 0n;
  record.gpr[register] = low | high;
}

/** A branch target in the code page, clear of the instruction itself. */
export function pickTarget(prng: Prng, start: number, options: { near: boolean; length: number }): number {
  for (;;) {
    const target = options.near
      ? start + options.length + prng.between(-128, 127)
      : CODE_LINEAR + prng.below(PAGE_BYTES);
    if (target < start - 1 || target >= start + 16) return target;
  }
}

export interface EncodeOptions {
  /** The memory operand is one that faults, or nearly. */
  readonly hostile: boolean;
  /** Only this mode. */
  readonly mode?: 32 | 64;
  /** Memory by absolute or RIP-relative addresses in the data window only: no register decides what it is. */
  readonly absolute?: boolean;
}

interface Prefixes {
  readonly bytes: number[];
  /** Of FS or GS, if one is given and has one. */
  readonly segmentBase: bigint;
  readonly lock: boolean;
  readonly repeat: boolean;
}

/** Legacy prefixes in any order. FS and GS have a base in 64-bit mode; in 32-bit code they are null here, and fault. */
function choosePrefixes(
  prng: Prng,
  encoding: Encoding,
  record: CaseRecord,
  options: SizedChoice & { inMemory: boolean; absolute: boolean },
): Prefixes {
  const { mode, addressSize, absolute } = options;
  const { lock: mayLock, repeat: mayRepeat } = encoding.row.options;
  const lock = prng.chance(mayLock === true && options.inMemory ? 0.25 : absolute ? 0 : 0.004);
  const repeatable = encoding.prefix === 'any' && !REPEAT_MATTERS.has(encoding.mnemonic);
  const repeat = repeatable && prng.chance(mayRepeat === true ? 0.6 : 0.01);
  const bytes: number[] = [];
  let segmentBase = 0n;
  if (!absolute && prng.chance(mode === 64 ? 0.08 : 0.02)) {
    const prefix = prng.pick(
      mode === 64 ? [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x64, 0x65, 0x65] : [0x26, 0x2e, 0x36, 0x3e, 0x64],
    );
    const base = mode === 32 ? 0n : prefix === 0x64 ? record.fsBase : prefix === 0x65 ? record.gsBase : 0n;
    // A 32-bit offset is never negative: a base above the operand does not reach it.
    if (addressSize === 64 || base <= DATA_LINEAR) {
      bytes.push(prefix);
      segmentBase = base;
    }
  }
  if (options.prefix66) bytes.push(0x66);
  if (options.prefix67) bytes.push(0x67);
  if (repeat) bytes.push(prng.pick([0xf3, 0xf2]));
  if (lock) bytes.push(0xf0);
  shuffle(prng, bytes);
  return { bytes, segmentBase, lock, repeat };
}

/** What ModR/M.rm, SIB and displacement, or the opcode's low bits, name. */
interface RmForm {
  readonly bytes: number[];
  readonly rm: number;
  readonly rexX: number;
  readonly rexB: number;
  /** Offset in `bytes` of a RIP-relative displacement, or -1. */
  readonly ripDisplacementAt: number;
}

function registerForm(prng: Prng, encoding: Encoding, options: { mode: 32 | 64; reg: number }): RmForm {
  const { mode, reg } = options;
  const none = { bytes: [], rm: -1, rexX: 0, rexB: 0, ripDisplacementAt: -1 };
  if (encoding.hasModrm) {
    const registers = mode === 64 ? 16 : 8;
    let rm = encoding.rm ?? prng.below(registers);
    if (encoding.rm === undefined && prng.chance(0.1) && reg >= 0) rm = reg & (registers - 1);
    const rexX = mode === 64 && prng.chance(0.03) ? 1 : 0; // ignored
    return { ...none, bytes: [0xc0 | ((reg & 7) << 3) | (rm & 7)], rm, rexX, rexB: rm >> 3 };
  }
  const inOpcode = encoding.rexB !== undefined || encoding.row.operands.some((code) => code.startsWith('Z'));
  if (!inOpcode || mode === 32) return none;
  const rexB = encoding.rexB === undefined ? prng.below(2) : Number(encoding.rexB);
  return { ...none, rm: rexB * 8 + (encoding.opcode & 7), rexB };
}

/** Prefixes, REX or VEX, and the opcode. */
function encodeHead(
  prng: Prng,
  encoding: Encoding,
  options: { mode: 32 | 64; rexW: boolean; reg: number; form: RmForm; prefixes: readonly number[] },
): number[] {
  const { mode, rexW, reg, form, prefixes } = options;
  if (encoding.map.startsWith('vex')) {
    const vvvv = encoding.row.operands.some((code) => code.startsWith('B')) ? prng.below(16) : 0;
    const map = encoding.map === 'vex0f38' ? 2 : 3;
    return [
      ...prefixes.filter((prefix) => ![0x66, 0xf0, 0xf2, 0xf3].includes(prefix)),
      0xc4,
      (((reg >> 3) ^ 1) << 7) | ((form.rexX ^ 1) << 6) | ((form.rexB ^ 1) << 5) | map,
      (rexW ? 0x80 : 0) | ((~vvvv & 15) << 3) | (PP[encoding.prefix] ?? 0),
      encoding.opcode,
    ];
  }
  const rex = (rexW ? 8 : 0) | (reg >= 8 ? 4 : 0) | (form.rexX << 1) | form.rexB;
  const rexBytes = mode === 64 && (rex !== 0 || prng.chance(0.15)) ? [0x40 | rex] : [];
  const mandatory = PREFIX_BYTES[encoding.prefix] ?? [];
  return [...prefixes, ...mandatory, ...rexBytes, ...(ESCAPES[encoding.map] ?? []), encoding.opcode];
}

/** ModR/M.reg with REX.R; -1 without ModR/M. */
function chooseReg(prng: Prng, encoding: Encoding, mode: 32 | 64): number {
  if (!encoding.hasModrm) return -1;
  const { operands } = encoding.row;
  const reg = encoding.reg ?? prng.below(mode === 32 || operands.includes('Sw') ? 8 : 16);
  if (encoding.rexR !== undefined) return (reg & 7) | (encoding.rexR ? 8 : 0);
  return operands.some((code) => code.startsWith('P')) && prng.chance(0.8) ? reg & 7 : reg;
}

/**
 * Picks one of the encoding's many instructions, writes its bytes to the record and sets the registers of its
 * address. The record's registers have their random values already.
 */
export function encodeRandom(prng: Prng, encoding: Encoding, record: CaseRecord, options: EncodeOptions): Encoded {
  const choice = chooseSizes(prng, encoding, options);
  const { mode, operandSize, addressSize, rexW } = choice;
  const { operands } = encoding.row;
  const absolute = options.absolute === true;
  if (mode === 32) for (let i = 0; i < 16; i++) record.gpr[i] = BigInt.asUintN(32, record.gpr[i] ?? 0n);
  const reg = chooseReg(prng, encoding, mode);
  const inMemory = encoding.hasModrm && (encoding.mod === 'memory' || (encoding.mod === 'any' && prng.chance(0.5)));
  const {
    bytes: prefixes,
    segmentBase,
    lock,
    repeat,
  } = choosePrefixes(prng, encoding, record, {
    ...choice,
    inMemory,
    absolute,
  });
  const bytes = memoryBytes(encoding, choice);
  const alignment = UNSIZED_ALIGNMENT[encoding.mnemonic] ?? (bytes & (bytes - 1) ? 2 : Math.min(bytes, 64));
  const hasOperand = inMemory || operands.some((code) => code.startsWith('O'));
  const place = { alignment, lock: lock || absolute, hostile: options.hostile };
  const linear = hasOperand ? pickLinear(prng, bytes, place) : -1;
  const form = inMemory
    ? encodeMemory(prng, record, {
        ...choice,
        regField: reg,
        offset: BigInt.asIntN(64, BigInt(linear) - segmentBase),
        absolute,
        keepsRaxRdx: /^X(SAVE|RSTOR)/.test(encoding.mnemonic), // they choose the components
      })
    : registerForm(prng, encoding, { mode, reg });
  const head = encodeHead(prng, encoding, { mode, rexW, reg, form, prefixes });
  const immediateCount = operands.reduce((sum, code) => sum + immediateBytes(code, choice), 0);
  const length = head.length + form.bytes.length + immediateCount;
  const start = Number(record.rip);
  if (form.ripDisplacementAt >= 0) {
    writeLittleEndian(form.bytes, form.ripDisplacementAt, linear - Number(segmentBase) - (start + length));
  }
  const immediates = operands.flatMap((code) =>
    randomImmediate(prng, code, { bytes: immediateBytes(code, choice), start, length, linear, segmentBase }),
  );
  record.code = [...head, ...form.bytes, ...immediates].slice(0, 16);
  record.cs = mode === 64 ? CS_64 : CS_32;
  const memory = linear >= 0 ? { linear, bytes } : undefined;
  return { encoding, mode, operandSize, addressSize, lock, repeat, reg, rm: form.rm, memory, length };
}

function randomImmediate(
  prng: Prng,
  code: OperandCode,
  options: { bytes: number; start: number; length: number; linear: number; segmentBase: bigint },
): number[] {
  const { bytes, start, length } = options;
  const out = new Array<number>(bytes).fill(0);
  if (bytes === 0) return out;
  if (code.startsWith('J')) {
    const target = pickTarget(prng, start, { near: bytes === 1, length });
    writeLittleEndian(out, 0, target - (start + length));
  } else if (code.startsWith('O')) {
    const offset = BigInt.asUintN(bytes * 8, BigInt(options.linear) - options.segmentBase);
    for (let i = 0; i < bytes; i++) out[i] = Number((offset >> BigInt(8 * i)) & 255n);
  } else {
    const style = prng.below(6);
    for (let i = 0; i < bytes; i++) out[i] = style === 0 ? 0 : style === 1 ? 255 : prng.below(256);
    if (style >= 4) {
      out.fill(style === 4 ? 0 : 255);
      out[0] = prng.below(256);
    }
  }
  return out;
}

/** Up to four bytes. */
function writeLittleEndian(bytes: number[], at: number, value: number): void {
  for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = (value >> (8 * i)) & 255;
}

function shuffle(prng: Prng, list: number[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
}
