import type { Emitter, Int } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { GPR } from '../state.ts';
import { mnemonics } from './mnemonics.ts';

/**
 * String and text processing of SSE4.2: SDM Vol. 1 §5.11.1, Vol. 2B §4.1 "Imm8 Control Byte Operation". The intrinsics
 * PCMPISTR and PCMPESTR give [15:0] IntRes2 [20:16] index [24] CF [25] ZF [26] SF [27] OF.
 */

/** Ends like the mnemonic: index to ECX, or mask to XMM0; and the flags. */
function finish(e: Emitter, kind: 'index' | 'mask', outcome: Int, control: Int): void {
  if (kind === 'index') {
    e.setGpr(GPR.RCX, e.and(e.truncate(e.shr(outcome, e.int(64, 16)), 32), e.int(32, 31)));
  } else {
    e.setXmm(0, e.intrinsic('PCMPSTR.mask', [outcome, control], 'vec'));
  }
  e.writeFlags({
    CF: e.bit(outcome, 24),
    ZF: e.bit(outcome, 25),
    SF: e.bit(outcome, 26),
    OF: e.bit(outcome, 27),
    AF: e.bool(false),
    PF: e.bool(false),
  });
}

/** Lengths are signed numbers in EAX and EDX, or with REX.W in RAX and RDX. */
const explicitLengths = (lengthWidth: 32 | 64) =>
  mnemonics({ PCMPESTRI: 'index', PCMPESTRM: 'mask' } as const, (name, kind) =>
    describe(name, ['vsrc', 'vsrc2', 'src'], ({ e, vsrc, vsrc2, src }) => {
      const length = (register: number): Int => e.signExtend(e.gpr(register, lengthWidth), 64);
      const control = e.zeroExtend(src.read(), 64);
      const inputs = [vsrc.read(), vsrc2.read(), control, length(GPR.RAX), length(GPR.RDX)];
      finish(e, kind, e.intrinsic('PCMPESTR', inputs, 'int'), control);
    }),
  );
export const explicitLengths32 = explicitLengths(32);
export const explicitLengths64 = explicitLengths(64);

/** Strings end at a zero element. */
export const implicitLengths = mnemonics({ PCMPISTRI: 'index', PCMPISTRM: 'mask' } as const, (name, kind) =>
  describe(name, ['vsrc', 'vsrc2', 'src'], ({ e, vsrc, vsrc2, src }) => {
    const control = e.zeroExtend(src.read(), 64);
    finish(e, kind, e.intrinsic('PCMPISTR', [vsrc.read(), vsrc2.read(), control], 'int'), control);
  }),
);
