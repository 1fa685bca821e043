import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleChannel } from '../../backends/console.ts';
import { VirtualConsole } from '../../sdk/virtual-console.ts';
import { SerialSocket } from './serial-socket.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paravane-socket-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('SerialSocket', () => {
  it('carries both directions, refuses a second client and removes its file', async () => {
    const path = join(folder, 'serial');
    const channel = new ConsoleChannel();
    const typed = new Promise<string>((resolve) => {
      channel.onReadable(() => resolve(Buffer.from(channel.peek()).toString()));
    });
    const socket = await SerialSocket.listen(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const served = socket.serve(new VirtualConsole(channel));
    const client = connect(path);
    client.write('typed');
    expect(await typed).toBe('typed');
    expect(await text(connect(path))).toContain('in use');
    const received = text(client);
    channel.write(Buffer.from('printed'));
    channel.close();
    await served;
    expect(await received).toBe('printed');
    expect(existsSync(path)).toBe(false);
  });

  it('drops output while nobody is connected', async () => {
    const channel = new ConsoleChannel();
    const socket = await SerialSocket.listen(join(folder, 'alone'));
    const served = socket.serve(new VirtualConsole(channel));
    channel.write(new Uint8Array(100_000));
    await channel.drained();
    channel.close();
    await served;
  });

  it.each([
    ['a file in the way', async () => writeFile(join(folder, 'file'), ''), 'file'],
    ['a folder that is missing', async () => {}, 'missing/serial'],
    ['a path that is too long', async () => {}, 'x'.repeat(110)],
  ])('refuses %s', async (_, prepare, name) => {
    await prepare();
    await expect(SerialSocket.listen(join(folder, name))).rejects.toMatchObject({ code: 'VMM_SERIAL_SOCKET' });
  });

  it('refuses a path that another process listens on', async () => {
    const path = join(folder, 'taken');
    const first = await SerialSocket.listen(path);
    await expect(SerialSocket.listen(path)).rejects.toThrow('another process listens');
    first.close();
  });
});
