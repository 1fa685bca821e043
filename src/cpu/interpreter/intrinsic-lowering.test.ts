import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Code } from '../../wasm/code.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { intrinsics } from '../../x86/intrinsics/table.ts';
import { STATE } from '../../x86/state.ts';
import { FAST_INTRINSICS } from './intrinsic-lowering.ts';

/** Rounding to nearest, all exceptions masked, PE set; without PE; and rounding up. */
const MXCSRS = [0x1fa0, 0x1f80, 0x5fa0];
const PRECISION = 0x20;
const ARGUMENT_BYTES = 32;
const MEMORY = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const view = new DataView(MEMORY.buffer);

const takesInteger = (name: string, i: number): boolean => name === 'CVTSI2SD' || (name.startsWith('CMP') && i === 2);
const givesInteger = (name: string): boolean => name.includes('COMIS') || name.includes('SI.');
const argumentCount = (name: string): number => (name.startsWith('CVT') ? 1 : name.startsWith('CMP') ? 3 : 2);

/** Bits of the result that the instruction uses. */
function resultBits(name: string): bigint {
  if (name.endsWith('.32') || name === 'CMPSS' || name === 'CVTSD2SS') return 32n;
  return givesInteger(name) || name === 'CMPSD' || name === 'CVTSS2SD' || name === 'CVTSI2SD' ? 64n : 128n;
}

/** 1 if the scratch then holds the result, 0 if the host would have to decide. */
function compile(name: string): () => number {
  const module = new ModuleBuilder({ initial: 1, maximum: 1 });
  const code = new Code(0);
  const args = Array.from({ length: argumentCount(name) }, (_, i) => {
    const integer = takesInteger(name, i);
    const local = code.allocate(integer ? 'i64' : 'v128');
    code.i32(0);
    if (integer) code.memory('i64_load', STATE.scratch + i * ARGUMENT_BYTES);
    else code.simdMemory('v128_load', STATE.scratch + i * ARGUMENT_BYTES);
    code.set(local);
    return local;
  });
  const result = code.allocate(givesInteger(name) ? 'i64' : 'v128');
  const slow = code.block('block');
  FAST_INTRINSICS[name]!({ code, base: 0, args, slow });
  code.set(result);
  code.i32(0);
  code.get(result);
  if (givesInteger(name)) code.memory('i64_store', STATE.scratch);
  else code.simdMemory('v128_store', STATE.scratch);
  code.i32(1);
  code.op('return');
  code.end();
  code.i32(0);
  module.addFunction({ parameters: [], results: ['i32'] }, code, 'run');
  const imports = { host: { memory: MEMORY } } as never;
  return new WebAssembly.Instance(new WebAssembly.Module(module.finish()), imports).exports.run as () => number;
}

const doubleBits = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const singleBits = (value: number): bigint => BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);

const number = fc.oneof(
  fc.integer({ min: -20, max: 20 }).map((n) => n / 4),
  fc.integer(),
  fc.double(),
  fc.double({ min: -3e9, max: 3e9 }),
  fc.constantFrom(0, -0, 2 ** -126, 2 ** 31, -(2 ** 31), 2 ** 31 - 0.5, 2 ** -149, Infinity, Number.NaN),
);
const doubles = fc.tuple(number, number).map(([a, b]) => doubleBits(a) | (doubleBits(b) << 64n));
const singles = fc
  .array(number, { minLength: 4, maxLength: 4 })
  .map((lanes) => lanes.reduce((v, lane, n) => v | (singleBits(lane) << BigInt(32 * n)), 0n));
const vector = fc.oneof(doubles, singles);
const integer = fc.oneof(fc.integer(), fc.maxSafeInteger()).map((n) => BigInt.asUintN(64, BigInt(n)));

describe('FAST_INTRINSICS', () => {
  test.each(Object.keys(FAST_INTRINSICS))('%s decides only what raises no new flag, and exactly', (name) => {
    const entry = intrinsics[name];
    if (entry?.kind !== 'float') throw new Error(`${name} is no float intrinsic`);
    const run = compile(name);
    const bits = Number(resultBits(name));
    let decided = 0;
    fc.assert(
      fc.property(fc.constantFrom(...MXCSRS), vector, vector, integer, (mxcsr, a, b, n) => {
        const args = name === 'CVTSI2SD' ? [n] : [a, b, n & 7n].slice(0, argumentCount(name));
        view.setUint32(STATE.mxcsr, mxcsr, true);
        args.forEach((arg, i) => {
          const at = STATE.scratch + i * ARGUMENT_BYTES;
          view.setBigUint64(at, BigInt.asUintN(64, arg), true);
          view.setBigUint64(at + 8, arg >> 64n, true);
        });
        if (run() === 0) return;
        decided++;
        const { result, flags } = entry.evaluate(args, mxcsr);
        const high = givesInteger(name) ? 0n : view.getBigUint64(STATE.scratch + 8, true) << 64n;
        const found = view.getBigUint64(STATE.scratch, true) | high;
        expect(BigInt.asUintN(bits, found)).toBe(BigInt.asUintN(bits, result));
        expect(flags & ~(mxcsr & PRECISION)).toBe(0);
      }),
      { numRuns: 1000 },
    );
    expect(decided).toBeGreaterThan(30);
  });
});
