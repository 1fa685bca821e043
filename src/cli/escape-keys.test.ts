import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EscapeKeys, type KeyAction } from './escape-keys.ts';

const bytesOf = (text: string) => Buffer.from(text, 'latin1');

/** Actions as text: data as it is, others in angle brackets. */
function shown(actions: readonly KeyAction[]): string {
  return actions.map((a) => (a.kind === 'data' ? Buffer.from(a.bytes).toString('latin1') : `<${a.kind}>`)).join('');
}

describe('EscapeKeys', () => {
  it.each([
    ['ls\r', 'ls\r'],
    ['\x01x', '<quit>'],
    ['ls\r\x01xrest', 'ls\r<quit>rest'],
    ['\x01c\x01c', '<monitor><monitor>'],
    ['\x01h\x01?', '<help><help>'],
    ['a\x01ab', 'a\x01b'],
    ['\x01\x01x', '\x01x'],
    ['a\x01zb', 'ab'],
    ['\x01', ''],
    ['', ''],
  ])('%j', (typed, expected) => {
    expect(shown(new EscapeKeys().feed(bytesOf(typed)))).toBe(expected);
  });

  it('does not mind where the input is cut', () => {
    const typed = fc.array(fc.constantFrom('a', 'x', 'c', 'h', '\x01', '\r', 'ü'), { maxLength: 20 });
    fc.assert(
      fc.property(typed, fc.nat(20), (characters, cut) => {
        const bytes = bytesOf(characters.join(''));
        const keys = new EscapeKeys();
        const inPieces = [...keys.feed(bytes.subarray(0, cut)), ...keys.feed(bytes.subarray(cut))];
        expect(shown(inPieces)).toBe(shown(new EscapeKeys().feed(bytes)));
      }),
    );
  });
});
