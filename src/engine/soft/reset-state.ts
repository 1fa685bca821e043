import type { SoftProcessor } from '../../cpu/processor/soft-processor.ts';
import type { BootState, GprName } from '../../loaders/boot-state.ts';
import { resetProcessor } from '../../x86/reset.ts';
import { SEG, SEGMENT, SEGMENT_BYTES, STATE } from '../../x86/state.ts';

/** What FNINIT leaves. */
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

/** What a loader says the first instruction finds. */
export function applyBootState(cpu: SoftProcessor, boot: BootState): void {
  resetProcessor(cpu);
  cpu.setU32(STATE.fcw, FCW_INIT);
  cpu.setU32(STATE.ftw, TAGS_EMPTY);
  for (const [index, name] of GPR_ORDER.entries()) cpu.setU64(STATE.gpr + index * 8, BigInt(boot.gprs[name] ?? 0));
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
