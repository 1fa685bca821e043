import { expect, it } from 'vitest';
import { parseModules } from './parse-modules.ts';

it.each([
  ['initrd.img', [{ file: 'initrd.img' }]],
  ['a,b', [{ file: 'a' }, { file: 'b' }]],
  ['a one two,b', [{ file: 'a', args: 'one two' }, { file: 'b' }]],
  ['a,,b', [{ file: 'a,b' }]],
  ['a,,b x,c', [{ file: 'a,b', args: 'x' }, { file: 'c' }]],
])('parseModules %j', (text, modules) => {
  expect(parseModules(text)).toEqual(modules);
});

it.each(['', ' a', 'a, b'])('parseModules refuses %j', (text) => {
  expect(() => parseModules(text)).toThrow(expect.objectContaining({ code: 'VMM_CLI_VALUE' }));
});
