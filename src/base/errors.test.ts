import { expect, test } from 'vitest';
import { assert, unreachable, VmmError } from './errors.ts';

test('VmmError has a code, a kind and a cause', () => {
  const cause = new Error('why');
  const error = new VmmError('VMM_TEST', 'Memory is 3 MiB; the least is 16 MiB', { kind: 'usage', cause });
  expect(error).toMatchObject({ name: 'VmmError', code: 'VMM_TEST', kind: 'usage', cause });
  expect(new VmmError('VMM_TEST', 'x').kind).toBe('failure');
  expect(error).toBeInstanceOf(Error);
});

test('assert names the broken invariant', () => {
  expect(() => assert(true, 'never')).not.toThrow();
  expect(() => assert(false, 'rings are powers of two')).toThrow('Broken invariant: rings are powers of two');
});

test('unreachable names the value', () => {
  expect(() => unreachable({ kind: 'new' } as never)).toThrow('{"kind":"new"}');
});
