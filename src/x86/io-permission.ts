import { attributesOf, cplOf, limitOf, SYSTEM_TYPE, typeOf } from './descriptors.ts';
import type { Processor } from './processor.ts';
import { inRealMode, inVm86 } from './segmentation.ts';
import { ATTR, RFLAGS, SEG, SEGMENT, SEGMENT_BYTES, STATE, VECTOR } from './state.ts';

/** Offset of the I/O map base address in a 32- or 64-bit TSS. */
const IO_MAP_BASE = 0x66;
const TSS_BASE = STATE.segments + SEG.TR * SEGMENT_BYTES + SEGMENT.base;

/** #GP(0) unless IOPL or the TSS's I/O permission bit map allows the ports (SDM Vol. 1 §19.5 "Protected-Mode I/O"). */
export function checkIoPermission(cpu: Processor, port: number, bytes: number): void {
  const words = cpu.words;
  if (inRealMode(words)) return;
  const iopl = ((words[STATE.rflagsSystem >> 2] as number) & RFLAGS.IOPL) >> RFLAGS.IOPL_SHIFT;
  if (!inVm86(words) && cplOf(words) <= iopl) return;
  const attributes = attributesOf(words, SEG.TR);
  const type = typeOf(attributes);
  const limit = limitOf(words, SEG.TR);
  const wide = type === SYSTEM_TYPE.TSS32 || type === SYSTEM_TYPE.TSS32_BUSY;
  if ((attributes & ATTR.UNUSABLE) !== 0 || !wide || IO_MAP_BASE + 1 > limit) cpu.raise(VECTOR.GP, 0);
  const base = cpu.u64(TSS_BASE);
  const offset = Number(cpu.readLinear(base + BigInt(IO_MAP_BASE), 2, true)) + (port >> 3);
  // Two bytes are read, so that an access over a byte boundary is covered.
  if (offset + 1 > limit) cpu.raise(VECTOR.GP, 0);
  const map = Number(cpu.readLinear(BigInt.asUintN(64, base + BigInt(offset)), 2, true));
  if (((map >> (port & 7)) & ((1 << bytes) - 1)) !== 0) cpu.raise(VECTOR.GP, 0);
}
