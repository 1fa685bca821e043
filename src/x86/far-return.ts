import { attributesOf, cplOf, isNull, limitOf, markAccessed, readDescriptor, setSegment } from './descriptors.ts';
import { type CodeSegment, checkCodeOffset } from './far-transfer.ts';
import { checkReturnSegment, loadReturnStack } from './iret-long.ts';
import { inLongMode } from './mode.ts';
import type { Processor } from './processor.ts';
import { dropInnerSegments, inProtectedMode, loadRealSegment } from './segmentation.ts';
import { peekStack, stackStep } from './stack.ts';
import { ATTR, GPR, SEG, STATE, VECTOR } from './state.ts';

/** Far RET (SDM Vol. 2B "RET"). `release` is the immediate: bytes of parameters to drop from each stack. */
export function farReturn(cpu: Processor, size: 16 | 32 | 64, release: number): void {
  const bytes = size >> 3;
  const offset = peekStack(cpu, bytes, 0);
  const selector = Number(peekStack(cpu, bytes, bytes) & 0xffffn);
  if (!inProtectedMode(cpu.words)) {
    if (offset > BigInt(limitOf(cpu.words, SEG.CS))) cpu.raise(VECTOR.GP, 0);
    stackStep(cpu, 2 * bytes + release);
    loadRealSegment(cpu.words, SEG.CS, selector);
    cpu.updateMode();
    cpu.branchTo(offset);
    return;
  }
  if (isNull(selector)) cpu.raise(VECTOR.GP, 0);
  readDescriptor(cpu, selector, VECTOR.GP);
  const { low, high } = cpu;
  const attributes = checkReturnSegment(cpu, selector);
  const code: CodeSegment = { selector, low, high, attributes };
  const outer = (selector & 3) > cplOf(cpu.words);
  checkCodeOffset(cpu, code, offset);
  if (outer) returnOuter(cpu, code, { bytes, release });
  else {
    markAccessed(cpu, selector, attributes);
    stackStep(cpu, 2 * bytes + release);
  }
  setSegment(cpu.words, SEG.CS, selector, low, high);
  cpu.words[STATE.cpl >> 2] = selector & 3;
  if (outer) dropInnerSegments(cpu.words, selector & 3);
  cpu.updateMode();
  cpu.branchTo(offset);
}

/** Loads SS:RSP, which lie above the parameters. */
function returnOuter(cpu: Processor, code: CodeSegment, { bytes, release }: { bytes: number; release: number }): void {
  const newCpl = code.selector & 3;
  const depth = 2 * bytes + release;
  const pointer = peekStack(cpu, bytes, depth);
  const selector = Number(peekStack(cpu, bytes, depth + bytes) & 0xffffn);
  const to64 = inLongMode(cpu.words) && (code.attributes & ATTR.L) !== 0;
  loadReturnStack(cpu, { selector, newCpl, to64, code });
  const wide = (attributesOf(cpu.words, SEG.SS) & ATTR.DB) !== 0;
  const width = to64 ? 64 : wide ? 32 : 16;
  cpu.writeGpr(GPR.RSP, width, BigInt.asUintN(width, pointer + BigInt(release)));
}
