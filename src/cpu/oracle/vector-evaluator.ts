import type { Bool, Int, Lane, Vec, VecBinary, VecUnary, Width } from '../../x86/emitter.ts';
import * as lanes from '../exact/vector-lanes.ts';
import { IntegerEvaluator } from './integer-evaluator.ts';
import { bitsOf, toInt, toVec, truthOf, unsignedOf } from './values.ts';

/** Vector operations of the emitter that need nothing but their operands. */
export class VectorEvaluator extends IntegerEvaluator {
  vecBinary(op: VecBinary, lane: Lane, a: Vec, b: Vec): Vec {
    return toVec(lanes.vecBinary(op, lane, bitsOf(a), bitsOf(b)));
  }

  vecUnary(_op: VecUnary, lane: Lane, a: Vec): Vec {
    return toVec(lanes.vecAbs(lane, bitsOf(a)));
  }

  vecShift(op: 'shl' | 'shr' | 'sar', lane: Lane, a: Vec, count: Int): Vec {
    return toVec(lanes.vecShift(op, lane, bitsOf(a), unsignedOf(count)));
  }

  vecShuffle(a: Vec, b: Vec, indices: readonly number[]): Vec {
    return toVec(lanes.vecShuffle(bitsOf(a), bitsOf(b), indices));
  }

  vecSwizzle(a: Vec, b: Vec): Vec {
    return toVec(lanes.vecSwizzle(bitsOf(a), bitsOf(b)));
  }

  vecExtract(a: Vec, width: Width, index: number): Int {
    return toInt(width, bitsOf(a) >> BigInt(width * index));
  }

  vecInsert(a: Vec, index: number, value: Int): Vec {
    const all = lanes.lanesOf(bitsOf(a), value.width);
    all[index] = unsignedOf(value);
    return toVec(lanes.fromLanes(all, value.width));
  }

  vecFromInt(value: Int): Vec {
    return toVec(unsignedOf(value));
  }

  vecZero(): Vec {
    return toVec(0n);
  }

  vecConstant(low: bigint, high: bigint): Vec {
    return toVec(BigInt.asUintN(64, low) | (BigInt.asUintN(64, high) << 64n));
  }

  vecMask(lane: Lane, a: Vec): Int {
    return toInt(32, lanes.vecMask(lane, bitsOf(a)));
  }

  vecSelect(condition: Bool, a: Vec, b: Vec): Vec {
    return truthOf(condition) ? a : b;
  }

  vecExtend(signed: boolean, from: Lane, to: Lane, a: Vec): Vec {
    return toVec(lanes.vecExtend({ signed, from, to }, bitsOf(a)));
  }
}
