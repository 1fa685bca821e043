import type { Bool, FlagRule, Int, StatusFlag } from '../../x86/emitter.ts';
import { fromInt, type IrNode } from './node.ts';
import { StateRecorder } from './state-recorder.ts';

/** What the last `setFlags` of this recording was, so that a condition right after it needs no flags. */
interface LastFlags {
  readonly rule: FlagRule;
  readonly a: Int;
  readonly b: Int;
  readonly r: Int;
}

const AUX_CF = 0x8000_0000;
const AUX_PO = 0x4000_0000;

/**
 * Lazy flags (STATE.flagResult, STATE.flagAux): a carry-out vector keeps CF (its top bit), OF (top two bits differ)
 * and AF (bit 3) of any addition or subtraction, and the result keeps the rest; so every condition is a few
 * operations without a branch.
 */
export class FlagRecorder extends StateRecorder {
  #last: LastFlags | undefined;

  protected forgetFlags(): void {
    this.#last = undefined;
  }

  /** The carry-out vector, moved so that its top bit is bit 31, with AF's bit 3 kept. */
  #aux(vector: Int): Int {
    const keep = AUX_CF | AUX_PO;
    if (vector.width === 32) return this.and(vector, this.int(32, keep | 8));
    if (vector.width === 64) {
      const top = this.truncate(this.shr(vector, this.int(64, 32)), 32);
      return this.or(this.and(top, this.int(32, keep)), this.and(this.truncate(vector, 32), this.int(32, 8)));
    }
    const wide = this.zeroExtend(vector, 32);
    const top = this.and(this.shl(wide, this.int(32, 32 - vector.width)), this.int(32, keep));
    return this.or(top, this.and(wide, this.int(32, 8)));
  }

  #carries(rule: FlagRule, a: Int, b: Int, r: Int): Int {
    if (rule === 'add' || rule === 'inc') return this.or(this.and(a, b), this.and(this.or(a, b), this.not(r)));
    const notA = this.not(a);
    return this.or(this.and(notA, b), this.and(this.or(notA, b), r));
  }

  setFlags(rule: FlagRule, { a, b, r }: { a: Int; b: Int; r: Int }): void {
    this.setFlagResult(this.signExtend(r, 64));
    if (rule === 'logic') {
      this.setFlagAux(this.int(32, 0));
    } else if (rule === 'add' || rule === 'sub') {
      this.setFlagAux(this.#aux(this.#carries(rule, a, b, r)));
    } else {
      // inc and dec keep CF: [30] is CF^OF, so OF is folded with the old CF.
      const aux = this.#aux(this.#carries(rule, a, b, r));
      const overflow = this.and(this.xor(aux, this.shl(aux, this.int(32, 1))), this.int(32, AUX_CF));
      const carry = this.and(this.flagAux(), this.int(32, AUX_CF));
      const pair = this.or(carry, this.shr(this.xor(overflow, carry), this.int(32, 1)));
      this.setFlagAux(this.or(pair, this.and(aux, this.int(32, 8))));
    }
    this.#last = { rule, a, b, r };
  }

  resultFlags(result: Int, others: Partial<Record<'CF' | 'OF' | 'AF', Bool>>): void {
    this.setFlagResult(this.signExtend(result, 64));
    this.setFlagAux(this.#pack(others.CF, others.OF, others.AF));
    this.#last = undefined;
  }

  #pack(cf: Bool | undefined, of: Bool | undefined, af: Bool | undefined): Int {
    let aux = this.int(32, 0);
    const put = (value: Bool, bit: number): void => {
      aux = this.or(aux, this.shl(this.fromBool(32, value), this.int(32, bit)));
    };
    if (cf !== undefined) put(cf, 31);
    if (of !== undefined || cf !== undefined) {
      put(cf === undefined ? (of as Bool) : of === undefined ? cf : this.boolXor(cf, of), 30);
    }
    if (af !== undefined) put(af, 3);
    return aux;
  }

  writeFlags(flags: Partial<Record<StatusFlag, Bool>>): void {
    const names = Object.keys(flags) as StatusFlag[];
    this.#last = undefined;
    const carryOnly = names.every((name) => name === 'CF' || name === 'OF' || name === 'AF');
    if (carryOnly) {
      const cf = flags.CF ?? this.flag('CF');
      const of = flags.OF ?? this.flag('OF');
      const keep = this.and(this.flagAux(), this.int(32, flags.AF === undefined ? 0xff09 : 0xff01));
      this.setFlagAux(this.or(keep, this.#pack(cf, of, flags.AF)));
      return;
    }
    // ZF, SF or PF change independently: result becomes 0 or 1, and SF and PF are put right by the xor bits.
    const now = (name: StatusFlag): Bool => flags[name] ?? this.flag(name);
    const aux = this.#pack(now('CF'), now('OF'), now('AF'));
    const zf = now('ZF');
    const sign = this.fromBool(32, now('SF'));
    // With result 1 the byte is 1 (odd, PF 0), with 0 it is even (PF 1): flip when that is not what is wanted.
    const wrongParity = this.boolXor(zf, now('PF'));
    const parity = this.shl(this.fromBool(32, wrongParity), this.int(32, 8));
    this.setFlagResult(this.fromBool(64, this.boolNot(zf)));
    this.setFlagAux(this.or(aux, this.or(sign, parity)));
  }

  undefinedFlags(..._flags: StatusFlag[]): void {}

  flag(flag: StatusFlag): Bool {
    const aux = this.flagAux();
    switch (flag) {
      case 'CF':
        return this.bit(aux, 31);
      case 'OF':
        return this.bit(this.xor(aux, this.shl(aux, this.int(32, 1))), 31);
      case 'AF':
        return this.bit(aux, 3);
      case 'ZF':
        return this.isZero(this.flagResult());
      case 'SF':
        return this.boolXor(this.isNegative(this.flagResult()), this.bit(aux, 0));
      case 'PF': {
        const byte = this.xor(this.truncate(this.flagResult(), 32), this.shr(aux, this.int(32, 8)));
        return this.boolNot(this.bit(this.popcount(this.and(byte, this.int(32, 0xff))), 0));
      }
    }
  }

  /** SDM Vol. 1 App. B: O B Z BE S P L LE and their negations. */
  condition(cc: number): Bool {
    const positive = this.#fromLast(cc >> 1) ?? this.#fromFlags(cc >> 1);
    return (cc & 1) === 0 ? positive : this.boolNot(positive);
  }

  #fromFlags(pair: number): Bool {
    const flag = (name: StatusFlag): Bool => this.flag(name);
    const conditions: (() => Bool)[] = [
      () => flag('OF'),
      () => flag('CF'),
      () => flag('ZF'),
      () => this.boolOr(flag('CF'), flag('ZF')),
      () => flag('SF'),
      () => flag('PF'),
      () => this.boolXor(flag('SF'), flag('OF')),
      () => this.boolOr(flag('ZF'), this.boolXor(flag('SF'), flag('OF'))),
    ];
    return (conditions[pair] as () => Bool)();
  }

  /** Fused compare and branch: the condition straight from the operands. */
  #fromLast(pair: number): Bool | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const { rule, a, b, r } = last;
    if (pair === 2) return this.isZero(r);
    if (pair === 4) return this.isNegative(r);
    if (rule === 'logic') {
      if (pair === 0 || pair === 1) return this.bool(false);
      if (pair === 3) return this.isZero(r);
      if (pair === 6) return this.isNegative(r);
      if (pair === 7) return this.boolOr(this.isZero(r), this.isNegative(r));
    }
    if (rule === 'sub' && isPlainDifference(fromInt(a), fromInt(b), fromInt(r))) {
      if (pair === 1) return this.ltU(a, b);
      if (pair === 3) return this.boolNot(this.ltU(b, a));
      if (pair === 6) return this.ltS(a, b);
      if (pair === 7) return this.boolNot(this.ltS(b, a));
    }
    return undefined;
  }
}

/** SBB also uses the rule `sub`, with a borrow in: then a < b does not follow from the operands. */
const isPlainDifference = (a: IrNode, b: IrNode, r: IrNode): boolean =>
  r.op === 'sub' && r.args[0] === a && r.args[1] === b;
