import { describe, expect, it } from 'vitest';
import { FakePorts } from './fake-ports.cases.ts';
import { RawTerminal } from './raw-terminal.ts';

describe('RawTerminal', () => {
  it('leave puts back what enter changed, and listens no longer', () => {
    const ports = new FakePorts({ isTerminal: true });
    const terminal = new RawTerminal(ports);
    terminal.enter();
    terminal.enter();
    terminal.leave();
    terminal.leave();
    expect(ports.terminalLog).toEqual(['raw', 'cooked']);
    expect(ports.listenerCount()).toBe(0);
  });

  it('is put back when the process exits without leave', () => {
    const ports = new FakePorts({ isTerminal: true });
    new RawTerminal(ports).enter();
    ports.raise('exit');
    expect(ports.terminalLog).toEqual(['raw', 'cooked']);
  });

  it('is put back while the process is stopped', () => {
    const ports = new FakePorts({ isTerminal: true });
    new RawTerminal(ports).enter();
    ports.raise('SIGTSTP');
    ports.raise('SIGCONT');
    expect(ports.terminalLog).toEqual(['raw', 'cooked', 'suspend', 'raw']);
  });

  it('survives a terminal that is gone', () => {
    const ports = new FakePorts({ isTerminal: true });
    const terminal = new RawTerminal(ports);
    terminal.enter();
    ports.stdin.setRawMode = () => {
      throw new Error('setRawMode EIO');
    };
    terminal.leave();
    expect(ports.listenerCount()).toBe(0);
  });

  it('does nothing where stdin is no terminal', () => {
    const ports = new FakePorts();
    const terminal = new RawTerminal(ports);
    expect(terminal.isTerminal).toBe(false);
    terminal.enter();
    expect(ports.listenerCount()).toBe(0);
  });
});
