import type { IntrinsicEntry } from '../../x86/intrinsics/intrinsic.ts';
import { numberForms } from '../../x86/intrinsics/number-float.ts';
import { intrinsics } from '../../x86/intrinsics/table.ts';
import { UNKNOWN } from '../../x86/softfloat/numbers.ts';
import { CR4, STATE, VECTOR } from '../../x86/state.ts';
import { floatLanes } from '../exact/float-lanes.ts';
import { INTRINSIC_NAMES } from './cold-handlers.ts';
import { FLOAT_OPERATIONS } from './host-functions.ts';
import { numberLanes } from './number-lanes.ts';

const ENTRIES = INTRINSIC_NAMES.map((name) => intrinsics[name] as IntrinsicEntry);
const NUMBER_FORMS = INTRINSIC_NAMES.map((name) => numberForms[name]);
/** MXCSR: exception flags in [5:0], their masks in [12:7]. */
const EXCEPTIONS = 0x3f;
const MASK_SHIFT = 7;
const SCRATCH_WORDS = 48;
/** MXCSR.RC is zero: to nearest, which is what JavaScript's numbers do. */
const ROUNDING = 0x6000;

/** Intrinsics and exact SSE arithmetic: arguments and results lie in the state's scratch. */
export class FloatRuntime {
  readonly #view: DataView;
  readonly #base: number;
  readonly #words: Int32Array;

  /** `base`: linear-memory address of the state. */
  constructor(buffer: ArrayBuffer, base: number) {
    this.#view = new DataView(buffer);
    this.#base = base;
    this.#words = new Int32Array(buffer, base + STATE.scratch, SCRATCH_WORDS);
  }

  #argument(i: number): bigint {
    const at = this.#base + STATE.scratch + 32 * i;
    return this.#view.getBigUint64(at, true) | (this.#view.getBigUint64(at + 8, true) << 64n);
  }

  #result(value: bigint): number {
    const at = this.#base + STATE.scratch;
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
    this.#view.setBigUint64(at + 8, BigInt.asUintN(64, value >> 64n), true);
    return 1;
  }

  /** 1, or 0 with a fault in the state. */
  intrinsic(number: number, count: number): number {
    const entry = ENTRIES[number] as IntrinsicEntry;
    if (entry.kind === 'pure' && entry.inPlace !== undefined) {
      entry.inPlace(this.#words, 0);
      return 1;
    }
    const mxcsr = this.#view.getUint32(this.#base + STATE.mxcsr, true);
    const numbers = NUMBER_FORMS[number];
    if (numbers !== undefined && (mxcsr & ROUNDING) === 0) {
      const raised = numbers(this.#words, 0);
      if (raised !== UNKNOWN) return this.#report(raised, mxcsr) ? 1 : 0;
    }
    const args = Array.from({ length: count }, (_, i) => this.#argument(i));
    if (entry.kind === 'pure') return this.#result(entry.evaluate(args));
    const { result, flags } = entry.evaluate(args, mxcsr);
    return this.#report(flags, mxcsr) ? this.#result(result) : 0;
  }

  float(number: number, lanes: number): number {
    const mxcsr = this.#view.getUint32(this.#base + STATE.mxcsr, true);
    const op = FLOAT_OPERATIONS[number >> 1] as (typeof FLOAT_OPERATIONS)[number];
    const operation = { op, format: (number & 1) === 1 ? 'f64' : 'f32', lanes } as const;
    if ((mxcsr & ROUNDING) === 0) {
      const raised = numberLanes(this.#words, operation);
      if (raised !== UNKNOWN) return this.#report(raised, mxcsr) ? 1 : 0;
    }
    const { result, flags } = floatLanes(operation, [this.#argument(0), this.#argument(1)], mxcsr);
    return this.#report(flags, mxcsr) ? this.#result(result) : 0;
  }

  /** Merges flags into MXCSR; false if an unmasked one raises #XM, or #UD without CR4.OSXMMEXCPT. SDM Vol. 1 §11.5.2. */
  #report(flags: number, mxcsr: number): boolean {
    const view = this.#view;
    view.setUint32(this.#base + STATE.mxcsr, mxcsr | (flags & EXCEPTIONS), true);
    if ((flags & EXCEPTIONS & ~(mxcsr >> MASK_SHIFT)) === 0) return true;
    const handled = (view.getUint32(this.#base + STATE.cr4, true) & CR4.OSXMMEXCPT) !== 0;
    view.setInt32(this.#base + STATE.faultVector, handled ? VECTOR.XM : VECTOR.UD, true);
    view.setUint32(this.#base + STATE.faultError, 0, true);
    view.setUint32(this.#base + STATE.faultHasError, 0, true);
    return false;
  }
}
