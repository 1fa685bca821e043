import { describe, expect, test } from 'vitest';
import { isInlined, placeNodes } from './liveness.ts';
import { IrBlock, type IrFields, IrNode } from './node.ts';

/** Records nodes as recorders do: positions count up through nested blocks, a `when` comes after its branches. */
class Recording {
  readonly root = new IrBlock();
  #block = this.root;
  #position = 0;

  add(op: string, effect: IrFields['effect'], args: readonly IrNode[] = [], extra: Partial<IrFields> = {}): IrNode {
    const node = new IrNode({ kind: 'int', op, effect, args, ...extra });
    node.block = this.#block;
    node.position = this.#position++;
    this.#block.nodes.push(node);
    return node;
  }

  when(condition: IrNode, body: () => void): IrNode {
    const outer = this.#block;
    const inner = new IrBlock();
    this.#block = inner;
    body();
    this.#block = outer;
    return this.add('when', 'write', [condition], { kind: 'void', whenTrue: inner });
  }
}

const read = (r: Recording): IrNode => r.add('stateLoad', 'read');
const write = (r: Recording, value: IrNode): IrNode => r.add('stateStore', 'write', [value], { kind: 'void' });

describe('placeNodes', () => {
  test('a value used once is emitted where it is used', () => {
    const r = new Recording();
    const a = read(r);
    const sum = r.add('add', 'pure', [a, r.add('constant', 'pure')]);
    write(r, sum);
    placeNodes(r.root);
    expect([isInlined(a), isInlined(sum), a.uses, sum.uses]).toEqual([true, true, 1, 1]);
  });

  test('a value used twice is computed once, at its place', () => {
    const r = new Recording();
    const a = read(r);
    write(r, a);
    write(r, a);
    placeNodes(r.root);
    expect([isInlined(a), a.uses]).toEqual([false, 2]);
  });

  test('a read does not move across a write', () => {
    const r = new Recording();
    const before = read(r);
    write(r, r.add('constant', 'pure'));
    write(r, before);
    placeNodes(r.root);
    expect(isInlined(before)).toBe(false);
  });

  test('nor does a pure value that carries the read with it', () => {
    const r = new Recording();
    const before = read(r);
    const negated = r.add('xor', 'pure', [before, r.add('constant', 'pure')]);
    write(r, r.add('constant', 'pure'));
    write(r, negated);
    placeNodes(r.root);
    expect(isInlined(negated)).toBe(false);
  });

  test('a write in a branch counts', () => {
    const r = new Recording();
    const before = read(r);
    r.when(r.add('constant', 'pure'), () => write(r, r.add('constant', 'pure')));
    write(r, before);
    placeNodes(r.root);
    expect(isInlined(before)).toBe(false);
  });

  test('a read stays out of a branch that uses it', () => {
    const r = new Recording();
    const before = read(r);
    r.when(r.add('constant', 'pure'), () => write(r, before));
    placeNodes(r.root);
    expect(isInlined(before)).toBe(false);
  });

  test('loads and writes stay where they are, used or not', () => {
    const r = new Recording();
    const unused = r.add('load', 'load', [r.add('constant', 'pure')]);
    const used = r.add('load', 'load', [r.add('constant', 'pure')]);
    write(r, used);
    placeNodes(r.root);
    expect([isInlined(unused), isInlined(used), unused.uses]).toEqual([false, false, 0]);
  });

  test('uses by values that nobody needs do not count', () => {
    const r = new Recording();
    const a = read(r);
    r.add('add', 'pure', [a, a]);
    r.add('add', 'pure', [a, r.add('load', 'read')]);
    write(r, a);
    placeNodes(r.root);
    expect([a.uses, isInlined(a)]).toEqual([1, true]);
  });
});
