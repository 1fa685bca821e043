import type { Bool, Emitter, Int, Width } from '../emitter.ts';
import { describe } from '../semantics.ts';
import { GPR, VECTOR } from '../state.ts';

/**
 * Near transfers: SDM Vol. 1 §5.1.7 "Control Transfer Instructions". The operand size cuts the target: 64 bits in
 * 64-bit mode whatever the prefixes say, IP or EIP elsewhere.
 */

/** Target of a relative branch. */
const relative = (e: Emitter, displacement: Int, width: Width): Int => cut(e, e.add(e.nextIp(), displacement), width);

/** A target of the operand size, in the instruction pointer's width. */
const cut = (e: Emitter, target: Int, width: Width): Int =>
  width < target.width ? e.zeroExtend(e.truncate(target, width), target.width) : target;

export const Jcc = describe('Jcc', ['src'], ({ e, cc, src }) => e.branchRelative(src, e.condition(cc)));

export const JMP = describe('JMP', ['src'], ({ e, src }) => e.branchRelative(src));

export const JMP_INDIRECT = describe('JMP', ['src'], ({ e, ipWidth, src }) => {
  const target = e.resize(src.read(), ipWidth);
  e.checkTarget(target);
  e.branch(target);
});

export const CALL = describe('CALL', ['src'], ({ e, width, src }) => {
  e.checkTarget(relative(e, src.read(), width));
  e.push(e.resize(e.nextIp(), width));
  e.branchRelative(src);
});

export const CALL_INDIRECT = describe('CALL', ['src'], ({ e, width, ipWidth, src }) => {
  const target = e.resize(src.read(), ipWidth);
  e.checkTarget(target);
  e.push(e.resize(e.nextIp(), width));
  e.branch(target);
});

export const RET = describe('RET', [], ({ e, width, ipWidth }) => {
  const target = e.resize(e.peek(width), ipWidth);
  e.checkTarget(target);
  e.adjustStack(width / 8);
  e.branch(target);
});

/** RET imm16: also drops arguments. */
export const RET_IMMEDIATE = describe('RET', ['src'], ({ e, width, ipWidth, src }) => {
  const target = e.resize(e.peek(width), ipWidth);
  e.checkTarget(target);
  e.adjustStack(e.add(e.zeroExtend(src.read(), 64), e.int(64, width / 8)));
  e.branch(target);
});

/** JCXZ, JECXZ, JRCXZ by address size. */
export const JCXZ = describe('JCXZ', ['src'], ({ e, addressWidth, src }) =>
  e.branchRelative(src, e.isZero(e.gpr(GPR.RCX, addressWidth))),
);

const loop = (name: string, continues: (e: Emitter) => Bool | undefined) =>
  describe(name, ['src'], ({ e, width, addressWidth, src }) => {
    const count = e.sub(e.gpr(GPR.RCX, addressWidth), e.int(addressWidth, 1));
    const more = e.boolNot(e.isZero(count));
    const condition = continues(e);
    const taken = condition === undefined ? more : e.boolAnd(more, condition);
    // A bad target must leave the count as it was.
    e.when(taken, () => e.checkTarget(relative(e, src.read(), width)));
    e.setGpr(GPR.RCX, count);
    e.branchRelative(src, taken);
  });
export const LOOP = loop('LOOP', () => undefined);
export const LOOPE = loop('LOOPE', (e) => e.flag('ZF'));
export const LOOPNE = loop('LOOPNE', (e) => e.boolNot(e.flag('ZF')));

export const SETcc = describe('SETcc', ['dst'], ({ e, cc, dst }) => dst.write(e.fromBool(8, e.condition(cc))));

/** UD0, UD1, UD2: the opcodes reserved for raising #UD. */
const undefinedOpcode = (name: string) => describe(name, [], ({ e }) => e.raise(VECTOR.UD));
export const UD2 = undefinedOpcode('UD2');

/** UD0 and UD1 have ModR/M; their memory operand is not accessed. */
const undefinedOpcodeWithOperands = (name: string) => describe(name, ['src', 'src2'], ({ e }) => e.raise(VECTOR.UD));
export const UD0 = undefinedOpcodeWithOperands('UD0');
export const UD1 = undefinedOpcodeWithOperands('UD1');
