import { beforeEach, describe, expect, it } from 'vitest';
import { Monitor } from './monitor.ts';

let pressed: string[];
let screen: string;
let monitor: Monitor;

beforeEach(() => {
  pressed = [];
  screen = '';
  const press = (name: string) => () => void pressed.push(name);
  const target = {
    info: () => ({ rip: '0x1000', instructions: 42 }),
    powerButton: press('powerdown'),
    reset: press('reset'),
    quit: press('quit'),
    leave: press('leave'),
  };
  monitor = new Monitor(target, (text) => {
    screen += text;
  });
  monitor.toggle();
});

const type = (text: string) => monitor.feed(Buffer.from(text));

describe('Monitor', () => {
  it.each(['powerdown', 'reset', 'quit'])('%s', (command) => {
    type(`${command}\r`);
    expect(pressed).toEqual([command]);
  });

  it('c leaves, and what follows is not for it', () => {
    type('c\rquit\r');
    expect(pressed).toEqual(['leave']);
    expect(monitor.isOpen).toBe(false);
  });

  it('info is a table with line ends for a raw terminal', () => {
    type('info\r');
    expect(screen).toContain('rip           0x1000\r\ninstructions  42\r\n(paravane) ');
  });

  it('help lists every command', () => {
    type('help\r');
    for (const name of ['help', 'info', 'powerdown', 'reset', 'quit', 'c']) expect(screen).toContain(`\n${name} `);
  });

  it('echoes, and takes back with backspace and Ctrl-U', () => {
    type('quix\x7ft\r');
    expect(screen).toContain('quix\b \bt\r\n');
    type('reset\x15\r');
    expect(pressed).toEqual(['quit']);
  });

  it('takes back nothing from an empty line', () => {
    const before = screen;
    type('\x7f\x08');
    expect(screen).toBe(before);
  });

  it('says what it does not know', () => {
    type('qiut\rconstructor\r');
    expect(screen).toContain("Unknown command 'qiut'; did you mean 'quit'?");
    expect(screen).toContain("Unknown command 'constructor'");
    expect(pressed).toEqual([]);
  });

  it('toggle forgets a half-typed line', () => {
    type('qu');
    monitor.toggle();
    monitor.toggle();
    type('it\r');
    expect(pressed).toEqual([]);
  });
});
