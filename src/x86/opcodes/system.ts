import * as call from '../semantics/system-call.ts';
import * as control from '../semantics/system-control.ts';
import * as flags from '../semantics/system-flags.ts';
import * as io from '../semantics/system-io.ts';
import * as misc from '../semantics/system-misc.ts';
import * as segments from '../semantics/system-segments.ts';
import * as transfer from '../semantics/system-transfer.ts';
import * as xsave from '../semantics/system-xsave.ts';
import type { Procedure } from '../semantics.ts';
import {
  byMod,
  byMode,
  byPrefix,
  byRex,
  type Entry,
  type Feature,
  group,
  type OpcodeMap,
  op,
  type RowOptions,
} from './row.ts';

/** System instructions, far transfers and I/O, in the order of SDM Vol. 2D App. A.3. */

const system = { system: true } as const;
const i64 = { system: true, i64: true } as const;
const o64 = { system: true, o64: true } as const;
const d64 = { system: true, d64: true } as const;
const protectedOnly = { system: true, protectedOnly: true } as const;
const repeat = { system: true, repeat: true } as const;
const needs = (feature: Feature, more: RowOptions = {}): RowOptions => ({ system: true, feature, ...more });

export const primary: OpcodeMap = {
  0x06: op(segments.PUSH_SEGMENT, ['ES'], i64),
  0x07: op(segments.POP_SEGMENT, ['ES'], i64),
  0x0e: op(segments.PUSH_SEGMENT, ['CS'], i64),
  0x16: op(segments.PUSH_SEGMENT, ['SS'], i64),
  0x17: op(segments.POP_SEGMENT, ['SS'], i64),
  0x1e: op(segments.PUSH_SEGMENT, ['DS'], i64),
  0x1f: op(segments.POP_SEGMENT, ['DS'], i64),
  0x62: op(transfer.BOUND, ['Gv', 'Ma'], i64),
  0x63: byMode(undefined, op(segments.ARPL, ['Ew', 'Gw'], protectedOnly)),
  0x6c: op(io.INSB, [], repeat),
  0x6d: op(io.INS, [], repeat),
  0x6e: op(io.OUTSB, [], repeat),
  0x6f: op(io.OUTS, [], repeat),
  // Memory gets 16 bits whatever the operand size.
  0x8c: byMod({
    memory: op(segments.MOV_FROM_SEGMENT, ['Mw', 'Sw'], system),
    register: op(segments.MOV_FROM_SEGMENT, ['Rv', 'Sw'], system),
  }),
  0x8e: op(segments.MOV_TO_SEGMENT, ['Sw', 'Ew'], system),
  0x9a: op(transfer.CALL_FAR, ['Ap'], i64),
  0x9c: op(flags.PUSHF, [], d64),
  0x9d: op(flags.POPF, [], d64),
  0xc4: op(segments.LES, ['Gv', 'Mp'], i64),
  0xc5: op(segments.LDS, ['Gv', 'Mp'], i64),
  0xca: op(transfer.RET_FAR_IMMEDIATE, ['Iw'], system),
  0xcb: op(transfer.RET_FAR, [], system),
  0xcc: op(transfer.INT3, [], system),
  0xcd: op(transfer.INT, ['Ib'], system),
  0xce: op(transfer.INTO, [], i64),
  0xcf: op(transfer.IRET, [], system),
  0xe4: op(io.INB, ['AL', 'Ib'], system),
  0xe5: op(io.IN, ['eAX', 'Ib'], system),
  0xe6: op(io.OUTB, ['Ib', 'AL'], system),
  0xe7: op(io.OUT, ['Ib', 'eAX'], system),
  0xea: op(transfer.JMP_FAR, ['Ap'], i64),
  0xec: op(io.INB, ['AL', 'DX'], system),
  0xed: op(io.IN, ['eAX', 'DX'], system),
  0xee: op(io.OUTB, ['DX', 'AL'], system),
  0xef: op(io.OUT, ['DX', 'eAX'], system),
  0xf1: op(transfer.INT1, [], system),
  0xf4: op(misc.HLT, [], system),
  0xfa: op(flags.CLI, [], system),
  0xfb: op(flags.STI, [], system),
  0xff: group({
    3: op(transfer.CALL_FAR_INDIRECT, ['Mp'], system),
    5: op(transfer.JMP_FAR_INDIRECT, ['Mp'], system),
  }),
};

/** A form of memory that stores 16 bits, and of registers that stores the operand size. */
const wordOrRegister = (meaning: Procedure, options: RowOptions): Entry =>
  byMod({ memory: op(meaning, ['Mw'], options), register: op(meaning, ['Rv'], options) });

const group6 = group({
  0x00: wordOrRegister(segments.SLDT, protectedOnly),
  0x01: wordOrRegister(segments.STR, protectedOnly),
  0x02: op(segments.LLDT, ['Ew'], protectedOnly),
  0x03: op(segments.LTR, ['Ew'], protectedOnly),
  0x04: op(segments.VERR, ['Ew'], protectedOnly),
  0x05: op(segments.VERW, ['Ew'], protectedOnly),
});

/** 66, F2 and F3 make it #UD ("NP" in the manual's opcode column). */
const plain = (entry: Entry): Entry => byPrefix({ none: entry });

const group7 = group({
  0x00: byMod({
    memory: op(segments.SGDT, ['Ms'], system),
    byRm: { 1: op(misc.VMCALL, [], needs('hypervisor')) },
  }),
  0x01: byMod({
    memory: op(segments.SIDT, ['Ms'], system),
    byRm: {
      0: op(misc.MONITOR, [], needs('monitor')),
      1: op(misc.MWAIT, [], needs('monitor')),
      2: plain(op(flags.CLAC, [], needs('smap'))),
      3: plain(op(flags.STAC, [], needs('smap'))),
    },
  }),
  0x02: byMod({
    memory: op(segments.LGDT, ['Ms'], system),
    byRm: { 0: plain(op(misc.XGETBV, [], needs('xsave'))), 1: plain(op(misc.XSETBV, [], needs('xsave'))) },
  }),
  0x03: byMod({
    memory: op(segments.LIDT, ['Ms'], system),
    byRm: { 1: op(misc.VMMCALL, [], needs('hypervisor')) },
  }),
  0x04: wordOrRegister(control.SMSW, system),
  0x05: byMod({ byRm: { 6: op(misc.RDPKRU, [], needs('pku')), 7: op(misc.WRPKRU, [], needs('pku')) } }),
  0x06: op(control.LMSW, ['Ew'], system),
  0x07: byMod({
    memory: op(control.INVLPG, ['M'], needs('486')),
    byRm: { 0: op(call.SWAPGS, [], o64), 1: op(misc.RDTSCP, [], needs('rdtscp')) },
  }),
});

const base = (meaning: Procedure): Entry => op(meaning, ['Ry'], needs('fsgsbase', { o64: true }));
const standard = (meaning: Procedure): Entry => byMod({ memory: op(meaning, ['M'], needs('xsave')) });

export const map0f: OpcodeMap = {
  0x00: group6,
  0x01: group7,
  0x02: op(segments.LAR, ['Gv', 'Ew'], protectedOnly),
  0x03: op(segments.LSL, ['Gv', 'Ew'], protectedOnly),
  0x05: op(call.SYSCALL, [], needs('syscall')),
  0x06: op(control.CLTS, [], system),
  0x07: op(call.SYSRET, [], needs('syscall')),
  0x08: op(control.INVD, [], needs('486')),
  0x09: op(control.WBINVD, [], needs('486')),
  0x20: byRex('R', {
    clear: op(control.MOV_FROM_CR, ['Ry', 'Cy'], system),
    set: op(control.MOV_FROM_CR8, ['Ry', 'Cy'], system),
  }),
  0x21: op(control.MOV_FROM_DR, ['Ry', 'Dy'], system),
  0x22: op(control.MOV_TO_CR, ['Cy', 'Ry'], system),
  0x23: op(control.MOV_TO_DR, ['Dy', 'Ry'], system),
  0x30: op(misc.WRMSR, [], needs('msr')),
  0x31: op(misc.RDTSC, [], needs('tsc')),
  0x32: op(misc.RDMSR, [], needs('msr')),
  0x33: op(misc.RDPMC, [], system),
  0x34: op(call.SYSENTER, [], needs('sep')),
  0x35: op(call.SYSEXIT, [], needs('sep')),
  0xa0: op(segments.PUSH_SEGMENT, ['FS'], d64),
  0xa1: op(segments.POP_SEGMENT, ['FS'], d64),
  0xa2: op(misc.CPUID, [], system),
  0xa8: op(segments.PUSH_SEGMENT, ['GS'], d64),
  0xa9: op(segments.POP_SEGMENT, ['GS'], d64),
  0xae: group({
    0: byPrefix({ f3: byMod({ register: base(misc.RDFSBASE) }) }),
    1: byPrefix({ f3: byMod({ register: base(misc.RDGSBASE) }) }),
    2: byPrefix({ f3: byMod({ register: base(misc.WRFSBASE) }) }),
    3: byPrefix({ f3: byMod({ register: base(misc.WRGSBASE) }) }),
    4: byPrefix({ none: standard(xsave.XSAVE) }),
    5: byPrefix({ none: standard(xsave.XRSTOR) }),
    6: byPrefix({ none: byMod({ memory: op(xsave.XSAVEOPT, ['M'], needs('xsaveopt')) }) }),
  }),
  0xb2: op(segments.LSS, ['Gv', 'Mp'], system),
  0xb4: op(segments.LFS, ['Gv', 'Mp'], system),
  0xb5: op(segments.LGS, ['Gv', 'Mp'], system),
  0xc7: group({
    3: byPrefix({ none: byMod({ memory: op(xsave.XRSTORS, ['M'], needs('xsaves')) }) }),
    4: byPrefix({ none: byMod({ memory: op(xsave.XSAVEC, ['M'], needs('xsavec')) }) }),
    5: byPrefix({ none: byMod({ memory: op(xsave.XSAVES, ['M'], needs('xsaves')) }) }),
    7: byMod({ register: byPrefix({ f3: op(misc.RDPID, ['Ry'], needs('rdpid')) }) }),
  }),
};

export const map0f38: OpcodeMap = {
  0x82: byPrefix({ p66: op(control.INVPCID, ['Gy', 'Mdq'], needs('invpcid')) }),
};
