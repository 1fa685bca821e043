import { describe, expect, test } from 'vitest';
import { Code } from './code.ts';
import { ModuleBuilder } from './module.ts';

/** Builds `f(parameters) → i32` and returns it. */
function build(parameters: number, body: (code: Code) => void, imports: ((...args: number[]) => number)[] = []) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const module = new ModuleBuilder({ initial: 1, maximum: 1 });
  const signature = (count: number) => ({
    parameters: Array.from({ length: count }, () => 'i32' as const),
    results: ['i32'] as const,
  });
  imports.forEach((imported, i) => {
    module.importFunction(`i${i}`, signature(imported.length));
  });
  const code = new Code(parameters);
  body(code);
  module.addFunction(signature(parameters), code, 'f');
  const host = Object.fromEntries([['memory', memory], ...imports.map((imported, i) => [`i${i}`, imported])]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { host });
  return { f: exports.f as (...args: number[]) => number, memory, bytes: code.finish() };
}

describe('Code', () => {
  test('branches by label, whatever the depth', () => {
    const { f } = build(1, (code) => {
      const labels = [0, 1, 2].map(() => code.block('block')).reverse();
      const other = code.block('block');
      code.get(0);
      code.brTable(labels, other);
      code.end(); // other
      code.i32(99);
      code.op('return');
      for (const answer of [10, 11, 12]) {
        code.end();
        code.i32(answer);
        code.op('return');
      }
      code.op('unreachable');
    });
    expect([0, 1, 2, 3, -1].map((n) => f(n))).toEqual([10, 11, 12, 99, 99]);
  });

  test('loops to a label from within a block', () => {
    // The sum of 1 to n.
    const { f } = build(1, (code) => {
      const sum = code.allocate('i32');
      const loop = code.block('loop');
      code.get(sum);
      code.get(0);
      code.op('i32_add');
      code.set(sum);
      code.get(0);
      code.i32(1);
      code.op('i32_sub');
      code.tee(0);
      code.block('if');
      code.br(loop);
      code.end();
      code.end();
      code.get(sum);
    });
    expect(f(10)).toBe(55);
  });

  test('getJoined leaves a value on the stack that was set just before', () => {
    const body = (last: boolean) => (code: Code) => {
      const local = code.allocate('i32');
      code.i32(7);
      code.set(local);
      code.getJoined(local, last);
    };
    const once = build(0, body(true));
    const again = build(0, body(false));
    expect([once.f(), again.f()]).toEqual([7, 7]);
    expect(again.bytes.length - once.bytes.length).toBe(2); // local.tee
  });

  test.each<[string, (code: Code, local: number) => void]>([
    ['another instruction', (code) => code.op('i32_eqz')],
    ['another local', (code) => code.set(code.allocate('i32'))],
    ['the end of a block', (code) => code.end()],
  ])('getJoined gets a local that %s came after', (_, between) => {
    const { f } = build(1, (code) => {
      const local = code.allocate('i32');
      code.block('block');
      code.i32(1);
      code.get(0);
      code.set(local);
      code.op('drop');
      code.i32(5);
      if (between.length === 1) code.op('drop');
      code.getJoined(local, true);
      code.op('drop');
      code.end();
      code.get(local);
    });
    expect(f(3)).toBe(3);
  });

  test('the end of a block keeps set and get apart', () => {
    const { f } = build(1, (code) => {
      const local = code.allocate('i32');
      code.i32(1);
      code.set(local);
      code.get(0);
      code.block('if');
      code.i32(2);
      code.set(local);
      code.end();
      code.getJoined(local, true);
    });
    expect([f(0), f(1)]).toEqual([1, 2]);
  });

  test('locals are pooled by type', () => {
    const code = new Code(2);
    const first = code.allocate('i32');
    const wide = code.allocate('i64');
    code.release('i32', first);
    expect([first, wide, code.allocate('i64'), code.allocate('i32')]).toEqual([2, 3, 4, first]);
  });

  test('calls imports, reads and writes memory', () => {
    const { f, memory } = build(
      1,
      (code) => {
        code.i32(16);
        code.get(0);
        code.i32(3);
        code.call(0);
        code.memory('i32_store', 4);
        code.i32(20);
        code.memory('i32_load16_u', 0);
      },
      [(a, b) => a * b],
    );
    expect(f(0x1_0001)).toBe(3);
    expect(new Uint32Array(memory.buffer)[5]).toBe(0x3_0003);
  });
});

describe('ModuleBuilder', () => {
  test('gives equal signatures one type', () => {
    const module = new ModuleBuilder({ initial: 1, maximum: 1 });
    const type = module.typeIndex({ parameters: ['i32'], results: [] });
    expect(module.typeIndex({ parameters: ['i32'], results: [] })).toBe(type);
    expect(module.typeIndex({ parameters: [], results: ['i32'] })).not.toBe(type);
  });

  test('imports come before functions', () => {
    const module = new ModuleBuilder({ initial: 1, maximum: 1 });
    module.addFunction({ parameters: [], results: [] }, new Code(0));
    expect(() => module.importFunction('late', { parameters: [], results: [] })).toThrow('imports come before');
  });
});
