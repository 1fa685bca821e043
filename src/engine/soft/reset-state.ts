import type { SoftProcessor } from '../../cpu/processor/soft-processor.ts';
import type { BootState, GprName } from '../../loaders/boot-state.ts';
import { DR6_RESET, DR7_RESET } from '../../x86/debug.ts';
import { ATTR, CR0, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';

/** IA32_PAT after reset, SDM Vol. 3A §12.12.4. */
const PAT_RESET = 0x0007_0406_0007_0406n;
const MXCSR_RESET = 0x1f80;
const FCW_RESET = 0x40;
const FTW_RESET = 0x5555;
const TAGS_EMPTY = 0xffff;
const FCW_INIT = 0x37f;

const GPR_ORDER: readonly GprName[] = [
  ...(['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
];
const SEGMENT_ORDER = [
  ['es', SEG.ES],
  ['cs', SEG.CS],
  ['ss', SEG.SS],
  ['ds', SEG.DS],
  ['fs', SEG.FS],
  ['gs', SEG.GS],
  ['ldtr', SEG.LDTR],
  ['tr', SEG.TR],
] as const;

interface SegmentState {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly attributes: number;
}

function setSegment(cpu: SoftProcessor, segment: number, state: SegmentState): void {
  const at = STATE.segments + segment * SEGMENT_BYTES;
  cpu.setU32(at + SEGMENT.selector, state.selector);
  cpu.setU32(at + SEGMENT.attributes, state.attributes);
  cpu.setU32(at + SEGMENT.limit, state.limit);
  cpu.setU64(at + SEGMENT.base, BigInt(state.base));
}

const DATA = ATTR.P | ATTR.S | ATTR.WRITABLE | ATTR.ACCESSED;
const CODE = DATA | ATTR.CODE;

/** Registers after RESET: SDM Vol. 3A Table 10-1 "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
export function resetState(cpu: SoftProcessor): void {
  cpu.words.fill(0, 0, STATE.storedMsrs >> 2);
  cpu.setU64(STATE.rip, 0xfff0n);
  cpu.setU32(STATE.rflagsSystem, RFLAGS.FIXED);
  cpu.setRflags(RFLAGS.FIXED);
  cpu.setU64(STATE.gpr + 2 * 8, 0x600n); // EDX: family, model, stepping
  for (const [, segment] of SEGMENT_ORDER)
    setSegment(cpu, segment, { selector: 0, base: 0, limit: 0xffff, attributes: DATA });
  setSegment(cpu, SEG.CS, { selector: 0xf000, base: 0xffff_0000, limit: 0xffff, attributes: CODE });
  setSegment(cpu, SEG.LDTR, { selector: 0, base: 0, limit: 0xffff, attributes: ATTR.P | 2 });
  setSegment(cpu, SEG.TR, { selector: 0, base: 0, limit: 0xffff, attributes: ATTR.P | 0xb });
  cpu.setU32(STATE.gdtrLimit, 0xffff);
  cpu.setU32(STATE.idtrLimit, 0xffff);
  cpu.setU64(STATE.cr0, BigInt(CR0.CD | CR0.NW | CR0.ET));
  cpu.setU64(STATE.xcr0, 1n);
  cpu.setU64(STATE.dr + 48, BigInt(DR6_RESET >>> 0));
  cpu.setU64(STATE.dr + 56, BigInt(DR7_RESET >>> 0));
  cpu.setU64(STATE.pat, PAT_RESET);
  cpu.setU32(STATE.mxcsr, MXCSR_RESET);
  cpu.setU32(STATE.fcw, FCW_RESET);
  cpu.setU32(STATE.ftw, FTW_RESET);
  cpu.updateMode();
}

/** What a loader says the first instruction finds. */
export function applyBootState(cpu: SoftProcessor, boot: BootState): void {
  resetState(cpu);
  cpu.setU32(STATE.fcw, FCW_INIT);
  cpu.setU32(STATE.ftw, TAGS_EMPTY);
  GPR_ORDER.forEach((name, index) => cpu.setU64(STATE.gpr + index * 8, BigInt(boot.gprs[name] ?? 0)));
  for (const [name, segment] of SEGMENT_ORDER) setSegment(cpu, segment, boot.segments[name]);
  cpu.setU64(STATE.rip, BigInt(boot.rip));
  cpu.setU64(STATE.gdtrBase, BigInt(boot.gdtr.base));
  cpu.setU32(STATE.gdtrLimit, boot.gdtr.limit);
  cpu.setU64(STATE.idtrBase, BigInt(boot.idtr.base));
  cpu.setU32(STATE.idtrLimit, boot.idtr.limit);
  cpu.setU64(STATE.cr0, BigInt(boot.cr0));
  cpu.setU64(STATE.cr3, BigInt(boot.cr3));
  cpu.setU64(STATE.cr4, BigInt(boot.cr4));
  cpu.setU64(STATE.efer, BigInt(boot.efer));
  cpu.setRflags(boot.rflags);
  cpu.updateMode();
}
