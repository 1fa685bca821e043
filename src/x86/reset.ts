import { DR6_RESET, DR7_RESET } from './debug.ts';
import { setFixedSegment } from './descriptors.ts';
import { resetMsrs } from './msr.ts';
import type { Processor } from './processor.ts';
import { ATTR, CR0, GPR, RFLAGS, SEG, STATE } from './state.ts';

const REAL_DATA = ATTR.P | ATTR.S | ATTR.WRITABLE | ATTR.ACCESSED;
const LDT = ATTR.P | 2;
const BUSY_TSS32 = ATTR.P | 11;
/** CPUID signature in EDX (SDM Vol. 3A §11.1.2 "Processor Built-In Self-Test"). */
const SIGNATURE = 0x0006_0601n;

/** Puts all registers to their values after a reset (SDM Vol. 3A Table 11-1); the APIC id stays. */
export function resetProcessor(cpu: Processor): void {
  const { words } = cpu;
  const apicId = cpu.u32(STATE.apicId);
  words.fill(0);
  cpu.setU32(STATE.apicId, apicId);
  cpu.setU64(STATE.gpr + GPR.RDX * 8, SIGNATURE);
  cpu.setU64(STATE.rip, 0xfff0n);
  for (const segment of [SEG.ES, SEG.SS, SEG.DS, SEG.FS, SEG.GS]) {
    setFixedSegment(words, segment, { selector: 0, attributes: REAL_DATA, limit: 0xffff, base: 0 });
  }
  setFixedSegment(words, SEG.CS, { selector: 0xf000, attributes: REAL_DATA, limit: 0xffff, base: 0xffff_0000 | 0 });
  setFixedSegment(words, SEG.LDTR, { selector: 0, attributes: LDT, limit: 0xffff, base: 0 });
  setFixedSegment(words, SEG.TR, { selector: 0, attributes: BUSY_TSS32, limit: 0xffff, base: 0 });
  cpu.setU32(STATE.gdtrLimit, 0xffff);
  cpu.setU32(STATE.idtrLimit, 0xffff);
  cpu.setU32(STATE.cr0, CR0.CD | CR0.NW | CR0.ET);
  cpu.setU64(STATE.dr + 6 * 8, BigInt(DR6_RESET >>> 0));
  cpu.setU64(STATE.dr + 7 * 8, BigInt(DR7_RESET >>> 0));
  cpu.setU64(STATE.xcr0, 1n);
  cpu.setU32(STATE.mxcsr, 0x1f80);
  cpu.setU32(STATE.fcw, 0x40);
  cpu.setU32(STATE.ftw, 0x5555);
  cpu.setRflags(RFLAGS.FIXED);
  resetMsrs(cpu);
  cpu.flushTlb('all');
  cpu.updateMode();
}
