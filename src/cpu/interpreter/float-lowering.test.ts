import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Code } from '../../wasm/code.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { STATE } from '../../x86/state.ts';
import { type FloatLanes, floatLanes } from '../exact/float-lanes.ts';
import { IrNode } from '../ir/node.ts';
import { emitFloat } from './float-lowering.ts';

/** All exceptions masked, rounding to nearest, PE set. */
const MXCSR = 0x1fa0;
const PRECISION = 0x20;
const OPERATIONS = ['add', 'sub', 'mul', 'div', 'min', 'max', 'sqrt'] as const;
const SCRATCH = STATE.scratch;

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const view = new DataView(memory.buffer);

/** A function of the operation on the vectors in the scratch; the result in a's place. 1 if it went to the host. */
function compile({ op, format, lanes }: FloatLanes): () => number {
  const module = new ModuleBuilder({ initial: 1, maximum: 1 });
  const host = module.importFunction('slow', { parameters: ['i32', 'i32'], results: [] });
  const code = new Code(0);
  const [a, b, wentSlow] = [code.allocate('v128'), code.allocate('v128'), code.allocate('i32')];
  for (const [local, offset] of [
    [a, SCRATCH],
    [b, SCRATCH + 32],
  ] as const) {
    code.i32(0);
    code.simdMemory('v128_load', offset);
    code.set(local);
  }
  code.i32(0);
  const node = new IrNode({ kind: 'vec', op: 'float', effect: 'load', immediate: lanes, text: `${op}.${format}` });
  const slow = (): void => {
    code.call(host);
    code.i32(1);
    code.set(wentSlow);
  };
  emitFloat(code, { node, a, b, base: 0, slow });
  code.simdMemory('v128_store', SCRATCH);
  code.get(wentSlow);
  module.addFunction({ parameters: [], results: ['i32'] }, code, 'run');
  const imports = { host: { memory, slow: () => {} } } as never;
  return new WebAssembly.Instance(new WebAssembly.Module(module.finish()), imports).exports.run as () => number;
}

function write(at: number, format: 'f32' | 'f64', lanes: readonly number[]): bigint {
  for (let n = 0; n < 4; n++) {
    if (format === 'f32') view.setFloat32(at + 4 * n, lanes[n]!, true);
    else if (n < 2) view.setFloat64(at + 8 * n, lanes[n]!, true);
  }
  return read(at);
}
const read = (at: number): bigint => view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n);

const number = fc.oneof(
  fc.integer({ min: -100, max: 100 }),
  fc.double({ min: -1e30, max: 1e30 }),
  fc.double(),
  fc
    .tuple(fc.integer({ min: -(2 ** 25), max: 2 ** 25 }), fc.integer({ min: -170, max: 120 }))
    .map(([m, e]) => m * 2 ** e),
  fc.constantFrom(0, -0, 2 ** -126, 2 ** -1022, 1 - 2 ** -24, 1 - 2 ** -53, 2 ** -149, Number.NaN, Infinity),
);
const four = fc.array(number, { minLength: 4, maxLength: 4 });

describe('emitFloat', () => {
  for (const format of ['f32', 'f64'] as const) {
    test.each(OPERATIONS)(`%s ${format} on its own gives the exact result where no flag but PE arises`, (op) => {
      const whole = { op, format, lanes: format === 'f32' ? 4 : 2 };
      const operations = [whole, { op, format, lanes: 1 }];
      const functions = operations.map(compile);
      view.setUint32(STATE.mxcsr, MXCSR, true);
      let decided = 0;
      fc.assert(
        fc.property(four, four, fc.constantFrom(0, 1), (left, right, chosen) => {
          const [a, b] = [write(SCRATCH, format, left), write(SCRATCH + 32, format, right)];
          if (functions[chosen]!() !== 0) return;
          decided++;
          const { result, flags } = floatLanes(operations[chosen]!, [a, b], MXCSR);
          expect(read(SCRATCH)).toBe(result);
          expect(flags & ~PRECISION).toBe(0);
        }),
        { numRuns: 1000 },
      );
      expect(decided).toBeGreaterThan(50);
    });
  }

  test('leaves a product that was rounded up to the least normal number to the host: it underflowed', () => {
    const run = compile({ op: 'mul', format: 'f32', lanes: 1 });
    view.setUint32(STATE.mxcsr, MXCSR, true);
    write(SCRATCH, 'f32', [1 - 2 ** -24, 0, 0, 0]);
    write(SCRATCH + 32, 'f32', [2 ** -126, 0, 0, 0]);
    expect(run()).toBe(1);
  });
});
