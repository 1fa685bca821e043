import { STATUS_FLAGS } from '../../src/x86/state.ts';
import { COMPLETED, type Masks } from './compare.ts';
import type { Encoded } from './encode.ts';
import type { CaseRecord } from './native/case.ts';
import { RECORD, RECORD_BYTES } from './native/layout.ts';
import { offsetOf } from './native/offset-of.ts';

/** Where implementations may differ by the manuals' own words, and what of a result is left out for it. */
type Quirk = (encoded: Encoded, given: CaseRecord, host: CaseRecord) => Masks;

const EVERYTHING: Masks = { ignore: [{ at: 0, bytes: RECORD_BYTES }] };
const C1 = 0x0200;
const PE = 0x0020;
const ST0 = RECORD.fxsave + 32;
const ST1 = ST0 + 16;
const xmm = (index: number): number => RECORD.fxsave + 160 + 16 * index;

/** SDM Vol. 1 §8.3.10 "Transcendental Instruction Accuracy": an error below one unit in the last place. */
const transcendental: Quirk = () => ({
  ignoredFsw: C1 | PE,
  tolerance: { format: 'f80', at: [ST0, ST1], ulps: 1 },
});

/** A relative error below 1.5 * 2^-12 on either side: SDM Vol. 2B "RCPPS". 2^-12 is 2^12 units at the end of a binade. */
const approximation: Quirk = (encoded) => {
  const at = xmm(encoded.reg);
  return { tolerance: { format: 'f32', at: [at, at + 4, at + 8, at + 12], ulps: 3 << 12 } };
};

/** Last instruction and operand, which AMD stores only while an exception is pending (APM Vol. 2 §11.4.4); MXCSR_MASK. */
const savedPointers = (first: number, bytes: number) => (encoded: Encoded) => {
  const at = encoded.memory === undefined ? undefined : offsetOf(encoded.memory.linear, first + bytes);
  return at === undefined ? {} : { ignore: [{ at: at + first, bytes }] };
};

/** The environment holds pointers in its second half, in 16-bit form from byte 6, in 32-bit form from byte 12. */
const environmentPointers: Quirk = (encoded) =>
  encoded.operandSize === 16 ? savedPointers(6, 8)(encoded) : savedPointers(12, 16)(encoded);

/** A random number, and CF that says there was one. */
const randomNumber: Quirk = (encoded) => ({
  undefinedFlags: 1,
  ignore: encoded.rm < 0 ? [] : [{ at: RECORD.gpr + 8 * encoded.rm, bytes: 8 }],
});

const ALL_MEMORY = { at: RECORD.memory, bytes: RECORD.code - RECORD.memory };
const STRAY = { at: RECORD.stray, bytes: 2 };

/** What a faulting instruction of several pushes has pushed already: silicon leaves it below RSP, which has not moved. */
const partialPushes: Quirk = (_, __, host) => (host.vector === COMPLETED ? {} : { ignore: [ALL_MEMORY, STRAY] });

/** A faulting POPA has loaded some registers already, and may have read the slot of ESP. */
const partialPops: Quirk = (_, __, host) =>
  host.vector === COMPLETED
    ? {}
    : {
        ignore: [
          { at: RECORD.gpr, bytes: 32 },
          { at: RECORD.gpr + 40, bytes: 24 },
          { at: RECORD.cr2, bytes: 8 },
        ],
      };

/**
 * A bad target and a stack that cannot be pushed to: which fault comes first differs. So does what a far CALL to code of
 * another size does with an RSP that is beyond 4 GiB.
 */
const callFaults: Quirk = (encoded, given, host) => {
  const mayFault = encoded.encoding.row.options.system === true || host.vector !== COMPLETED;
  return mayFault && offsetOf(Number(given.gpr[4]), 0) === undefined ? EVERYTHING : {};
};

/** A null selector clears the base of FS or GS on Intel's processors and keeps it on AMD's (APM Vol. 2 §4.5.3). */
const segmentBase: Quirk = (encoded) =>
  encoded.encoding.row.options.system === true ? { ignore: [{ at: RECORD.fsBase, bytes: 16 }] } : {};

/** With 16-bit operands a count above 16 leaves destination and flags undefined (SDM Vol. 2B "SHLD"). */
const doubleShift: Quirk = (encoded, given) => {
  const { code } = given;
  const byCl = (encoded.encoding.opcode & 1) === 1;
  const count = (byCl ? given.bytes[RECORD.gpr + 8]! : code[code.length - 1]!) & 31;
  if (encoded.operandSize !== 16 || count <= 16) return {};
  const at = encoded.memory === undefined ? RECORD.gpr + 8 * encoded.rm : offsetOf(encoded.memory.linear, 2);
  return { undefinedFlags: STATUS_FLAGS, ignore: at === undefined ? [] : [{ at, bytes: 2 }] };
};

const FSW_ES = 0x80;
const FSW_CONDITIONS = 0x4500; // C3 C2 C0

/** With #IA unmasked Intel leaves the conditions alone (SDM Vol. 2A "FCOM"), AMD sets them to unordered. */
const comparison: Quirk = (_, given, host) => {
  const invalidMasked = (given.bytes[RECORD.fxsave]! & 1) === 1;
  const status = host.view.getUint16(RECORD.fxsave + 2, true);
  if (invalidMasked || (status & FSW_ES) === 0) return {};
  return { ignoredFsw: FSW_CONDITIONS, undefinedFlags: STATUS_FLAGS };
};

/** As above; C1 is cleared by Intel's processors and kept by AMD's. */
const flagComparison: Quirk = (encoded, given, host) => {
  const masks = comparison(encoded, given, host);
  return { ...masks, ignoredFsw: C1 | (masks.ignoredFsw ?? 0) };
};

/** Vector, error code and CR2. */
const FAULT = { at: RECORD.vector, bytes: 16 };

/** Areas of many words: which word faults first, and what was stored before, is the processor's own affair. */
const area: Quirk = (encoded, _, host) => {
  if (host.vector === COMPLETED || encoded.memory === undefined) return {};
  const { linear, bytes } = encoded.memory;
  const within = [...Array(bytes).keys()].filter((i) => offsetOf(linear + i, 1) !== undefined);
  return { ignore: [FAULT, ...within.map((i) => ({ at: offsetOf(linear + i, 1) ?? 0, bytes: 1 }))] };
};

/** A pair whose second half is beyond the limit: the first half's fault may come first. */
const pair: Quirk = (_, __, host) => (host.vector === COMPLETED ? {} : { ignore: [FAULT] });

/** Bits 19:16 of the access rights are undefined (SDM Vol. 2A "LAR"). */
const accessRights: Quirk = (encoded) => ({ ignore: [{ at: RECORD.gpr + 8 * encoded.reg + 2, bytes: 1 }] });

/** Which word of the frame is read first, and what AMD reads beyond it (at RSP + imm16), differs. */
const farReturnFaults: Quirk = (encoded, given, host) => {
  if (encoded.encoding.row.options.system !== true || host.vector === COMPLETED) return {};
  const popsImmediate = encoded.encoding.row.operands.includes('Iw');
  return popsImmediate || offsetOf(Number(given.gpr[4]), 40) === undefined ? EVERYTHING : {};
};

/** AMD's processors take VERW with LOCK. */
const lockedVerw: Quirk = (encoded) => (encoded.lock ? EVERYTHING : {});

/** AMD's processors take LOCK MOV CR0 as MOV CR8. */
const lockedControl: Quirk = (encoded) =>
  encoded.lock && encoded.encoding.row.operands.includes('Cy') ? EVERYTHING : {};

const both =
  (first: Quirk, second: Quirk): Quirk =>
  (encoded, given, host) => {
    const [a, b] = [first(encoded, given, host), second(encoded, given, host)];
    return { ...a, ...b, ignore: [...(a.ignore ?? []), ...(b.ignore ?? [])] };
  };

/** SDM Vol. 2 wants SHA operands aligned; AMD's processors do not mind. */
const anyAlignment: Quirk = (encoded) =>
  encoded.memory !== undefined && (encoded.addressSize === 16 || (encoded.memory.linear & 15) !== 0) ? EVERYTHING : {};

/** Whether a masked store faults where it stores nothing is left open (SDM Vol. 2B "MASKMOVQ"). */
const maskedStore: Quirk = (_, __, host) => (host.vector === COMPLETED ? {} : EVERYTHING);

/** Whether the switch from x87 to MMX has happened when #XM is raised differs. */
const switchToMmx: Quirk = (_, __, host) =>
  host.vector === COMPLETED
    ? {}
    : {
        ignore: [
          { at: RECORD.fxsave + 2, bytes: 3 },
          { at: ST0, bytes: 128 },
        ],
      };

const names = (list: string, quirk: Quirk): Record<string, Quirk> =>
  Object.fromEntries(list.split(' ').map((name) => [name, quirk]));

const QUIRKS: Readonly<Record<string, Quirk>> = {
  ...names('F2XM1 FYL2X FYL2XP1 FPTAN FPATAN FSIN FCOS FSINCOS', transcendental),
  ...names('RCPPS RCPSS RSQRTPS RSQRTSS', approximation),
  ...names('FXSAVE XSAVE XSAVEC XSAVEOPT', both(area, both(savedPointers(6, 18), savedPointers(28, 4)))),
  ...names('FXRSTOR XRSTOR FRSTOR FLDENV', area),
  ...names('FNSTENV FNSAVE FSTENV FSAVE', both(area, environmentPointers)),
  ...names('FCOM FCOMP FCOMPP FUCOM FUCOMP FUCOMPP FICOM FICOMP FTST', comparison),
  ...names('FCOMI FCOMIP FUCOMI FUCOMIP', flagComparison),
  ...names('SHA1RNDS4 SHA1NEXTE SHA1MSG1 SHA1MSG2 SHA256RNDS2 SHA256MSG1 SHA256MSG2', anyAlignment),
  ...names('MASKMOVQ MASKMOVDQU', maskedStore),
  ...names('CVTPS2PI CVTTPS2PI CVTPD2PI CVTTPD2PI CVTPI2PS CVTPI2PD', switchToMmx),
  ...names('ENTER PUSHA', partialPushes),
  POPA: partialPops,
  CALL: callFaults,
  LAR: accessRights,
  VERW: lockedVerw,
  ...names('RET IRET', farReturnFaults),
  MOV: both(segmentBase, lockedControl),
  POP: segmentBase,
  ...names('LFS LGS', both(pair, segmentBase)),
  ...names('LES LDS LSS BOUND', pair),
  ...names('SHLD SHRD', doubleShift),
  ...names('RDRAND RDSEED', randomNumber),
};

/** `host` is the normalised result. */
export function masksFor(encoded: Encoded, given: CaseRecord, host: CaseRecord): Masks {
  return QUIRKS[encoded.encoding.mnemonic]?.(encoded, given, host) ?? {};
}

/**
 * Not compared: they enter the host's kernel, or answer with what belongs to the host (time, identity), or are
 * emulated by it.
 */
export const NOT_COMPARED: ReadonlySet<string> = new Set(
  (
    'SYSCALL SYSENTER SYSEXIT SYSRET INT INT1 INT3 CPUID RDTSC RDTSCP RDPMC RDPID XGETBV ' +
    'SGDT SIDT SLDT STR SMSW MONITOR MWAIT INTO VMCALL VMMCALL RDPKRU WRPKRU'
  ).split(' '),
);
