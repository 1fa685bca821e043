import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VmmError } from '../base/errors.ts';
import { flag, list, value } from './option-table.ts';
import { parseArguments } from './parse-arguments.ts';

const TABLE = {
  memory: value({ short: 'm', value: 'SIZE', help: '', parse: (text) => text }),
  count: value({
    short: 'c',
    value: 'N',
    help: '',
    parse(text) {
      if (!/^\d+$/.test(text)) throw new VmmError('VMM_TEST', `bad ${text}`, { kind: 'usage' });
      return Number(text);
    },
  }),
  device: list({ short: 'd', value: 'NAME', help: '', parse: (text) => text.split(',') }),
  quiet: flag({ short: 'q', help: '' }),
  verbose: flag({ short: 'v', help: '' }),
};
const NOTHING = { memory: undefined, count: undefined, device: [], quiet: false, verbose: false };

describe('parseArguments', () => {
  it.each<[string[], object, string[]]>([
    [[], {}, []],
    [['--memory', '1G'], { memory: '1G' }, []],
    [['--memory=1G'], { memory: '1G' }, []],
    [['-m', '1G'], { memory: '1G' }, []],
    [['-m1G'], { memory: '1G' }, []],
    [['-m=1G'], { memory: '1G' }, []],
    [['--memory='], { memory: '' }, []],
    [['--memory=a=b'], { memory: 'a=b' }, []],
    [['--memory', '--quiet'], { memory: '--quiet' }, []],
    [['-m', '1', '-m', '2'], { memory: '2' }, []],
    [['-qv'], { quiet: true, verbose: true }, []],
    [['-qvm', '1'], { quiet: true, verbose: true, memory: '1' }, []],
    [['-c', '007'], { count: 7 }, []],
    [['-d', 'a,b', '--device', 'c'], { device: ['a', 'b', 'c'] }, []],
    [['x', '-q', 'y'], { quiet: true }, ['x', 'y']],
    [['-q', '--', '-v', '--memory'], { quiet: true }, ['-v', '--memory']],
    [['-'], {}, ['-']],
  ])('%j', (args, options, operands) => {
    expect(parseArguments(TABLE, args)).toEqual({ options: { ...NOTHING, ...options }, operands });
  });

  it.each<[string[], string, RegExp]>([
    [['--memry', '1'], 'VMM_CLI_OPTION', /--memry; did you mean --memory\?$/],
    [['--frobnicate'], 'VMM_CLI_OPTION', /--frobnicate$/],
    [['-x'], 'VMM_CLI_OPTION', /-x$/],
    [['-qx'], 'VMM_CLI_OPTION', /-x$/],
    [['--toString'], 'VMM_CLI_OPTION', /--toString$/],
    [['--__proto__=1'], 'VMM_CLI_OPTION', /--__proto__$/],
    [['-m'], 'VMM_CLI_VALUE', /-m needs a value: SIZE$/],
    [['--memory'], 'VMM_CLI_VALUE', /--memory needs a value: SIZE$/],
    [['--quiet=yes'], 'VMM_CLI_VALUE', /--quiet takes no value, 'yes' given$/],
    [['-c', 'many'], 'VMM_TEST', /bad many/],
  ])('refuses %j', (args, code, message) => {
    expect(() => parseArguments(TABLE, args)).toThrow(expect.objectContaining({ code, kind: 'usage' }));
    expect(() => parseArguments(TABLE, args)).toThrow(message);
  });

  it('takes everything after -- as it is', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(parseArguments(TABLE, ['--', ...words]).operands).toEqual(words);
      }),
    );
  });

  it('throws nothing but a sentence for the user, whatever the words', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('-m', '--count', '-qv', '--')), { maxLength: 6 }),
        (words) => {
          try {
            parseArguments(TABLE, words);
          } catch (error) {
            expect(error).toMatchObject({ kind: 'usage' });
          }
        },
      ),
    );
  });
});
