import { describe, expect, it } from 'vitest';
import { buildInitramfs, findApplets, SHELL_INIT_SCRIPT } from './initramfs.ts';

function binaryWith(names: readonly string[]): Uint8Array {
  return Buffer.from(`\x7fELF code [\0[[ more\0${names.join('\0')}\0\0 data`, 'latin1');
}

describe('findApplets', () => {
  it('reads the table of names out of the binary', () => {
    expect(findApplets(binaryWith(['[', '[[', 'ash', 'busybox', 'sh']))).toEqual(['[', '[[', 'ash', 'busybox', 'sh']);
  });

  it.each([
    ['without a table', Buffer.from('\x7fELF')],
    ['whose table has no shell', binaryWith(['[', '[[', 'ash'])],
    ['whose table is not one', binaryWith(['[', '[[', 'sh', 'a name with blanks'])],
  ])('is null for a binary %s', (_, binary) => {
    expect(findApplets(binary)).toBeNull();
  });
});

describe('buildInitramfs', () => {
  const names = (archive: Uint8Array) => Buffer.from(archive).toString('latin1');

  it('links every applet but busybox itself', () => {
    const text = names(buildInitramfs({ busybox: binaryWith(['[', '[[', 'busybox', 'sh']) }));
    for (const path of ['bin/[', 'bin/[[', 'bin/sh', 'dev/console', 'init', 'proc', 'sys'])
      expect(text).toContain(`${path}\0`);
    expect(text.split('bin/busybox\0').length - 1).toBe(1);
  });

  it('gives a shell where no other script is asked for', () => {
    const busybox = new Uint8Array(0);
    expect(names(buildInitramfs({ busybox }))).toContain(SHELL_INIT_SCRIPT);
    const custom = names(buildInitramfs({ busybox, initScript: '#!/bin/sh\necho mine\n' }));
    expect(custom).toContain('echo mine');
    expect(custom).not.toContain('cttyhack sh');
  });

  it('is the same for the same input', () => {
    const busybox = binaryWith(['[', '[[', 'sh']);
    expect(buildInitramfs({ busybox })).toEqual(buildInitramfs({ busybox }));
  });
});
